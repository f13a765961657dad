"""The network between a process that carries a run and PostgreSQL is cut, and comes back."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from cut_network import ADDRESSES, Cut, CutNetwork, Place, cut_network
from live_server import BrokenError, free_port
from postgres import Server as Postgres
from postgres import bodies_of, find_programs, new_database, scored_ids
from project import examples, write_project
from server import Model, Server, Worker, recorded_model, until

from service.log.address import PostgresUrl
from service.log.verifying import verify_log

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.xdist_group("postgres")]

COUNT = 240
AT_ONCE = 4
TAKEOVER_SECONDS = 40  # 15 are promised; this one only catches what never happens


class Scene(NamedTuple):
    """A network with PostgreSQL in its near place, and a model in each place, at the same address."""

    network: CutNetwork
    db: PostgresUrl
    url: str
    config: Path
    models: dict[Place, Model]

    def server(self, place: Place) -> Server:
        """A server in a place that leaves all calls to workers; its log is in PostgreSQL, over the network."""
        with self.network.within(place):
            return Server(self.config, "--db", self.url, "--max-model-calls", "0")

    def worker(self, place: Place) -> Worker:
        """A worker in a place, which takes one share of a run at a time."""
        with self.network.within(place):
            options = ("--db", self.url, "--concurrency", str(AT_ONCE), "--config", self.config)
            return Worker(self.config.parent, *options)

    def calls(self) -> int:
        """How often both models were asked."""
        asked = 0
        for place, model in self.models.items():
            with self.network.within(place):
                asked += model.calls().total
        return asked


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A network, PostgreSQL, two models and a project."""
    outputs = {f"q{n}": f"q{n}" for n in range(COUNT)}
    port = free_port()
    models: dict[Place, Model] = {}
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(cut_network())
        postgres = Postgres(find_programs(), ADDRESSES["near"])
        stack.callback(postgres.remove)
        postgres.create()
        with network.within("near"):
            postgres.start()
        for place in ADDRESSES:
            with network.within(place):
                models[place] = stack.enter_context(recorded_model(tmp_path, outputs, 150, port))
        db = new_database(postgres.url)
        url = f"postgresql://postgres@{ADDRESSES['near']}{urlsplit(db.url).path}"
        model, at_once = models["near"].spec, {"concurrency": 2 * AT_ONCE}
        yield Scene(
            network, db, url, write_project(tmp_path, examples=examples(COUNT), model=model, harness=at_once), models
        )


@pytest.mark.parametrize("how", ["silent", "down"])
def test_shares_of_a_worker_that_is_cut_off_are_taken_up(scene: Scene, how: Cut) -> None:
    """Nothing shown is lost, nothing recorded twice; a server that was cut off says so, and goes on when it is back."""
    within, db = scene.network.within, scene.db
    with scene.server("near") as near, scene.server("far") as far, scene.worker("near"), scene.worker("far") as cut:
        with within("far"):
            run_id = far.start_run()
            until(lambda: len(scored_ids(db, run_id)) >= 60, 30, "the first scores")
            shown = far.get(f"/results/{run_id}/examples?limit={COUNT}")["examples"]
        scene.network.cut(how)
        until(lambda: bool(bodies_of(db, run_id, "resumed")), TAKEOVER_SECONDS, "the takeover")
        with within("far"):
            until(lambda: not is_ready(far), 30, "the cut server's finding out")
            with pytest.raises(BrokenError, match="answered 503"):
                far.start_run()
        with within("near"):
            document = near.result(run_id)
            kept = near.get(f"/results/{run_id}/examples?limit={COUNT}")["examples"]
        scene.network.mend(how)
        with within("far"):
            until(lambda: is_ready(far), 30, "the cut server's return")
            assert far.result(run_id) == document
            assert far.result(far.start_run())["verdict"] == "PASS"
        assert scene.calls() - 2 * COUNT <= 2 * AT_ONCE
        assert (far.process.poll(), cut.process.poll()) == (None, None)
        assert "Traceback" not in far.said() + cut.said()
    assert (document["status"], document["verdict"], len(document["examples"])) == ("passed", "PASS", COUNT)
    assert [one for one in shown if one not in kept] == []
    scored = scored_ids(db, run_id)
    assert (len(scored), len(set(scored))) == (COUNT, COUNT)
    assert [body["after"] for body in bodies_of(db, run_id, "resumed")] == ["crash"]
    assert verify_log(db).breaks == []


def is_ready(server: Server) -> bool:
    """Whether a server says that it can record runs."""
    try:
        return bool(server.get("/ready"))
    except BrokenError:
        return False
