"""What `kill -9` in the middle of a run takes away, and what it takes to go on."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.peers import served
from benchmarks.peers.model import Model
from benchmarks.peers.peer import Peer
from benchmarks.peers.processes import kill, run, started, wait_until
from benchmarks.peers.work import Scores, Work


class Killed(NamedTuple):
    """Examples: answered by the model before the kill, of these in the store after it, answered by the model a second
    time, and in the store at the end; and what a person had to type.
    """

    answered: int
    stored: int
    again: int
    final: int
    by_hand: str

    @property
    def lost(self) -> int:
        """Answers that were given and are nowhere."""
        return self.answered - self.stored


def is_halfway(model: Model, work: Work) -> Callable[[], bool]:
    """Whether the model has answered half of the examples."""
    return lambda: model.counts().answered >= work.case.examples // 2


def kill_peer(peer: Peer, programs: Path, work: Work, model: Model) -> Killed:
    """Kills all of its processes halfway, looks, and types what it takes."""
    command = (peer.kill_command or peer.command)(programs, work)
    with started(command, work.folder) as process:
        wait_until(is_halfway(model, work), process, work.folder)
        kill(process)
    answered, stored = model.counts().answered, peer.scores(programs, work).answered
    for step in peer.go_on(programs, work):
        run(step, work.folder)
    return told(answered, stored, model, peer.scores(programs, work), peer.by_hand)


def kill_server(work: Work, model: Model) -> Killed:
    """Kills the server halfway, looks into its log, and starts it again."""
    with served.serving(work) as server:
        server.post_run()
        wait_until(is_halfway(model, work), server.process, work.folder)
        kill(server.process)
    answered, stored = model.counts().answered, served.scores(work).answered
    with served.serving(work) as server:
        server.wait_for_end()
        server.stop()
    return told(answered, stored, model, served.scores(work), served.BY_HAND)


def told(answered: int, stored: int, model: Model, final: Scores, by_hand: str) -> Killed:
    """One line of the table."""
    return Killed(answered, stored, model.counts().again, final.answered, by_hand)
