"""The messages that both sides of a check know without telling each other."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Union

Payload = Union[str, bytes]
# A size, a text, or `["noise", size]`.
Content = Union[int, str, list]

# Both periods are prime, so that a payload that was cut and joined at the wrong place differs from itself.
TEXT = bytes(ord("a") + i for i in range(23))
BINARY = bytes(range(251))


def message(kind: str, content: Content) -> Payload:
    """A message of `content` bytes, of noise if it says so, or `content` itself if it is a string."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return noise(content[1]).hex()[: content[1]] if kind == "text" else noise(content[1])
    if kind == "text":
        return repeat(TEXT, content).decode()
    return repeat(BINARY, content)


def repeat(pattern: bytes, size: int) -> bytes:
    return (pattern * (size // len(pattern) + 1))[:size]


@lru_cache(maxsize=16)
def noise(size: int) -> bytes:
    """Bytes of which a compressor can make nothing."""
    blocks = (hashlib.sha256(str(number).encode()).digest() for number in range(size // 32 + 1))
    return b"".join(blocks)[:size]


def octets(payload: Payload) -> bytes:
    return payload.encode() if isinstance(payload, str) else payload


def cut(payload: bytes, sizes: list[int]) -> list[bytes]:
    """The payload in fragments of these sizes; what is left is the last one."""
    fragments = []
    for size in sizes:
        fragments.append(payload[:size])
        payload = payload[size:]
    return [*fragments, payload]
