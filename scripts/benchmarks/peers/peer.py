"""What is known of each program that is measured."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.processes import Command
from benchmarks.peers.work import Scores, Work


@dataclass(frozen=True)
class Peer:
    """A program that is started for one run and ends with it.

    `install` gives the folder of its programs, which the other functions are given; NotInstalled where it can't be had.
    `scores` reads its store, also when it was killed. `go_on` has what a person types after a kill, in order, and
    `by_hand` says it. `kill_command` is there where a killed run can be gone on with only under other settings.
    """

    name: str
    version: str
    install: Callable[[], Path]
    write: Callable[[Work], None]
    command: Callable[[Path, Work], Command]
    store: Callable[[Work], Path]
    scores: Callable[[Path, Work], Scores]
    go_on: Callable[[Path, Work], list[Command]]
    by_hand: str
    kill_command: Callable[[Path, Work], Command] | None = None
