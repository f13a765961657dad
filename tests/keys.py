"""Ed25519 keys in PEM files, as `openssl genpkey` and `openssl pkey` write them."""

from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from service.log.signing import VARIABLE, PublicKey, Signer, load_public_key, load_signer


class Keys(NamedTuple):
    """The two files of a key."""

    private: Path
    public: Path

    @property
    def signer(self) -> Signer:
        """The key to sign with."""
        signer = load_signer({VARIABLE: str(self.private)})
        assert signer
        return signer

    @property
    def verifier(self) -> PublicKey:
        """The key to check with."""
        return load_public_key(str(self.public))


def write_keys(folder: Path, seed: int = 1) -> Keys:
    """Write a key whose 32 secret bytes are all the same number."""
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    keys = Keys(folder / f"key-{seed}.pem", folder / f"key-{seed}.pub.pem")
    keys.private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    keys.public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return keys
