"""One run of a scenario: its link, its server and its client."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Awaitable, Callable

import sockets
from arrivals import Load
from children import Failure
from client import Client
from link import SERVER_IPV4, Link
from peer import PORT, Peer, Record
from verdict import Verdict

POLL = 0.01
TICK = 0.02
# Number of unsent bytes at which the kernel stops taking more of a connection. The bytes that it holds lie before a ping.
NOTSENT_LOWAT = 64 * 1024


@dataclass(frozen=True)
class Setting:
    """A client of one runtime, and the seed of everything random."""

    testee: Path
    runtime: str
    seed: int


class Stage:
    """Starts and stops the parts of a run. They end with the stack."""

    def __init__(self, setting: Setting, link: Link, limit: float, verdict: Verdict, stack: AsyncExitStack) -> None:
        self.setting = setting
        self.link = link
        self.limit = limit
        self.stack = stack
        self.random = random.Random(setting.seed)
        self.record = Record()
        self.verdict = verdict
        self.server = AsyncExitStack()
        self.client: Client | None = None

    async def start_server(self, receive_buffer: int | None = None) -> None:
        """Starts a server on the present host. It writes to the record of the run."""
        await self.server.enter_async_context(Peer(self.record, receive_buffer).listen(self.link.server))

    async def stop_server(self) -> None:
        await self.server.aclose()

    async def start_client(self, load: Load, *options: str, host: str = SERVER_IPV4) -> Client:
        url = f"ws://{host}:{PORT}/"
        # The client ends by itself, too, should nobody be there to end it.
        words = ["--load", load.argument(), "--stop-after", str(self.limit + 10), *options]
        start = Client.start(self.link.client, self.setting.testee, self.setting.runtime, url, *words)
        self.client = await self.stack.enter_async_context(start)
        return self.client

    async def start_connected(self, load: Load, *options: str, lowat: int | None = None) -> Client:
        """Starts the client, with this `notsent_lowat` or the default one, and checks that of its first connection."""
        words = [] if lowat is None else ["--notsent-lowat", str(lowat)]
        client = await self.start_client(load, *options, *words)
        await self.until(lambda: bool(self.record.opened()), 10, client)
        await self.check_lowat(client, NOTSENT_LOWAT if lowat is None else lowat)
        return client

    async def check_lowat(self, client: Client, expected: int = NOTSENT_LOWAT) -> None:
        """Waits for a connection of the client, and looks at its socket."""
        end = time.monotonic() + 5
        while (value := sockets.notsent_lowat(client.child.process.pid, PORT)) is None and time.monotonic() < end:
            client.check_life()
            await asyncio.sleep(POLL)
        self.verdict.equal("notsent_lowat", value, expected)

    async def until(self, is_true: Callable[[], bool], limit: float, client: Client) -> bool:
        """Whether it became true within `limit` seconds. The client has to live as long."""
        end = time.monotonic() + limit
        while not is_true():
            client.check_life()
            if time.monotonic() > end:
                return False
            await asyncio.sleep(POLL)
        return True

    async def until_all(self, load: Load, limit: float, client: Client) -> bool:
        return await self.until(lambda: not load.missing(self.record.arrivals), limit, client)

    async def until_quiet(self, quiet: float, client: Client) -> None:
        """Waits until nothing has arrived for `quiet` seconds. The limit of the scenario ends a server that never gets quiet."""
        since, count = time.monotonic(), -1
        while time.monotonic() - since < quiet:
            client.check_life()
            if len(self.record.arrivals) != count:
                since, count = time.monotonic(), len(self.record.arrivals)
            await asyncio.sleep(POLL)

    async def play(self, play: Callable[[Stage], Awaitable[None]]) -> None:
        """Plays to the end, to an error or to the limit. A run proves nothing if the emulator or this program was behind."""
        delay = Delay()
        try:
            await asyncio.wait_for(play(self), self.limit)
            if self.client:
                self.client.check_life()
        except asyncio.TimeoutError:
            self.verdict.wrong(f"no end within {self.limit:.0f} s")
        except Exception as error:
            self.verdict.wrong(told(error))
        self.verdict.late("this program's delay", delay.stop())
        self.verdict.late("the emulator's", (await self.link.totals()).late())


class Delay:
    """Measures by how much this program wakes up late, from its start to `stop`."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.due = time.monotonic()
        self.task = asyncio.ensure_future(self.run())

    async def run(self) -> None:
        while True:
            self.look()
            self.due = time.monotonic() + TICK
            await asyncio.sleep(TICK)

    def look(self) -> None:
        self.longest = max(self.longest, time.monotonic() - self.due)

    def stop(self) -> float:
        """The longest delay in seconds."""
        self.task.cancel()
        # A delay may have begun that the task has not seen.
        self.look()
        return self.longest


def told(error: Exception) -> str:
    return str(error) if isinstance(error, Failure) else f"{type(error).__name__}: {error}"


@dataclass(frozen=True)
class Scenario:
    name: str
    # One line for `--list`.
    about: str
    # Seconds after which the run is ended and has failed.
    limit: float
    play: Callable[[Stage], Awaitable[None]]
    # Whether it is about the client, and so is run for each runtime.
    has_client: bool = True

    async def run(self, setting: Setting) -> Verdict:
        """Sets the stage, plays, and clears it in any case."""
        verdict = Verdict()
        try:
            async with AsyncExitStack() as stack:
                link = await stack.enter_async_context(Link.make(setting.seed))
                stage = Stage(setting, link, self.limit, verdict, stack)
                stack.push_async_callback(stage.stop_server)
                await stage.play(self.play)
        except Exception as error:
            verdict.wrong(told(error))
        return verdict
