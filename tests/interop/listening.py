"""Who listens on which port of loopback, and who has connected to it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from children import START, Child, Failure

LISTEN = "0A"  # include/net/tcp_states.h of Linux
ESTABLISHED = "01"


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
