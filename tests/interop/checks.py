"""What both directions check: the names of checks, the messages, the closes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Awaitable, Callable

from children import Failure
from peer import Step

SIZES = [0, 1, 125, 126, 65535, 65536, 1 << 20]
KINDS = ["text", "binary"]
UNICODE = "κόσμε – Привет, 世界, 🦀🏳️‍🌈, e\u0301, \u0000, \U0010ffff"
PINGS = ["", "x", "0123456789" * 12 + "01234"]  # the last has the 125 bytes that a control frame may have

# Code and reason of a close by the peer; `None` is a Close without payload.
CLOSES: list[tuple[int | None, str]] = [
    (1000, "bye"),
    (1001, "going away"),
    (1011, "ouch"),
    (3000, ""),
    (4999, "größer geht's nicht"),
    (3000, "r" * 123),
    (None, ""),
]
NORMAL: Step = ["close", 1000, ""]


@dataclass(frozen=True)
class Check:
    name: str
    run: Callable[[], Awaitable[None]]


def echoes() -> list[tuple[str, Step]]:
    """Messages of each kind and size, with the name of the check."""
    return [(f"echo of {kind}, {size} bytes", ["echo", kind, size]) for kind in KINDS for size in SIZES]


def fragmented() -> list[tuple[str, Step]]:
    return [
        ("fragments of text", ["fragments", "text", 1000, [1, 125, 0, 126]]),
        ("fragments of binary", ["fragments", "binary", 200_000, [0, 65535, 65536, 0]]),
        ("fragments of one byte", ["fragments", "binary", 300, [1] * 300]),
        ("fragments cut within characters", ["fragments", "text", UNICODE, [1] * 40]),
        ("fragments with pings between", ["fragments", "text", 1000, [10, 0, 500], True]),
    ]


def close_name(code: int | None, reason: str) -> str:
    return f"close by the peer, {code or 'no code'}, reason of {len(reason.encode())} bytes"


def require(truth: bool, what: str) -> None:
    if not truth:
        raise Failure(what)


def equal(what: str, seen: Any, wanted: Any) -> None:
    require(seen == wanted, f"{what}: {seen!r} instead of {wanted!r}")
