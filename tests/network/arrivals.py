"""The numbered messages of `testee connect --load`, as a server sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable


@dataclass(frozen=True)
class Arrival:
    """A message that has come whole."""

    # `None` if the text is not one of `--load`.
    number: int | None
    size: int
    # Which connection brought it, counted from 0.
    connection: int
    at: float


def parse(text: bytes, connection: int, at: float) -> Arrival:
    """Reads the number, and compares the rest byte by byte."""
    digits = text[:20].split(b" ", 1)[0]
    is_intact = digits.isdigit() and text == (digits + b" ").ljust(len(text), b"x")
    return Arrival(int(digits) if is_intact else None, len(text), connection, at)


@dataclass(frozen=True)
class Load:
    """Messages that a client was told to send."""

    count: int
    size: int
    # Seconds between two messages; 0 sends as fast as there is room.
    every: float = 0

    def argument(self) -> str:
        return f"{self.count}:{self.size}:{self.every}"

    def missing(self, arrivals: Iterable[Arrival]) -> list[int]:
        """Numbers that never came."""
        came = {arrival.number for arrival in arrivals}
        return [number for number in range(self.count) if number not in came]

    def has_last(self, arrivals: Iterable[Arrival]) -> bool:
        """Whether the last message has come."""
        return any(arrival.number == self.count - 1 for arrival in arrivals)

    def foreign(self, arrivals: Iterable[Arrival]) -> list[Arrival]:
        """Messages that are not of this load: a wrong number, a wrong size, wrong bytes."""
        return [each for each in arrivals if each.number not in range(self.count) or each.size != self.size]


def doubled(arrivals: Iterable[Arrival]) -> list[int]:
    """Numbers that came more than once, each as often as it was too much."""
    seen: set[int | None] = set()
    twice = []
    for arrival in arrivals:
        if arrival.number in seen and arrival.number is not None:
            twice.append(arrival.number)
        seen.add(arrival.number)
    return twice


def disordered(arrivals: Iterable[Arrival]) -> list[int]:
    """Numbers that came for the first time after a higher one."""
    seen: set[int] = set()
    late = []
    for arrival in arrivals:
        if arrival.number is None or arrival.number in seen:
            continue
        if seen and arrival.number < max(seen):
            late.append(arrival.number)
        seen.add(arrival.number)
    return late


def stale(arrivals: Iterable[Arrival]) -> list[int]:
    """Numbers that an older connection brought after a newer one had brought something."""
    newest = 0
    late = []
    for arrival in arrivals:
        if arrival.connection < newest and arrival.number is not None:
            late.append(arrival.number)
        newest = max(newest, arrival.connection)
    return late
