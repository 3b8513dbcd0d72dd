"""The messages that both sides of a check know without telling each other."""

from __future__ import annotations

from typing import Union

Payload = Union[str, bytes]

# Both periods are prime, so that a payload that was cut and joined at the wrong place differs from itself.
TEXT = bytes(ord("a") + i for i in range(23))
BINARY = bytes(range(251))


def message(kind: str, content: int | str) -> Payload:
    """A message of `content` bytes, or `content` itself if it is a string."""
    if isinstance(content, str):
        return content
    if kind == "text":
        return repeat(TEXT, content).decode()
    return repeat(BINARY, content)


def repeat(pattern: bytes, size: int) -> bytes:
    return (pattern * (size // len(pattern) + 1))[:size]


def octets(payload: Payload) -> bytes:
    return payload.encode() if isinstance(payload, str) else payload


def cut(payload: bytes, sizes: list[int]) -> list[bytes]:
    """The payload in pieces of these sizes; what is left is the last one."""
    pieces = []
    for size in sizes:
        pieces.append(payload[:size])
        payload = payload[size:]
    return [*pieces, payload]
