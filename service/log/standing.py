"""How checkpoints stand to a log that was read: they agree with it, were declared void, or contradict it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from domain.checkpoint import Note, contradiction
from domain.errors import InvalidCheckpoint, InvalidFiles
from domain.mistakes import Mistake
from service.log.address import LogAddress
from service.log.checkpoint_file import read_checkpoint
from service.log.signing import PublicKey
from service.log.verifying import Verified


class Kept(NamedTuple):
    """A checkpoint: the log's own, or a copy `elsewhere`; `fault` where the file holds none."""

    path: LogAddress
    elsewhere: bool
    note: Note | None
    fault: str | None = None


class Standing(NamedTuple):
    """What came of holding a log against a checkpoint, in a sentence."""

    kept: Kept
    outcome: Literal["agrees", "accepted", "breaks"]
    said: str


def read_kept(path: Path) -> Kept | None:
    """Read a log's own checkpoint; None where there is none."""
    kept = _read(path, elsewhere=False)
    return kept if kept.note or kept.fault else None


def read_given(path: Path) -> Kept:
    """Read a checkpoint that was kept elsewhere; InvalidFiles where there is no file."""
    kept = _read(path, elsewhere=True)
    if not (kept.note or kept.fault):
        raise InvalidFiles([Mistake(f"there is no file {path}", field="--checkpoint")])
    return kept


def _read(path: Path, *, elsewhere: bool) -> Kept:
    try:
        return Kept(path, elsewhere, read_checkpoint(path))
    except InvalidCheckpoint as error:
        return Kept(path, elsewhere, None, str(error))


def hold(verified: Verified, kept: Sequence[Kept], key: PublicKey | None) -> list[Standing]:
    """Hold a log against its own checkpoint and copies kept elsewhere; with a key, only those count that it signed.

    A void one counts as accepted only while the log's own checkpoint covers the acceptance: whoever can write an
    event may not thereby take back what is kept elsewhere.
    """
    own = [_hold_one(verified, one, key, 0) for one in kept if not one.elsewhere]
    covered = max(
        (one.kept.note.checkpoint.position for one in own if one.outcome == "agrees" and one.kept.note), default=0
    )
    return own + [_hold_one(verified, one, key, covered) for one in kept if one.elsewhere]


def _hold_one(verified: Verified, kept: Kept, key: PublicKey | None, covered: int) -> Standing:
    if kept.note is None:
        return Standing(kept, "breaks", kept.fault or "")
    checkpoint = kept.note.checkpoint
    said = f"event {checkpoint.position} of {checkpoint.at}"
    refused = key.reject(kept.note) if key else None
    if refused:
        return Standing(kept, "breaks", f"{said}: {refused}")
    if not verified.whole and checkpoint.position > verified.head.position:
        return Standing(kept, "breaks", f"{said} is not reached: the log breaks before it")
    if why := contradiction(checkpoint, verified.log_id, verified.found.get(checkpoint.position)):
        for accepted in verified.accepted:
            void = (accepted.void.position, accepted.void.hash)
            if void == (checkpoint.position, checkpoint.hash.hex()) and accepted.position <= covered:
                accepted_at = f"declared void by event {accepted.position} of {accepted.at}"
                return Standing(kept, "accepted", f"{said}: {why}; {accepted_at}")
        return Standing(kept, "breaks", f"{said}: {why}")
    return Standing(kept, "agrees", f"{said} agrees, {_signed(kept.note, key)}")


def _signed(note: Note, key: PublicKey | None) -> str:
    if key:
        return "signed with the key"
    if not note.signatures:
        return "not signed"
    names = ", ".join(f"{one.name}+{one.key_id.hex()}" for one in note.signatures)
    return f"signed by {names}, not checked: --public-key does"
