"""What the benchmark's own model server and client can do, beside the most that was asked of them."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator

from benchmarks.figures import Figure, Goal
from benchmarks.processes import Served, model_server
from benchmarks.projects import QUESTION
from benchmarks.rounds import alternate
from benchmarks.setting import Setting
from benchmarks.used import cpu_seconds

SEVERAL = Goal(3, of="ratio", bound="at least")


def measure(setting: Setting) -> Iterator[Figure]:
    """The figures of what was used; the table's last lines."""
    if setting.asked.calls:
        with model_server(setting.folder, 0) as model:
            (rates,) = alternate(setting.rounds, lambda: calls_a_core(model, min(2.0, setting.sizes.poll_seconds)))
        what = "the benchmark's model server: calls a core can answer, beside the most that was asked"
        yield Figure(what, "calls/s", rates, (setting.asked.calls,), SEVERAL)
    if setting.asked.polls:
        what = "the benchmark's client: requests a core can send, beside the most that was answered"
        yield Figure(what, "req/s", (1 / setting.asked.poll_cpu,), (setting.asked.polls,), SEVERAL)


def calls_a_core(model: Served, seconds: float, connections: int = 64) -> float:
    """How many calls the model server answers in a second of its CPU, asked by a loop that does nothing else."""
    body = json.dumps({"input": QUESTION.format(1)}).encode()
    request = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_connection(("127.0.0.1", model.port))) for _ in range(connections)]
        answers, cpu, until = 0, cpu_seconds(model.pid), time.monotonic() + seconds
        while time.monotonic() < until:
            for one in sockets:
                one.sendall(request)
            for one in sockets:
                one.recv(65_536)
            answers += connections
        return answers / (cpu_seconds(model.pid) - cpu)
