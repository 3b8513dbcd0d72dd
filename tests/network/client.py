"""The program under test: `testee connect` on the client's host, with the times of its events."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, AsyncIterator

from children import Child, Failure
from namespaces import Namespace


@dataclass(frozen=True)
class Event:
    """A line of the testee."""

    at: float
    name: str
    content: dict[str, Any]


class Client:
    def __init__(self, child: Child) -> None:
        self.child = child
        self.events: list[Event] = []
        self.is_over = False
        self.reader = asyncio.ensure_future(self.read())

    @classmethod
    @asynccontextmanager
    async def start(cls, host: Namespace, testee: Path, *words: str) -> AsyncIterator[Client]:
        client = cls(await Child.start("testee connect", host.command(str(testee), "connect", *words)))
        try:
            yield client
        finally:
            client.reader.cancel()
            await client.child.stop()

    async def read(self) -> None:
        try:
            while (line := await self.child.read_line()) is not None:
                content = json.loads(line)
                self.events.append(Event(time.monotonic(), content["event"], content))
        finally:
            self.is_over = True

    def all(self, name: str) -> list[Event]:
        return [event for event in self.events if event.name == name]

    def ends(self) -> list[Event]:
        """Ends of connections and of attempts."""
        return self.all("closed")

    def check_life(self) -> None:
        """Raises if the client has ended, which no scenario asks of it."""
        if self.is_over:
            raise Failure(f"the client is over: {self}")

    def __str__(self) -> str:
        lines = [json.dumps(event.content)[:150] for event in self.events[-6:]]
        return f"{' | '.join(lines) or '(no event)'}; {self.child.complaints()}"
