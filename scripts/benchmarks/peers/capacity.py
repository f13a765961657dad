"""How many calls the model server can answer: the benchmark must be able to do more than it measures."""

import json
import socket
import time
from contextlib import ExitStack

from benchmarks.peers.model import Model
from benchmarks.projects import QUESTION

CONNECTIONS = 64
SECONDS = 2.0


def calls_per_second(model: Model) -> float:
    """Asked by a loop that does nothing else; the model server must not wait before it answers."""
    body = {"model": "echo", "messages": [{"role": "user", "content": QUESTION.format(0)}]}
    written = json.dumps(body).encode()
    request = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(written), written)
    with ExitStack() as stack:
        address = ("127.0.0.1", model.port)
        sockets = [stack.enter_context(socket.create_connection(address)) for _ in range(CONNECTIONS)]
        answers, began = 0, time.monotonic()
        while (took := time.monotonic() - began) < SECONDS:
            for one in sockets:
                one.sendall(request)
            for one in sockets:
                one.recv(65_536)
            answers += CONNECTIONS
    return answers / took
