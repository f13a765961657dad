"""Our HTTP client alone, plain and over TLS, beside a raw one that asks the same of the same server."""

from collections.abc import Iterator
from functools import partial
from operator import itemgetter
from pathlib import Path

from live_server import free_port

from benchmarks.certificate import write_certificate
from benchmarks.figures import Figure
from benchmarks.processes import model_server, run_program
from benchmarks.rounds import alternate, each
from benchmarks.setting import Setting

AT_ONCE = (256, 32)


def measure(setting: Setting) -> Iterator[Figure]:
    """CPU of the client and calls a second."""
    certificate, tls_port = write_certificate(setting.folder / "certificate.pem"), free_port()
    with model_server(setting.folder, 0, "--tls", str(certificate), "--tls-port", str(tls_port)) as model:
        yield from _figures(setting, "client", model.port)
        yield from _figures(setting, "client, TLS", tls_port, certificate)


def _figures(setting: Setting, what: str, port: int, *certificate: Path) -> Iterator[Figure]:
    for at_once in AT_ONCE:
        asked = (port, at_once, setting.sizes.calls, *certificate)
        sides = (partial(run_program, "asking", way, *asked) for way in ("matchspec", "raw"))
        ours, raw = alternate(setting.rounds, *sides)
        for name, unit, told in (("cpu_us", "µs", "CPU a call"), ("rate", "calls/s", "calls")):
            value = itemgetter(name)
            yield Figure(f"{what}, {at_once} at once: {told}", unit, each(ours, value), each(raw, value))
