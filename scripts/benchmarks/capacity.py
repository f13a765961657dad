"""What the benchmark's own model server and client can do, beside the most that was asked of them.

They are set upon each other: each has work whenever it wants some, as at its limit. What one takes for a message while
it mostly waits tells less: it wakes up for each.
"""

from collections.abc import Iterator

import msgspec
from live_server import BrokenError

from benchmarks.figures import Figure, Goal
from benchmarks.polling import Polled, ask_again
from benchmarks.processes import Served, model_server
from benchmarks.projects import QUESTION
from benchmarks.raw_client import POST
from benchmarks.rounds import alternate, each
from benchmarks.setting import Setting

SEVERAL = Goal(3, of="ratio", bound="at least")


def measure(setting: Setting) -> Iterator[Figure]:
    """The figures of what was used; the table's last lines."""
    asked = setting.asked
    if not asked.calls and not asked.polls:
        return
    with model_server(setting.folder, 0) as model:
        (rounds,) = alternate(setting.rounds, lambda: ask_model_again(model, min(2.0, setting.sizes.poll_seconds)))
    if asked.calls:
        what = "the benchmark's model server: calls a core can answer, beside the most that was asked"
        rates = each(rounds, lambda polled: len(polled.waits) / polled.server_cpu)
        yield Figure(what, "calls/s", rates, (asked.calls,), SEVERAL)
    if asked.polls:
        what = "the benchmark's client: requests a core can send, beside the most that was answered"
        rates = each(rounds, lambda polled: len(polled.waits) / polled.client_cpu)
        yield Figure(what, "req/s", rates, (asked.polls,), SEVERAL)


def ask_model_again(model: Served, seconds: float) -> Polled:
    """Call the model server as often as the client that polls can, over as many connections as polls have."""
    text = QUESTION.format(1)
    body = msgspec.json.encode({"input": text})
    polled = ask_again(model, POST % (len(body), body), seconds)
    if msgspec.json.decode(polled.body) != {"output": text}:
        raise BrokenError(f"the model server answered {polled.body[:300]!r}")
    return polled
