"""A peer: a process that accepts and opens connections with somebody else's library (see peers/jobs.py)."""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from children import ENVIRONMENT, Child, Failure

PEERS = Path(__file__).parent / "peers"

# The time that a peer gives one connection, and that we give the peer beyond it.
TIMEOUT = 60.0
SLACK = 20.0

Step = list[Any]


@dataclass(frozen=True)
class Kind:
    """What a check may ask of a peer."""

    name: str
    command: list[str]
    sends_fragments: bool = True
    tells_reason_of_answer: bool = True
    selects_any_subprotocol: bool = True
    insists_on_subprotocol: bool = False
    # Whether it can be told every parameter of permessage-deflate, or else only the window that a client asks the server for.
    imposes_parameters: bool = True
    # Whether it can be made to offer what is not legal.
    offers_anything: bool = False
    # zlib has no window of so few bits to deflate in; Node takes 9 for it.
    fewest_bits: int = 9

    def can_deflate(self, bits: int | None) -> bool:
        return bits is None or bits >= self.fewest_bits


KINDS = [
    Kind("websockets", [sys.executable, str(PEERS / "websockets_peer.py")], offers_anything=True),
    Kind(
        "aiohttp",
        [sys.executable, str(PEERS / "aiohttp_peer.py")],
        sends_fragments=False,
        tells_reason_of_answer=False,
        selects_any_subprotocol=False,
        imposes_parameters=False,
    ),
    Kind("ws", ["node", str(PEERS / "ws_peer.js")], insists_on_subprotocol=True, fewest_bits=8),
]


@dataclass
class Result:
    """What the peer saw of the testee."""

    headers: dict[str, str]
    subprotocol: str | None
    compressed: bool
    deflate: dict[str, Any] | None
    inflated: list[int] | None
    close: tuple[int, str | None] | None
    trouble: str | None


class Peer:
    # What every job says of TLS.
    tls: dict[str, str] | None = None

    def __init__(self, kind: Kind, child: Child) -> None:
        self.kind = kind
        self.child = child
        self.ids = itertools.count(1)
        self.answers: dict[int, asyncio.Queue[dict[str, Any]]] = {}
        self.reader = asyncio.ensure_future(self.read())

    @classmethod
    async def start(cls, kind: Kind, installed: Path) -> Peer:
        environment = {
            **ENVIRONMENT,
            "PYTHONPATH": str(installed / "python"),
            "NODE_PATH": str(installed / "node" / "node_modules"),
        }
        child = await Child.start(f"the peer {kind.name}", kind.command, environment)
        if await child.first_line() is None:
            await child.stop()
            raise Failure(f"{child.name} does not start: {child.complaints()}")
        return cls(kind, child)

    def over_tls(self, **tls: str) -> Peer:
        """The same peer, which speaks TLS: a server with `certificate` and `key`, a client that trusts `authority`."""
        peer = copy.copy(self)
        peer.tls = tls
        return peer

    async def stop(self) -> None:
        self.reader.cancel()
        await self.child.stop()

    async def read(self) -> None:
        while True:
            line = await self.child.read_line()
            if line is None:
                break
            answer = json.loads(line)
            self.answers[answer["id"]].put_nowait(answer)

    async def accept(self, steps: list[Step], **settings: Any) -> Job:
        """Waits for one connection, at the port of the job that is given back."""
        job = self.submit({"role": "server", "reject": None, "steps": steps, **settings})
        job.port = int((await job.answer())["port"])
        return job

    def open(self, url: str, steps: list[Step], clients: int = 1, **settings: Any) -> Job:
        return self.submit({"role": "client", "url": url, "clients": clients, "steps": steps, **settings})

    def submit(self, job: dict[str, Any]) -> Job:
        number = next(self.ids)
        self.answers[number] = asyncio.Queue()
        common = {"id": number, "headers": [], "subprotocols": [], "compression": False, "timeout": TIMEOUT}
        common["tls"] = self.tls
        self.child.write_line(json.dumps({**common, **job}))
        return Job(self, number)


class Job:
    def __init__(self, peer: Peer, number: int) -> None:
        self.peer = peer
        self.number = number
        self.port = 0

    async def answer(self) -> dict[str, Any]:
        """The next answer of the peer, unless it ends before."""
        waiting = asyncio.ensure_future(self.peer.answers[self.number].get())
        try:
            await asyncio.wait(
                [waiting, self.peer.reader], timeout=TIMEOUT + SLACK, return_when=asyncio.FIRST_COMPLETED
            )
            if not waiting.done():
                raise Failure(f"{self.peer.child.name} does not answer: {self.peer.child.complaints()}")
            return waiting.result()
        finally:
            waiting.cancel()

    async def result(self) -> Result:
        answer = await self.answer()
        if "result" not in answer:
            raise Failure(f"{self.peer.child.name} answered {answer}")
        fields = answer["result"]
        close = fields.pop("close")
        return Result(close=None if close is None else (close[0], close[1]), **fields)

    async def success(self) -> Result:
        result = await self.result()
        if result.trouble:
            raise Failure(f"{self.peer.kind.name} says: {result.trouble}")
        return result
