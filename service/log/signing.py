"""Signed checkpoints: Ed25519 keys in PEM files, as `openssl genpkey -algorithm ed25519` makes them.

The package `cryptography` comes with the extra `signing` and is imported where a key is used.
"""

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import NamedTuple

from domain import checkpoint as checkpoints
from domain.checkpoint import Checkpoint, Note, Signature
from domain.errors import InvalidFiles
from domain.mistakes import Mistake
from service.log.regular import open_regular

VARIABLE = "MATCHSPEC_CHECKPOINT_KEY"
_LARGEST_KEY = 10_000


class PublicKey(NamedTuple):
    """A key to check signatures with: its 32 bytes, and whether a signature of a text is its own."""

    raw: bytes
    accepts: Callable[[bytes, bytes], bool]

    def reject(self, note: Note) -> str | None:
        """Say why a note is not one of this key; None where it is. Signatures of other keys mean nothing."""
        own = self._own_signatures(note)
        if not own:
            return "it is not signed with this key"
        return self.find_forged(note)

    def find_forged(self, note: Note) -> str | None:
        """Say that a signature which names this key is not the key's; None where there is no such signature."""
        text = checkpoints.text(note.checkpoint)
        genuine = all(self.accepts(one.content, text) for one in self._own_signatures(note))
        return None if genuine else "its signature is wrong"

    def _own_signatures(self, note: Note) -> list[Signature]:
        name = note.checkpoint.origin
        own = (name, checkpoints.key_id(name, self.raw))
        return [one for one in note.signatures if (one.name, one.key_id) == own]


class Signer(NamedTuple):
    """A key to sign with."""

    public: PublicKey
    sign_text: Callable[[bytes], bytes]

    def sign(self, checkpoint: Checkpoint) -> Note:
        """Sign a checkpoint; the key has the name of the log."""
        name = checkpoint.origin
        signature = self.sign_text(checkpoints.text(checkpoint))
        return Note(checkpoint, (Signature(name, checkpoints.key_id(name, self.public.raw), signature),))


def load_signer(environment: Mapping[str, str]) -> Signer | None:
    """Read the key that MATCHSPEC_CHECKPOINT_KEY names; None where it names none, InvalidFiles where it can't be."""
    name = environment.get(VARIABLE, "").strip()
    if not name:
        return None
    content = _read(name, VARIABLE)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - as above

    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError) as error:
        raise _refusal(name, "is not a private key in PEM without a password", VARIABLE) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _refusal(
            name, "is a private key of another kind: make one with openssl genpkey -algorithm ed25519", VARIABLE
        )
    return Signer(_public_key(key.public_key().public_bytes_raw()), key.sign)


def load_public_key(name: str) -> PublicKey:
    """Read a public key; InvalidFiles where the file holds none."""
    content = _read(name, "--public-key")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415 - as above

    try:
        key = load_pem_public_key(content)
    except ValueError as error:
        raise _refusal(name, "is not a public key in PEM", "--public-key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise _refusal(name, "is a public key of another kind; it must be Ed25519", "--public-key")
    return _public_key(key.public_bytes_raw())


def _public_key(raw: bytes) -> PublicKey:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - as above

    key = Ed25519PublicKey.from_public_bytes(raw)

    def accepts(signature: bytes, text: bytes) -> bool:
        try:
            key.verify(signature, text)
        except InvalidSignature:
            return False
        return True

    return PublicKey(raw, accepts)


def _read(name: str, source: str) -> bytes:
    try:
        with os.fdopen(open_regular(name, os.O_RDONLY), "rb") as file:
            content = file.read(_LARGEST_KEY)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a possible file name"
        raise _refusal(name, f"can't be read: {reason}", source) from error
    if not find_spec("cryptography"):
        missing = "signed checkpoints need a package that is not installed: pip install 'matchspec[signing]'"
        raise InvalidFiles([Mistake(missing, field=source)])
    return content


def _refusal(name: str, what: str, source: str) -> InvalidFiles:
    return InvalidFiles([Mistake(f"the file {name} {what}", field=source)])
