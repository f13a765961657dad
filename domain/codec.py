"""Events to bytes and back. The stored bytes are what is hashed; they are never encoded again."""

import msgspec

from domain.errors import LogUnreadable
from domain.events import TYPES, Event, ExampleAnswered, Score

_NAMES: dict[type[Event | Score], str] = {Score: "example_scored"} | {event: name for name, event in TYPES.items()}
_encoder = msgspec.json.Encoder()
_decoders = {name: msgspec.json.Decoder(event) for name, event in TYPES.items()}
_list_decoders: dict[str, msgspec.json.Decoder[list[ExampleAnswered | Score]]] = {
    "example_answered": msgspec.json.Decoder(list[ExampleAnswered]),
    "example_scored": msgspec.json.Decoder(list[Score]),
}
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def type_name(event: Event | Score) -> str:
    """Give the event's name on the wire."""
    return _NAMES[type(event)]


def encode(event: Event) -> bytes:
    """Give the event's body. Scores must be finite: JSON has no other numbers."""
    return _encoder.encode(event)


def decode(name: str, body: bytes) -> Event:
    """Read an event's body; LogUnreadable for a type or a body this version does not know."""
    decoder = _decoders.get(name)
    if decoder is None:
        raise LogUnreadable(f"the log holds events of type '{name}', written by a newer matchspec: upgrade to read it")
    try:
        return decoder.decode(body)
    except _UNREADABLE as error:
        raise LogUnreadable(f"the log holds a '{name}' event that can't be read: {error}") from error


def decode_folded(name: str, bodies: bytes) -> list[ExampleAnswered | Score]:
    """Read what is folded of askings of one type, a JSON array of their bodies; LogUnreadable for an unreadable one."""
    try:
        return _list_decoders[name].decode(bodies)
    except _UNREADABLE as error:
        raise LogUnreadable(f"the log holds a '{name}' event that can't be read: {error}") from error
