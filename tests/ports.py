"""Ports of loopback for servers under test."""

from __future__ import annotations

import itertools
import random
import socket
from pathlib import Path

GIVEN_OUT = Path("/proc/sys/net/ipv4/ip_local_port_range")


def own_ports() -> list[int]:
    """None that Linux gives to clients, so that no connection comes from a port that a server is to have, or to have again."""
    first, last = map(int, GIVEN_OUT.read_text().split())
    ports = [port for port in range(10_000, 60_000) if not first <= port <= last] or list(range(10_000, 60_000))
    return random.sample(ports, len(ports))


PORTS = itertools.cycle(own_ports())


def free_port() -> int:
    """A port that nobody has, and that is not given out again soon."""
    for port in itertools.islice(PORTS, 1000):
        with socket.socket() as free:
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("there is no free port")
