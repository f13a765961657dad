"""Polls of a run that is going, with the key, beside a bare application that sends the same bytes.

First of a run whose model takes its time, so that the server does nothing else; then of one that makes 256 calls at
once, at first as fast as eight clients can, then 50 times a second each.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from live_server import BrokenError

from benchmarks.figures import Figure, Goal
from benchmarks.polling import Polled, poll
from benchmarks.processes import Served, bare_asgi, matchspec, model_server
from benchmarks.projects import write_project
from benchmarks.rounds import alternate, each
from benchmarks.setting import Setting

CPU, P99 = Goal(1.3, of="ratio"), Goal(10)
SLOW_MODEL_MS = 500_000
BUSY = 256
PAUSE = 0.02

Kind = tuple[str, str, Callable[[Polled], float], Goal | None]
CPU_KIND: Kind = ("server's CPU a request", "µs", lambda polled: polled.cpu_us, CPU)
RATE_KIND: Kind = ("requests", "req/s", lambda polled: polled.rate, None)
P50_KIND: Kind = ("p50", "ms", lambda polled: polled.ms(0.5), None)
P99_KIND: Kind = ("p99", "ms", lambda polled: polled.ms(0.99), P99)


def measure(setting: Setting) -> Iterator[Figure]:
    """CPU, rate and waits."""
    with model_server(setting.folder, SLOW_MODEL_MS) as model, run_and_bare(setting, model, 4, 1) as (ours, bare, path):
        yield from compare(setting, "poll, server idle", ours, bare, path, (CPU_KIND, RATE_KIND, P50_KIND, P99_KIND))
    for what, pause, kinds in (
        ("flat out", 0.0, (RATE_KIND, P50_KIND, P99_KIND)),
        ("50 times a second each", PAUSE, (P50_KIND, P99_KIND)),
    ):
        with (
            model_server(setting.folder, 50) as model,
            run_and_bare(setting, model, setting.sizes.watched, BUSY) as (ours, bare, path),
        ):
            yield from compare(setting, f"poll, {BUSY} calls at once, 8 clients {what}", ours, bare, path, kinds, pause)


@contextmanager
def run_and_bare(setting: Setting, model: Served, examples: int, at_once: int) -> Iterator[tuple[Served, Served, str]]:
    """A run that is going, the bare application, and the path to poll; the run is cancelled at the end."""
    home = setting.folder / f"{examples}-{model.port}"
    write_project(home, model.port, examples, at_once)
    with ExitStack() as stack:
        ours = stack.enter_context(matchspec(home))
        path = ours.ask("/run", {"suite": "bench"})["results_url"]
        body = home / "body"
        body.write_bytes(poll(ours, path, 0.05, 1).body)
        bare = stack.enter_context(bare_asgi(setting.folder, str(body)))
        yield ours, bare, path
        if ours.ask(path)["status"] != "running":
            raise BrokenError("the run was over before it was polled: it needs more examples")
        ours.ask(f"{path}/cancel", {})


def compare(
    setting: Setting, what: str, ours: Served, bare: Served, path: str, kinds: tuple[Kind, ...], pause: float = 0.0
) -> Iterator[Figure]:
    """Poll both in turn."""
    seconds = setting.sizes.poll_seconds / setting.rounds
    sides = alternate(setting.rounds, *(partial(poll, one, path, seconds, 8, pause) for one in (ours, bare)))
    for polled in [*sides[0], *sides[1]]:
        setting.asked.note_polls(polled.rate)
    for told, unit, value, goal in kinds:
        yield Figure(f"{what}: {told}", unit, each(sides[0], value), each(sides[1], value), goal)
