"""Child processes: lines in, lines out, and an end by their own pid."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from typing import Mapping, Sequence

START = 60.0
GRACE = 5.0
LONGEST_LINE = 1 << 20

# The tests need no proxy and no certificate authority of the machine.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.lower().endswith("_proxy") and not name.startswith("SSL_CERT_")
}


class Failure(Exception):
    """A check failed; the message says how."""


class Child:
    def __init__(self, name: str, process: Process) -> None:
        self.name = name
        self.process = process
        self.errors = bytearray()
        self.listener = asyncio.ensure_future(self.listen())

    @classmethod
    async def start(cls, name: str, command: Sequence[str], environment: Mapping[str, str] = ENVIRONMENT) -> Child:
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment, limit=LONGEST_LINE
            )
        except OSError as error:
            raise Failure(f"{name} does not start: {error}") from error
        return cls(name, process)

    async def listen(self) -> None:
        assert self.process.stderr
        while chunk := await self.process.stderr.read(4096):
            self.errors = (self.errors + chunk)[-2000:]

    def complaints(self) -> str:
        """Last lines of the child's standard error."""
        return " / ".join(self.errors.decode("utf-8", "replace").split("\n")[-6:]).strip() or "(it wrote no error)"

    async def read_line(self) -> str | None:
        assert self.process.stdout
        line = await self.process.stdout.readline()
        return line.decode() if line else None

    async def first_line(self) -> str | None:
        """The line by which a child says that it is ready, if it comes in time."""
        try:
            return await asyncio.wait_for(self.read_line(), START)
        except asyncio.TimeoutError:
            return None

    def write_line(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line.encode() + b"\n")

    async def wait(self) -> int:
        """The exit status, when the child has ended by itself."""
        await self.listener
        return await self.process.wait()

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.kill(signal.SIGTERM)
            try:
                await asyncio.wait_for(self.process.wait(), GRACE)
            except asyncio.TimeoutError:
                self.kill(signal.SIGKILL)
                await self.process.wait()
        self.listener.cancel()

    def kill(self, number: signal.Signals) -> None:
        # Process.terminate() may take the exit status away from asyncio, which waits for it in a thread.
        try:
            os.kill(self.process.pid, number)
        except ProcessLookupError:
            pass  # it ended just now
