"""The program under test: `testee connect` on the client's host, with the times of its events."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import AsyncIterator

from children import Child, Failure
from namespaces import Namespace
from watched import Event, Watched, parse


class Client(Watched):
    @classmethod
    @asynccontextmanager
    async def start(cls, host: Namespace, testee: Path, *words: str) -> AsyncIterator[Client]:
        child = await Child.start("testee connect", host.command(str(testee), "connect", *words))
        client = cls(child, timed)
        try:
            yield client
        finally:
            await client.stop()

    def ends(self) -> list[Event]:
        """Ends of connections and of attempts."""
        return [event for event in self.lines if event["event"] == "closed"]

    def check_life(self) -> None:
        """Raises if the client has ended, which no scenario asks of it."""
        if self.is_over:
            raise Failure(f"the client is over: {self}")


def timed(line: str) -> Event:
    """An event, and when it was read as "at"."""
    return {**parse(line), "at": time.monotonic()}
