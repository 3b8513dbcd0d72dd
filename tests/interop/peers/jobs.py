"""The life of a peer: jobs come on standard input, one JSON object a line, and answers leave on standard output.

The first line says that the peer is ready. A job is one connection that the peer accepts (`role` is `server`) or opens
(`client`), and the steps to play on it. The answer to a server job is first `{"id", "port"}`; the answer to every job is
at last `{"id", "result"}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import sys
from dataclasses import asdict, dataclass, field
from typing import Any, Callable, Protocol

from play import Close, Connection, play

Job = dict[str, Any]


@dataclass
class Result:
    """What the peer saw of the testee."""

    headers: dict[str, str] = field(default_factory=dict)
    subprotocol: str | None = None
    compressed: bool = False
    # What the library holds to, where it tells: `send` and `receive` are whether there is context takeover, and bits of the window.
    deflate: dict[str, Any] | None = None
    # The lengths of the compressed messages that came, where the library lets us see them.
    inflated: list[int] | None = None
    close: Close | None = None
    trouble: str | None = None


class Gate:
    """Lets all through when the last has come."""

    def __init__(self, count: int) -> None:
        self.missing = count
        self.open = asyncio.Event()

    async def enter(self) -> None:
        self.missing -= 1
        if self.missing == 0:
            self.open.set()
        await self.open.wait()


class Library(Protocol):
    async def serve(self, job: Job, result: Result, announce: Callable[[int], None]) -> None:
        """Accepts one connection, on a port of loopback that it announces."""

    async def connect(self, job: Job, result: Result, gate: Gate) -> None:
        """Opens one connection, and plays the steps when all have passed the gate."""


async def perform(library: Library, job: Job) -> None:
    if job["role"] == "server":
        result = Result()
        await watch(library.serve(job, result, lambda port: answer(job, port=port)), job, result)
        results = [result]
    else:
        results = [Result() for _ in range(job["clients"])]
        gate = Gate(len(results))
        await asyncio.gather(*(watch(library.connect(job, result, gate), job, result) for result in results))
    troubled = [result for result in results if result.trouble]
    answer(job, result=asdict((troubled or results)[0]))


def server_tls(job: Job) -> ssl.SSLContext | None:
    """What a server job says of TLS: `certificate` and `key`."""
    if job["tls"] is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(job["tls"]["certificate"], job["tls"]["key"])
    return context


def client_tls(job: Job) -> ssl.SSLContext | None:
    """What a client job says of TLS: the `authority` to be trusted."""
    return None if job["tls"] is None else ssl.create_default_context(cafile=job["tls"]["authority"])


async def converse(connection: Connection, job: Job, result: Result) -> None:
    """Plays the steps of the job, the last of which ends the connection."""
    try:
        await play(connection, job["steps"])
    except BaseException:
        with contextlib.suppress(Exception):  # which would hide the first one
            connection.abort()
        raise
    result.close = await connection.closed()


async def watch(work: Any, job: Job, result: Result) -> None:
    """Every end of a job is a result."""
    try:
        await asyncio.wait_for(work, job["timeout"])
    except asyncio.TimeoutError:
        result.trouble = result.trouble or "the peer waited in vain"
    except Exception as error:
        result.trouble = result.trouble or f"{type(error).__name__}: {error}"


def answer(job: Job, **content: Any) -> None:
    print(json.dumps({"id": job["id"], **content}), flush=True)


async def main(library: Library) -> None:
    loop = asyncio.get_running_loop()
    tasks = set()
    print(json.dumps({"ready": True}), flush=True)
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            break
        task = asyncio.ensure_future(perform(library, json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    for task in tasks:
        task.cancel()


def run(library: Library) -> None:
    asyncio.run(main(library))
