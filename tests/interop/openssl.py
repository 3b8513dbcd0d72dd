"""`openssl s_server` and `openssl s_client`. They know nothing of WebSocket: that is spoken here, over their pipes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
import signal
import struct
from contextlib import asynccontextmanager
from typing import AsyncIterator

from certificates import Pair
from children import Child, Failure
from listening import until_listening
from peer import TIMEOUT
from ports import free_port

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE = 1, 2, 8


class Pipe:
    """A WebSocket endpoint without rules of its own: what comes in is looked at by the check."""

    def __init__(self, child: Child, masks: bool) -> None:
        self.child = child
        self.masks = masks
        self.buffer = b""

    def write(self, octets: bytes) -> None:
        assert self.child.process.stdin
        self.child.process.stdin.write(octets)

    def send(self, opcode: int, payload: bytes) -> None:
        bit = 0x80 if self.masks else 0
        size = len(payload)
        if size < 126:
            length = bytes([bit | size])
        elif size < 1 << 16:
            length = struct.pack("!BH", bit | 126, size)
        else:
            length = struct.pack("!BQ", bit | 127, size)
        key = os.urandom(4) if self.masks else b""
        self.write(bytes([0x80 | opcode]) + length + key + masked(payload, key))

    async def receive(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame, which must be masked by a client and by nobody else."""
        first, second = await self.take(2)
        if bool(second & 0x80) == self.masks:
            raise Failure(f"a frame with the wrong mask bit: {first:02x} {second:02x}")
        size = second & 0x7F
        if size >= 126:
            size = int.from_bytes(await self.take(2 if size == 126 else 8), "big")
        key = b"" if self.masks else await self.take(4)
        return first & 0x0F, masked(await self.take(size), key)

    async def echo(self, opcode: int, payload: bytes) -> None:
        self.send(opcode, payload)
        received = await self.receive()
        if received != (opcode, payload):
            raise Failure(f"sent {len(payload)} bytes as {opcode}, received {len(received[1])} as {received[0]}")

    async def head(self, start: bytes) -> bytes:
        """The head of a request or a response. What OpenSSL itself says before it is passed over."""
        return await self.until(b"(?s)" + re.escape(start) + rb".*?\r\n\r\n")

    async def until(self, pattern: bytes) -> bytes:
        """What matches the pattern; it and all before it are taken."""
        while not (found := re.search(pattern, self.buffer)):
            await self.more()
        self.buffer = self.buffer[found.end():]
        return found[0]

    async def take(self, size: int) -> bytes:
        while len(self.buffer) < size:
            await self.more()
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    async def more(self) -> None:
        assert self.child.process.stdout
        chunk = await asyncio.wait_for(self.child.process.stdout.read(1 << 16), TIMEOUT)
        if not chunk:
            raise Failure(f"{self.child.name} ended: {await self.last_words()}")
        self.buffer += chunk

    async def last_words(self) -> str:
        await asyncio.wait([self.child.listener], timeout=1)
        return self.child.complaints()

    async def accept(self) -> bytes:
        """The server's part of the opening handshake; the request."""
        request = await self.head(b"GET ")
        key = re.search(rb"\r\nSec-WebSocket-Key: *(\S+)\r\n", request, re.IGNORECASE)
        if not key:
            raise Failure(f"a request without a key: {request!r}")
        self.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept(key[1]) + b"\r\n\r\n"
        )
        return request

    async def open(self, host: str) -> bytes:
        """The client's part of the opening handshake; the response."""
        key = base64.b64encode(os.urandom(16))
        self.write(
            b"GET / HTTP/1.1\r\nHost: " + host.encode() + b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n\r\n"
        )
        response = await self.head(b"HTTP/1.1 ")
        if not response.startswith(b"HTTP/1.1 101 ") or accept(key) not in response:
            raise Failure(f"the response is {response!r}")
        return response

    def hang_up(self) -> None:
        """Ends the process and TCP with it, without a word in TLS."""
        self.child.kill(signal.SIGKILL)


def accept(key: bytes) -> bytes:
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


def masked(payload: bytes, key: bytes) -> bytes:
    if not key or not payload:
        return payload
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(payload), "big")


@asynccontextmanager
async def s_server(pair: Pair, *options: str, is_quiet: bool = True) -> AsyncIterator[tuple[int, Pipe]]:
    """A server on a port of loopback. Unless it is quiet, it says what it does, and a line `Q` ends it in good order."""
    port = free_port()
    files = ["-cert", pair.certificate, "-key", pair.key]
    quiet = ["-quiet"] if is_quiet else []
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", *files, *quiet, *options]
    child = await Child.start("openssl s_server", command)
    try:
        await until_listening(port, child)
        yield port, Pipe(child, masks=False)
    finally:
        await child.stop()


@asynccontextmanager
async def s_client(port: int, authority: str, *options: str, is_quiet: bool = True) -> AsyncIterator[Pipe]:
    """A client that believes the authority alone."""
    trust = ["-CAfile", authority, "-verify_return_error", "-verify_hostname", "localhost"]
    quiet = ["-quiet"] if is_quiet else []
    to = ["-connect", f"127.0.0.1:{port}", "-servername", "localhost"]
    child = await Child.start("openssl s_client", ["openssl", "s_client", *to, *trust, *quiet, *options])
    try:
        yield Pipe(child, masks=True)
    finally:
        await child.stop()
