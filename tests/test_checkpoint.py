"""The text of a checkpoint: what is written, and that nothing else is read."""

import base64
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from doc_pages import LOG_FORMAT, block, table_under
from hypothesis import given
from hypothesis import strategies as st
from keys import Keys, write_keys

from domain.checkpoint import Checkpoint, Found, Note, Signature, contradiction, encode, key_id, parse, text
from domain.errors import InvalidCheckpoint, InvalidFiles
from service.log import signing
from service.log.signing import VARIABLE, load_public_key, load_signer

LOG_ID = "00112233445566778899aabbccddeeff"
HASH = bytes(range(32))
AT = "2026-03-15T14:30:22.123456Z"
CHECKPOINT = Checkpoint(LOG_ID, 1253, HASH, AT)
NAME = f"matchspec/{LOG_ID}"

TEXT = (
    "matchspec/00112233445566778899aabbccddeeff\n"
    "1253\n"
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    "time 2026-03-15T14:30:22.123456Z\n"
)
# A signature of 64 zero bytes by the key 01020304.
SIGNED = (
    f"{TEXT}\n— {NAME} AQIDBAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
)
SIGNATURE = Signature(NAME, bytes([1, 2, 3, 4]), bytes(64))

MISSPELT = {
    "empty": "",
    "a line less": TEXT.replace("1253\n", ""),
    "no time": TEXT.replace("time 2026-03-15T14:30:22.123456Z\n", ""),
    "no last newline": TEXT[:-1],
    "an extra line": TEXT + "more\n",
    "an extra line before the signatures": SIGNED.replace("Z\n", "Z\nmore\n"),
    "a gap without signatures": TEXT + "\n",
    "two gaps": SIGNED.replace("\n\n", "\n\n\n"),
    "a line behind the signatures": SIGNED + "\n",
    "another text first": "matchspec/other\n1\n\n" + SIGNED,
    "CRLF": TEXT.replace("\n", "\r\n"),
    "one CR": TEXT.replace("1253\n", "1253\r\n"),
    "another program's": TEXT.replace("matchspec/", "example.com/"),
    "no log": TEXT.replace(LOG_ID, ""),
    "a space in the log": TEXT.replace(LOG_ID, "00 11"),
    "a leading zero": TEXT.replace("1253", "01253"),
    "a sign": TEXT.replace("1253", "+1253"),
    "a space": TEXT.replace("1253", " 1253"),
    "an underscore": TEXT.replace("1253", "1_253"),
    "digits of another script": TEXT.replace("1253", "١٢٥٣"),
    "position 0": TEXT.replace("1253", "0"),
    "a negative position": TEXT.replace("1253", "-1253"),
    "a huge position": TEXT.replace("1253", "9" * 19),
    "a giant position": TEXT.replace("1253", "9" * 50_000),
    "31 bytes of hash": TEXT.replace("Hh8=", "Hg=="),
    "33 bytes of hash": TEXT.replace("Hh8=", "Hh8A"),
    "bits behind the hash": TEXT.replace("Hh8=", "Hh9="),  # decodes to the same 32 bytes
    "base64 for URLs": TEXT.replace("AAEC", "__-_"),
    "base64 without its end": TEXT.replace("Hh8=", "Hh8"),
    "a space in the hash": TEXT.replace("AAEC", "AA EC"),
    "a time with a zone": TEXT.replace("Z\n", "+00:00\n"),
    "a time in seconds": TEXT.replace(".123456", ""),
    "a NUL": TEXT.replace("time ", "time\x00"),
    "a signature with a hyphen": SIGNED.replace("— ", "- "),
    "a signature without a name": SIGNED.replace(f"— {NAME} ", "— "),
    "a signature of a key id alone": f"{TEXT}\n— {NAME} AQIDBA==\n",
    "bits behind a signature": SIGNED.replace("AAA=\n", "AAB=\n"),
    "a signature with a gap": SIGNED.replace("AQIDBA", "AQID BA"),
    "a signature and half of one": SIGNED + "— other",
    "too long": SIGNED + f"— other {'AAAA' * 30_000}\n",
}


def test_the_text_is_that_of_the_format() -> None:
    """Origin, position, hash and time, a line each; a signature stands behind an empty line."""
    assert text(CHECKPOINT).decode() == TEXT
    assert encode(Note(CHECKPOINT)).decode() == TEXT
    assert encode(Note(CHECKPOINT, (SIGNATURE,))).decode() == SIGNED


def test_what_is_written_is_read() -> None:
    """With no signature, with one, and with those of keys that nobody here knows, of any length."""
    assert parse(TEXT.encode()) == Note(CHECKPOINT)
    assert parse(SIGNED.encode()) == Note(CHECKPOINT, (SIGNATURE,))
    others = tuple(Signature(f"witness.example/{number}", b"abcd", b"x" * number) for number in range(1, 20))
    assert parse(encode(Note(CHECKPOINT, (SIGNATURE, *others)))) == Note(CHECKPOINT, (SIGNATURE, *others))


@pytest.mark.parametrize("spelt", MISSPELT.values(), ids=MISSPELT)
def test_no_other_spelling_is_read(spelt: str) -> None:
    """Nothing that is not to the byte what would be written."""
    with pytest.raises(InvalidCheckpoint):
        parse(spelt.encode())


@pytest.mark.parametrize("content", [b"\xff" + TEXT.encode(), TEXT.encode("utf-16"), TEXT.encode()[:-1] + b"\xc3\n"])
def test_bytes_that_are_no_utf8_are_refused(content: bytes) -> None:
    """They are an InvalidCheckpoint like everything else."""
    with pytest.raises(InvalidCheckpoint):
        parse(content)


@given(st.integers(0, len(SIGNED.encode()) - 1), st.integers(0, 255), st.sampled_from(["put", "cut", "set"]))
def test_a_changed_byte_is_refused_or_says_something_else(place: int, byte: int, how: str) -> None:
    """No two texts are one note: a byte put in, cut out or set is either no checkpoint or another one."""
    content = bytearray(SIGNED.encode())
    match how:
        case "put":
            content.insert(place, byte)
        case "cut":
            del content[place]
        case _:
            content[place] = byte
    try:
        found = parse(bytes(content))
    except InvalidCheckpoint:
        return
    assert (found == Note(CHECKPOINT, (SIGNATURE,))) == (bytes(content) == SIGNED.encode())


def test_a_key_has_the_name_that_signed_notes_give_it() -> None:
    """SHA-256 of the name, a newline, the byte 1 and the key, cut to 4 bytes."""
    key = bytes(range(32, 64))
    expected = hashlib.sha256(b"example.com/log\x0a\x01" + key).digest()[:4]
    assert key_id("example.com/log", key) == expected


@pytest.mark.parametrize(
    ("log_id", "found", "said"),
    [
        (LOG_ID, Found(HASH, AT), None),
        (
            LOG_ID,
            Found(HASH, "2026-03-15T14:30:22.123457Z"),
            "event 1253 is of 2026-03-15T14:30:22.123457Z in the log, of 2026-03-15T14:30:22.123456Z in it",
        ),
        (LOG_ID, None, "the log ends before event 1253"),
        (LOG_ID, Found(bytes(32), AT), f"event 1253 has the hash {'00' * 32} in the log, {HASH.hex()} in it"),
        ("ff", Found(HASH, AT), f"it is one of the log {LOG_ID}, and this is the log ff"),
    ],
)
def test_a_log_agrees_with_its_checkpoint_or_not(log_id: str, found: Found | None, said: str | None) -> None:
    """It agrees where it has the hash at the position, and is the log that the checkpoint names."""
    assert contradiction(CHECKPOINT, log_id, found) == said


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """A key."""
    return write_keys(tmp_path)


def test_a_signed_checkpoint_is_the_keys(keys: Keys) -> None:
    """It is accepted with its public key, survives being written and read, and no other key accepts it."""
    note = keys.signer.sign(CHECKPOINT)
    assert keys.verifier.reject(parse(encode(note))) is None
    assert write_keys(keys.private.parent, 2).verifier.reject(note) == "it is not signed with this key"
    assert keys.verifier.reject(Note(CHECKPOINT)) == "it is not signed with this key"


def test_signatures_of_others_neither_help_nor_harm(keys: Keys) -> None:
    """A note is read by the lines of the known key alone; one of them that is wrong spoils it."""
    own = keys.signer.sign(CHECKPOINT).signatures[0]
    others = (Signature("witness.example", own.key_id, own.content), Signature(NAME, b"abcd", own.content))
    assert keys.verifier.reject(Note(CHECKPOINT, (*others, own))) is None
    assert keys.verifier.reject(Note(CHECKPOINT, others)) == "it is not signed with this key"
    wrong = own._replace(content=own.content[:-1] + bytes([own.content[-1] ^ 1]))
    for signatures in [(wrong,), (own, wrong), (wrong, own)]:
        assert keys.verifier.reject(Note(CHECKPOINT, signatures)) == "its signature is wrong"


@pytest.mark.parametrize(
    "changed",
    [
        CHECKPOINT._replace(position=1252),
        CHECKPOINT._replace(hash=bytes(32)),
        CHECKPOINT._replace(at="2026-03-15T14:30:22.123457Z"),
    ],
)
def test_a_signature_covers_every_line(keys: Keys, changed: Checkpoint) -> None:
    """A checkpoint that was changed under its signature is refused; of another log, the key has another name."""
    signatures = keys.signer.sign(CHECKPOINT).signatures
    assert keys.verifier.reject(Note(changed, signatures)) == "its signature is wrong"
    other = CHECKPOINT._replace(log_id="ff")
    assert keys.verifier.reject(Note(other, signatures)) == "it is not signed with this key"


def test_a_signature_of_another_length_is_wrong(keys: Keys) -> None:
    """63 or 65 bytes are no Ed25519 signature, and no fault of the program."""
    own = keys.signer.sign(CHECKPOINT).signatures[0]
    for content in (own.content[:63], own.content + b"\0", b"\0"):
        assert keys.verifier.reject(Note(CHECKPOINT, (own._replace(content=content),))) == "its signature is wrong"


def test_the_checkpoint_shown_is_one(keys: Keys) -> None:
    """That of docs/log-format.md is of the second event of its test vector, and signed with the key it names."""
    vector = {row[0]: row[2] for row in table_under(LOG_FORMAT, "| | event 1 | event 2 |")}
    note = parse(block(LOG_FORMAT, "checkpoint").encode())
    assert note.checkpoint == Checkpoint(LOG_ID, 2, bytes.fromhex(vector["hash"]), vector["at"])
    assert keys.verifier.reject(note) is None


def test_openssl_makes_the_keys_and_accepts_the_signature(tmp_path: Path) -> None:
    """The two commands of the documentation make the files, and a third program finds the signature right."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    private, public = tmp_path / "key.pem", tmp_path / "key.pub.pem"
    subprocess.run([openssl, "genpkey", "-algorithm", "ed25519", "-out", private], check=True, timeout=30)
    subprocess.run([openssl, "pkey", "-in", private, "-pubout", "-out", public], check=True, timeout=30)
    keys = Keys(private, public)
    *lines, _, signature = encode(keys.signer.sign(CHECKPOINT)).decode().splitlines()
    (tmp_path / "text").write_text("".join(f"{line}\n" for line in lines))
    (tmp_path / "signature").write_bytes(base64.b64decode(signature.split()[2])[4:])
    command = [openssl, "pkeyutl", "-verify", "-pubin", "-inkey", "key.pub.pem", "-rawin", "-in", "text"]
    command += ["-sigfile", "signature"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=30, capture_output=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "can't be read: No such file or directory"),
        ("not a key", "is not a private key in PEM without a password"),
        ("public", "is not a private key in PEM without a password"),
    ],
)
def test_a_key_that_can_not_be_used_is_told(keys: Keys, content: str | None, said: str) -> None:
    """The sentence names the variable, the file and what is wrong with it."""
    path = keys.private.parent / "other.pem"
    if content:
        path.write_text(keys.public.read_text() if content == "public" else content)
    with pytest.raises(InvalidFiles) as refused:
        load_signer({VARIABLE: str(path)})
    assert str(refused.value) == f"{VARIABLE}: the file {path} {said}"


def test_a_public_key_that_can_not_be_used_is_told(keys: Keys) -> None:
    """A private key is not a public one."""
    with pytest.raises(InvalidFiles, match=r"--public-key: the file .*key-1\.pem is not a public key in PEM"):
        load_public_key(str(keys.private))


def test_without_the_extra_a_key_is_a_mistake(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says what to install; without a key nothing is missing."""
    monkeypatch.setattr(signing, "find_spec", lambda _name: None)
    with pytest.raises(InvalidFiles, match=r"not installed: pip install 'matchspec\[signing\]'"):
        load_signer({VARIABLE: str(keys.private)})
    assert load_signer({VARIABLE: "  "}) is None
    assert load_signer({}) is None
