"""All that are measured, seen alike: something that runs the examples, and that can be killed while it does."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.peers import inspect_ai, killing, matchspec, processes, promptfoo, pydantic_evals, served
from benchmarks.peers.environments import NotInstalled
from benchmarks.peers.killing import Killed
from benchmarks.peers.model import Model
from benchmarks.peers.peer import Peer
from benchmarks.peers.processes import Used, stored_bytes
from benchmarks.peers.work import Scores, Work

PEERS = (matchspec.PEER, pydantic_evals.PEER, promptfoo.PEER, inspect_ai.PEER)
NAMES = (served.NAME, *(peer.name for peer in PEERS))


class Outcome(NamedTuple):
    """What a run used, what it gave, and how many bytes it left on the disk."""

    used: Used
    scores: Scores
    stored: int


class Contestant(NamedTuple):
    """A name for the table, a version, and what is done with it."""

    name: str
    version: str
    write: Callable[[Work], None]
    run: Callable[[Work], Outcome]
    kill: Callable[[Work, Model], Killed]


def contestants(wanted: set[str], missing: dict[str, str]) -> Iterator[Contestant]:
    """Those that are wanted, installed; into `missing` goes why one can't be."""
    if served.NAME in wanted:
        yield Contestant(served.NAME, matchspec.PEER.version, matchspec.write, _run_served, killing.kill_server)
    for peer in PEERS:
        if peer.name in wanted:
            try:
                yield _contestant(peer, peer.install())
            except NotInstalled as reason:
                missing[peer.name] = str(reason)


def _contestant(peer: Peer, programs: Path) -> Contestant:
    def run(work: Work) -> Outcome:
        used = processes.run(peer.command(programs, work), work.folder)
        return Outcome(used, peer.scores(programs, work), stored_bytes(peer.store(work)))

    def kill(work: Work, model: Model) -> Killed:
        return killing.kill_peer(peer, programs, work, model)

    return Contestant(peer.name, peer.version, peer.write, run, kill)


def _run_served(work: Work) -> Outcome:
    used = served.run(work)
    return Outcome(used, served.scores(work), stored_bytes(served.store(work)))
