"""Child processes with an end: each writes to a log, has a deadline, and is ended by its own pid."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Callable, Iterator, Sequence, TypeVar, Union

GRACE = 5.0
START = 60.0
POLL = 0.05

Command = Sequence[Union[str, Path]]
T = TypeVar("T")


class Trouble(Exception):
    """A process did not do what it was started for."""


class Deadline:
    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds

    def left(self) -> float:
        return max(0.0, self.end - time.monotonic())

    def passed(self) -> bool:
        return self.left() == 0.0

    def cut_short(self) -> None:
        """Ends what waits, in any thread."""
        self.end = time.monotonic()


class Child:
    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log

    def output(self) -> str:
        return self.log.read_bytes().decode("utf-8", "replace")

    def tail(self) -> str:
        lines = self.output().splitlines()[-15:] or ["(no output)"]
        return "\n".join(f"      {line[:300]}" for line in lines)

    def check_running(self) -> None:
        status = self.process.poll()
        if status is not None:
            raise Trouble(f"{self.name} ended too early, with status {status}:\n{self.tail()}")

    def finish(self, deadline: Deadline) -> None:
        """Waits for an orderly end."""
        while (status := self.process.poll()) is None:
            if deadline.passed():
                raise Trouble(f"{self.name} did not end in time:\n{self.tail()}")
            time.sleep(POLL)
        if status != 0:
            raise Trouble(f"{self.name} ended with status {status}:\n{self.tail()}")

    def wait_for_port(self, port: int, deadline: Deadline) -> None:
        """Waits until the child accepts connections."""

        def accepting() -> bool:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                return False
            return True

        self.wait_for(accepting, f"does not listen on port {port}", deadline)

    def wait_for_address(self, deadline: Deadline) -> str:
        """Waits for the line `listening on ADDRESS`."""

        def address() -> str | None:
            found = re.search(r"^listening on (\S+)\r?$", self.output(), re.MULTILINE)
            return found[1] if found else None

        return self.wait_for(address, "does not say `listening on ADDRESS`", deadline)

    def wait_for(self, what: Callable[[], T | None], otherwise: str, deadline: Deadline) -> T:
        start = Deadline(min(START, deadline.left()))
        while not (result := what()):
            self.check_running()
            if start.passed() or deadline.passed():
                raise Trouble(f"{self.name} {otherwise}:\n{self.tail()}")
            time.sleep(POLL)
        return result


@contextmanager
def child(name: str, command: Command, log: Path) -> Iterator[Child]:
    """Starts a child, and ends it when the block does."""
    output: IO[bytes]
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=log.parent
            )
        except OSError as error:
            raise Trouble(f"{name} does not start: {error}") from error
        try:
            yield Child(name, process, log)
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
