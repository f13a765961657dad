"""Events to bytes and back. The stored bytes are what is hashed; they are never encoded again."""

import msgspec

from domain.errors import LogUnreadable
from domain.events import TYPES, Event, ExampleAnswered, ExampleScored

_NAMES: dict[type[Event], str] = {event: name for name, event in TYPES.items()}
_encoder = msgspec.json.Encoder()
_decoders = {name: msgspec.json.Decoder(event) for name, event in TYPES.items()}
_list_decoders: dict[str, msgspec.json.Decoder[list[Event]]] = {
    "example_answered": msgspec.json.Decoder(list[ExampleAnswered]),
    "example_scored": msgspec.json.Decoder(list[ExampleScored]),
}
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def type_name(event: Event) -> str:
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


def decode_all(name: str, bodies: bytes) -> list[Event]:
    """Read askings of one type from a JSON array of their bodies; LogUnreadable for one that can't be read."""
    try:
        return _list_decoders[name].decode(bodies)
    except _UNREADABLE as error:
        raise LogUnreadable(f"the log holds a '{name}' event that can't be read: {error}") from error
