"""Two network namespaces and the one link between them, which a test cuts and mends.

What is started, and every connection that is opened, inside `within(place)` belongs to that place: both have a loopback
of their own. Needs root and `ip` of iproute2.
"""

import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

Place = Literal["near", "far"]
Cut = Literal["silent", "down"]

ADDRESSES: dict[Place, str] = {"near": "192.0.2.1", "far": "192.0.2.2"}  # of TEST-NET-1 (RFC 5737)
OTHER: dict[Place, Place] = {"near": "far", "far": "near"}
NOBODY = "02:00:00:00:00:01"
"""A link address that neither end has: what is sent there is lost, and nobody is told."""

CLONE_NEWNET = 0x40000000
IP = shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin")


class CutNetwork:
    """The namespaces, each with one end of the link."""

    def __init__(self) -> None:
        self._names: dict[Place, str] = {"near": f"near-{os.getpid()}", "far": f"far-{os.getpid()}"}

    def create(self) -> None:
        """Make both, and the link, up. RuntimeError where this machine does not let us."""
        for name in self._names.values():
            run_ip("netns", "add", name)
        near, far = self._names.values()
        run_ip("link", "add", "wire", "netns", near, "type", "veth", "peer", "name", "wire", "netns", far)
        for place, address in ADDRESSES.items():
            self._ip(place, "address", "add", f"{address}/30", "dev", "wire")
            for device in ("lo", "wire"):
                self._ip(place, "link", "set", device, "up")

    def remove(self) -> None:
        """Delete what was made."""
        for name in self._names.values():
            with contextlib.suppress(RuntimeError):
                run_ip("netns", "delete", name)

    @contextlib.contextmanager
    def within(self, place: Place) -> Iterator[None]:
        """Let this thread be in a place until the block ends."""
        with Path("/proc/thread-self/ns/net").open() as before, Path("/run/netns", self._names[place]).open() as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())

    def cut(self, how: Cut) -> None:
        """Let nothing through: `silent` loses what is sent, `down` takes the far end's link away."""
        if how == "down":
            self._ip("far", "link", "set", "wire", "down")
            return
        for place, other in OTHER.items():
            neighbour = ("neighbour", "replace", ADDRESSES[other], "lladdr", NOBODY, "dev", "wire", "nud", "permanent")
            self._ip(place, *neighbour)

    def mend(self, how: Cut) -> None:
        """Let everything through again."""
        if how == "down":
            self._ip("far", "link", "set", "wire", "up")
            return
        for place, other in OTHER.items():
            self._ip(place, "neighbour", "delete", ADDRESSES[other], "dev", "wire")

    def _ip(self, place: Place, *words: str) -> None:
        run_ip("-netns", self._names[place], *words)


def run_ip(*words: str) -> None:
    """Run `ip`; RuntimeError with what it said."""
    ran = subprocess.run([IP or "ip", *words], capture_output=True, text=True, timeout=20, check=False)
    if ran.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {ran.stderr.strip()}")


def _enter(namespace: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET):  # os.setns came with Python 3.12
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def cut_network() -> Iterator[CutNetwork]:
    """The network for the time of a block; skips where there can be none."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("network namespaces take root on Linux")
    if not IP:
        pytest.skip("there is no `ip`: apt-get install iproute2")
    network = CutNetwork()
    try:
        try:
            network.create()
        except RuntimeError as error:
            pytest.skip(f"this machine makes no network namespaces: {error}")
        yield network
    finally:
        network.remove()
