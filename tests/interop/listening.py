"""Ports of loopback."""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
from pathlib import Path

from children import START, Child, Failure

LISTEN = "0A"  # include/net/tcp_states.h of Linux
# Below those that Linux gives to clients, so that no connection comes from a port that a server is to have, or to have again.
PORTS = itertools.cycle(random.sample(range(16384, 32768), 16384))


def free_port() -> int:
    """A port that nobody has, and that is not given out again soon."""
    for port in itertools.islice(PORTS, 1000):
        with socket.socket() as free:
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Failure("there is no free port")


def is_listening(port: int) -> bool:
    """Whether somebody listens, without a connection that they might take for the one that they wait for."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return any(state == LISTEN and local.endswith(f":{port:04X}") for _, local, _, state, *_ in fields)


async def until_listening(port: int, child: Child) -> None:
    deadline = asyncio.get_running_loop().time() + START
    while not is_listening(port):
        if child.process.returncode is not None:
            raise Failure(f"{child.name} ended at once: {child.complaints()}")
        if asyncio.get_running_loop().time() > deadline:
            raise Failure(f"{child.name} does not listen: {child.complaints()}")
        await asyncio.sleep(0.02)
