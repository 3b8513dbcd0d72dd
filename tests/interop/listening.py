"""Ports of loopback."""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
from pathlib import Path

from children import START, Child, Failure

LISTEN = "0A"  # include/net/tcp_states.h of Linux
ESTABLISHED = "01"
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
    raise Failure("there is no free port")


def has_socket(port: int, wanted: str) -> bool:
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return any(state == wanted and local.endswith(f":{port:04X}") for _, local, _, state, *_ in fields)


def is_listening(port: int) -> bool:
    """Whether somebody listens, without a connection that they might take for the one that they wait for."""
    return has_socket(port, LISTEN)


def has_client(port: int) -> bool:
    """Whether the system has taken a connection for who listens, whether or not they have."""
    return has_socket(port, ESTABLISHED)


async def until_listening(port: int, child: Child) -> None:
    deadline = asyncio.get_running_loop().time() + START
    while not is_listening(port):
        if child.process.returncode is not None:
            raise Failure(f"{child.name} ended at once: {child.complaints()}")
        if asyncio.get_running_loop().time() > deadline:
            raise Failure(f"{child.name} does not listen: {child.complaints()}")
        await asyncio.sleep(0.02)
