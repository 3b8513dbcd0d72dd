"""A child process that is read while it runs, and the events that the testee prints."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import Any, Callable

from children import Child, Failure

# Seconds that a child has for each thing that it is waited for.
PATIENCE = 60.0

Event = dict[str, Any]
Line = Any


class Watched:
    """A child process, and the lines that it has written so far."""

    def __init__(self, child: Child, read: Callable[[str], Line]) -> None:
        self.child = child
        self.lines: list[Line] = []
        # A line that could not be read. Nothing is read after it.
        self.trouble: Exception | None = None
        self.more = asyncio.Event()
        self.is_over = False
        self.reader = asyncio.ensure_future(self.read(read))

    async def read(self, read: Callable[[str], Line]) -> None:
        try:
            while (line := await self.child.read_line()) is not None:
                self.lines.append(read(line))
                self.more.set()
        except (Failure, ValueError) as error:
            self.trouble = error
        finally:
            self.is_over = True
            self.more.set()

    async def until(self, what: str, is_true: Callable[[list[Line]], Any]) -> None:
        async def wait() -> None:
            while not is_true(self.lines):
                if self.is_over:
                    raise Failure(f"{self.child.name} ended before {what}: {self}")
                self.more.clear()
                await self.more.wait()

        try:
            await asyncio.wait_for(wait(), PATIENCE)
        except asyncio.TimeoutError:
            raise Failure(f"{self.child.name} does not come to {what}: {self}") from None

    async def end(self) -> int:
        await self.until("its end", lambda _: self.is_over)
        if self.trouble:
            raise Failure(str(self))
        return await self.child.wait()

    async def stop(self) -> None:
        self.reader.cancel()
        if self.child.process.returncode is None:
            self.child.kill(signal.SIGCONT)
        await self.child.stop()

    def __str__(self) -> str:
        lines = [line if isinstance(line, str) else json.dumps(line)[:150] for line in self.lines[-8:]]
        trouble = f"; {self.trouble}" if self.trouble else ""
        return f"{' | '.join(lines) or '(nothing)'}{trouble}; {self.child.complaints()}"


def parse(line: str) -> Event:
    """Reads a line of `testee connect`."""
    try:
        event = json.loads(line)
        event["event"]
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(f"testee connect printed {line!r}, which is no event") from error
    return dict(event)
