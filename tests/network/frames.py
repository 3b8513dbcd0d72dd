"""WebSocket on the wire, as far as a server needs it that looks at raw bytes (RFC 6455)."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from asyncio import IncompleteReadError, StreamReader
from dataclasses import dataclass

CLOSE, PING, PONG = 0x8, 0x9, 0xA
READ_SIZE = 1 << 16
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class NotWebSocket(Exception):
    """The client's bytes break a rule."""


@dataclass(frozen=True)
class Frame:
    is_final: bool
    opcode: int
    payload: bytes


async def read_frame(reader: StreamReader) -> Frame:
    first, second = await reader.readexactly(2)
    if not second & 0x80:
        raise NotWebSocket("a frame of a client without a mask")
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
    elif length == 127:
        (length,) = struct.unpack("!Q", await reader.readexactly(8))
    key = await reader.readexactly(4)
    return Frame(bool(first & 0x80), first & 0x0F, await read_payload(reader, length, key))


async def read_payload(reader: StreamReader, length: int, key: bytes) -> bytes:
    """Unmasks each chunk as it comes: 15 MB at once would delay everything else in this program."""
    payload = bytearray()
    while len(payload) < length:
        chunk = await reader.read(min(READ_SIZE, length - len(payload)))
        if not chunk:
            raise IncompleteReadError(b"", length)
        turn = len(payload) % 4
        payload += unmask(chunk, key[turn:] + key[:turn])
    return bytes(payload)


def unmask(payload: bytes, key: bytes) -> bytes:
    length = len(payload)
    mask = (key * (length // 4 + 1))[:length]
    # One XOR of two large integers is far faster than one for each byte.
    return (int.from_bytes(payload, "little") ^ int.from_bytes(mask, "little")).to_bytes(length, "little")


def control_frame(opcode: int, payload: bytes) -> bytes:
    """A frame of a server; the payload has at most 125 bytes."""
    return bytes([0x80 | opcode, len(payload)]) + payload


def switching_protocols(head: bytes) -> bytes:
    """The response to a client's request."""
    found = re.search(rb"\r\nsec-websocket-key: *(\S+)\r\n", head, re.IGNORECASE)
    if not found:
        raise NotWebSocket(f"a request without a key: {head[:100]!r}")
    accept = base64.b64encode(hashlib.sha1(found[1] + GUID).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
