"""The program under test: `testee connect` and `testee serve`."""

from __future__ import annotations

import ipaddress
import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, AsyncIterator

from children import Child, Failure

Event = dict[str, Any]


@dataclass
class Outcome:
    """What `testee connect` printed, and its exit status."""

    events: list[Event]
    status: int
    complaints: str

    def all(self, name: str) -> list[Event]:
        return [event for event in self.events if event["event"] == name]

    def only(self, name: str) -> Event:
        found = self.all(name)
        if len(found) != 1:
            raise Failure(f"{len(found)} events {name!r} instead of one; {self}")
        return found[0]

    def __str__(self) -> str:
        events = " ".join(json.dumps(event, ensure_ascii=False)[:200] for event in self.events[-6:])
        return f"status {self.status}, last events: {events or '(none)'}; standard error: {self.complaints}"


@dataclass(frozen=True)
class Testee:
    path: Path
    runtime: str

    async def connect(self, url: str, arguments: list[str]) -> Outcome:
        command = [str(self.path), "connect", self.runtime, url, *arguments]
        child = await Child.start("testee connect", command)
        try:
            events = []
            while (line := await child.read_line()) is not None:
                events.append(parse(line))
            return Outcome(events, await child.wait(), child.complaints())
        finally:
            await child.stop()

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[tuple[str, Child]]:
        """The URL of a server, and its process."""
        child = await Child.start("testee serve", [str(self.path), "serve", self.runtime, "0"])
        try:
            line = await child.first_line()
            found = re.fullmatch(r"listening on (\S+)\s*", line or "")
            if not found:
                raise Failure(f"testee serve says {line!r} instead of its address; {child.complaints()}")
            yield f"ws://{on_loopback(found[1])}/", child
        finally:
            await child.stop()


def parse(line: str) -> Event:
    try:
        event = json.loads(line)
        event["event"]
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(f"testee connect printed {line!r}, which is no event") from error
    return dict(event)


def on_loopback(address: str) -> str:
    host = address.rpartition(":")[0].strip("[]")
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise Failure(f"testee serve listens on {address}, which is no address of loopback")
    return address
