"""Plays the steps of a job on a connection, whatever library it belongs to."""

from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable, Optional, Protocol

from payloads import Content, Payload, cut, message, octets

# Code and reason of the Close that came; `None` for the reason if the library does not tell it.
Close = tuple[int, Optional[str]]


class Mismatch(Exception):
    """The testee did something else than it must."""


class Connection(Protocol):
    async def send(self, payload: Payload) -> None: ...
    async def send_plain(self, payload: Payload) -> None:
        """Sends it uncompressed, whatever was negotiated."""
    async def send_fragments(self, kind: str, fragments: list[bytes], ping: bool) -> None: ...
    async def send_invalid_text(self, payload: bytes) -> None: ...
    async def receive(self) -> Payload: ...
    async def ping(self, payload: bytes) -> None:
        """Returns when the pong with this payload is there."""
    async def idle(self, seconds: float) -> None:
        """Answers pings, and expects no message."""
    def write(self, octets: bytes) -> None:
        """Writes to the socket, past the library."""
    def abort(self) -> None:
        """Ends TCP without a word."""
    async def close(self, code: int | None, reason: str) -> None: ...
    async def closed(self) -> Close | None:
        """Waits for the end; `None` if no Close came before it."""


async def echo(connection: Connection, kind: str, content: Content) -> None:
    payload = message(kind, content)
    await connection.send(payload)
    await expect(connection, payload)


async def plain(connection: Connection, kind: str, content: Content) -> None:
    payload = message(kind, content)
    await connection.send_plain(payload)
    await expect(connection, payload)


async def fragments(
    connection: Connection, kind: str, content: Content, sizes: list[int], ping: bool = False
) -> None:
    payload = message(kind, content)
    await connection.send_fragments(kind, cut(octets(payload), sizes), ping)
    await expect(connection, payload)


async def expect(connection: Connection, payload: Payload) -> None:
    received = await connection.receive()
    if received != payload:
        raise Mismatch(f"sent {show(payload)}, received {show(received)}")


async def send(connection: Connection, kind: str, content: int) -> None:
    """Sends what the testee is to refuse: it may close while we still write."""
    try:
        await connection.send(message(kind, content))
    except Exception:  # each library has its own; how the connection ended is told by what follows
        pass


async def invalid_text(connection: Connection, octets: str) -> None:
    await connection.send_invalid_text(bytes.fromhex(octets))


async def ping(connection: Connection, payload: str) -> None:
    await connection.ping(payload.encode())


async def write(connection: Connection, octets: str) -> None:
    connection.write(bytes.fromhex(octets))


async def close(connection: Connection, code: int | None, reason: str) -> None:
    await connection.close(code, reason)


async def idle(connection: Connection, seconds: float) -> None:
    await connection.idle(seconds)


async def drop(connection: Connection) -> None:
    await asyncio.sleep(0.1)  # an abort throws away what was not sent yet
    connection.abort()


async def await_close(connection: Connection) -> None:
    await connection.closed()


STEPS: dict[str, Callable[..., Awaitable[None]]] = {
    "echo": echo,
    "plain": plain,
    "fragments": fragments,
    "send": send,
    "invalid text": invalid_text,
    "ping": ping,
    "idle": idle,
    "write": write,
    "close": close,
    "drop": drop,
    "await close": await_close,
}


async def play(connection: Connection, steps: list[list[Any]]) -> None:
    for name, *details in steps:
        await STEPS[name](connection, *details)


def show(payload: Payload) -> str:
    kind = "text" if isinstance(payload, str) else "binary"
    return f"{kind} of {len(octets(payload))} bytes {payload[:20]!r}"
