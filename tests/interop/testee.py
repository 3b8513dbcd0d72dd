"""The program under test: `testee connect` and `testee serve`."""

from __future__ import annotations

import ipaddress
import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, AsyncIterator, Sequence

from children import ENVIRONMENT, Child, Failure
from watched import Event, parse


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
    # How `connect` gets to servers on loopback.
    scheme: str = "ws"
    host: str = "127.0.0.1"
    arguments: tuple[str, ...] = ()
    # What `connect` finds in its environment, besides ours.
    environment: tuple[tuple[str, str], ...] = ()

    def over(self, scheme: str, *arguments: str, **settings: Any) -> Testee:
        """The same, that gets to servers in another way."""
        return replace(self, scheme=scheme, arguments=arguments, **settings)

    def url(self, port: int, path: str = "/") -> str:
        return f"{self.scheme}://{self.host}:{port}{path}"

    def command(self, url: str, arguments: Sequence[str]) -> list[str]:
        return [str(self.path), "connect", self.runtime, url, *self.arguments, *arguments]

    async def connect(self, url: str, arguments: Sequence[str] = ()) -> Outcome:
        environment = {**ENVIRONMENT, **dict(self.environment)}
        child = await Child.start("testee connect", self.command(url, arguments), environment)
        try:
            events = []
            while (line := await child.read_line()) is not None:
                events.append(parse(line))
            return Outcome(events, await child.wait(), child.complaints())
        finally:
            await child.stop()

    @asynccontextmanager
    async def serve(self, *arguments: str) -> AsyncIterator[tuple[str, Child]]:
        """The URL of a server, and its process."""
        child = await Child.start("testee serve", [str(self.path), "serve", self.runtime, "0", *arguments])
        try:
            line = await child.first_line()
            found = re.fullmatch(r"listening on (\S+)\s*", line or "")
            if not found:
                raise Failure(f"testee serve says {line!r} instead of its address; {child.complaints()}")
            yield f"{'wss' if '--cert' in arguments else 'ws'}://{on_loopback(found[1])}/", child
        finally:
            await child.stop()


def on_loopback(address: str) -> str:
    host = address.rpartition(":")[0].strip("[]")
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise Failure(f"testee serve listens on {address}, which is no address of loopback")
    return address
