"""Real workers and servers that are killed, frozen or stopped, and a PostgreSQL that restarts, while a run goes on."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from live_server import Document
from postgres import Server as Postgres
from postgres import bodies_of, find_programs, new_database, scored_ids, types_of
from project import examples, write_project
from server import Model, Server, Worker, recorded_model, until

from service.log.address import PostgresUrl
from service.log.verifying import verify_log

pytestmark = [pytest.mark.xdist_group("postgres"), pytest.mark.slow, pytest.mark.timeout(240)]

COUNT = 400
CALLS = 8
"""Of each worker; a run makes twice as many at once."""
FROZEN_SECONDS = 60.0 if os.environ.get("MATCHSPEC_TEST_LONG") else 14.0


class Scene:
    """A server that makes no calls, workers, and a model that takes its time."""

    def __init__(self, folder: Path, db: PostgresUrl, model: Model, stack: ExitStack) -> None:
        self.db = db
        self.model = model
        self.run_id = ""
        self._stack = stack
        self.config = write_project(
            folder, examples=examples(COUNT), model=model.spec, harness={"concurrency": 2 * CALLS}
        )

    def server(self) -> Server:
        """Start a server that leaves all calls to workers."""
        return self._stack.enter_context(Server(self.config, "--db", self.db.url, "--max-model-calls", "0"))

    def worker(self) -> Worker:
        """Start a worker."""
        options = ("--db", self.db.url, "--concurrency", str(CALLS), "--config", self.config)
        return self._stack.enter_context(Worker(self.config.parent, *options))

    def begin(self, server: Server, recorded: int) -> None:
        """Start a run, and wait until so many examples are scored."""
        self.run_id = server.start_run()
        self.reach(recorded)

    def reach(self, recorded: int) -> None:
        """Wait until so many examples are scored."""
        until(lambda: len(scored_ids(self.db, self.run_id)) >= recorded, 60, f"{recorded} scores")

    def resumed(self) -> list[Document]:
        """What is recorded of takeovers."""
        return bodies_of(self.db, self.run_id, "resumed")

    def assert_right(self, document: Document, most_extra: int) -> None:
        """The run has its verdict, each example is recorded once, and few were asked twice."""
        assert (document["status"], len(document["examples"])) == ("passed", COUNT)
        ids = scored_ids(self.db, self.run_id)
        assert (len(ids), len(set(ids))) == (COUNT, COUNT)
        assert types_of(self.db, self.run_id)[-1] == "finished"
        assert self.model.calls().total - COUNT <= most_extra
        assert verify_log(self.db).breaks == []


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A database without a log, and a model that answers after 100 ms."""
    outputs = {f"q{n}": f"q{n}" for n in range(COUNT)}
    with recorded_model(tmp_path, outputs, 100) as model, ExitStack() as stack:
        yield Scene(tmp_path, new_database(), model, stack)


def test_a_killed_workers_examples_are_taken_up(scene: Scene) -> None:
    """kill -9: within 15 seconds the other worker goes on with its share, and one takeover is recorded."""
    server, killed, _ = scene.server(), scene.worker(), scene.worker()
    scene.begin(server, 60)
    killed.kill()
    until(lambda: bool(scene.resumed()), 40, "a takeover")  # 15 s, on a machine that has time
    document = server.result(scene.run_id)
    scene.assert_right(document, CALLS)
    assert [body["after"] for body in scene.resumed()] == ["crash"]


def test_a_frozen_worker_records_nothing_twice_when_it_wakes(scene: Scene) -> None:
    """SIGSTOP: another one takes its share up meanwhile; when it wakes it lets go, and works on the next run."""
    server, frozen, _ = scene.server(), scene.worker(), scene.worker()
    scene.begin(server, 60)
    frozen.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    until(lambda: bool(scene.resumed()), 40, "a takeover")
    until(lambda: time.monotonic() - began > FROZEN_SECONDS, FROZEN_SECONDS + 5, "the end of the frost")
    frozen.process.send_signal(signal.SIGCONT)
    scene.assert_right(server.result(scene.run_id), 2 * CALLS)
    asked = scene.model.calls().total
    again = server.result(server.start_run())
    assert again["status"] == "passed"
    assert scene.model.calls().total - asked == COUNT
    assert "Traceback" not in frozen.said()


def test_a_run_needs_no_server_to_end(scene: Scene) -> None:
    """kill -9 of the server that accepted a run: its workers end it, and the next server shows the verdict."""
    server = scene.server()
    scene.worker()
    scene.worker()
    scene.begin(server, 60)
    server.kill()
    until(lambda: types_of(scene.db, scene.run_id)[-1] == "finished", 60, "the end of the run")
    scene.assert_right(scene.server().result(scene.run_id), 0)
    assert scene.resumed() == []


def test_a_stopped_worker_hands_on_at_once(scene: Scene) -> None:
    """SIGTERM: what is in flight is recorded, the worker ends with 0, and the other one goes on within seconds."""
    server, stopped, _ = scene.server(), scene.worker(), scene.worker()
    scene.begin(server, 60)
    assert stopped.stop() == 0
    until(lambda: bool(scene.resumed()), 20, "the handing on")
    scene.assert_right(server.result(scene.run_id), 0)
    assert {body["after"] for body in scene.resumed()} == {"stop"}
    assert "Traceback" not in stopped.said()


def test_workers_wait_while_postgres_restarts(tmp_path: Path) -> None:
    """PostgreSQL goes away for some seconds: nothing is recorded twice, none is taken for dead, and the run ends."""
    postgres = Postgres(find_programs())
    postgres.create()
    outputs = {f"q{n}": f"q{n}" for n in range(COUNT)}
    try:
        postgres.start()
        with recorded_model(tmp_path, outputs, 100) as model, ExitStack() as stack:
            scene = Scene(tmp_path, new_database(postgres.url), model, stack)
            server, *workers = scene.server(), scene.worker(), scene.worker()
            scene.begin(server, 60)
            postgres.stop()
            time.sleep(3)
            postgres.start()
            scene.assert_right(server.result(scene.run_id), 2 * CALLS)
            assert scene.resumed() == []
            assert not [said for said in (worker.said() for worker in workers) if "Traceback" in said]
    finally:
        postgres.remove()
