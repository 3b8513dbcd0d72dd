"""A raw WebSocket server that records each message after its last byte. It answers pings and Close, no more."""

from __future__ import annotations

import asyncio
import socket
import time
from asyncio import StreamReader, StreamWriter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import AsyncIterator

import frames
from arrivals import Arrival, parse
from namespaces import Namespace

PORT = 8080
LONGEST_HEAD = 1 << 20


@dataclass
class Connection:
    """One connection of a client, from the moment that TCP opened it."""

    number: int
    is_ipv6: bool
    writer: StreamWriter
    # When the handshake was answered.
    opened_at: float | None = None
    pings: int = 0
    # The end, if it has come: "close", "end of stream" or an error.
    end: str | None = None


@dataclass
class Record:
    """Connections and messages that the server's application has seen. It outlives the server's host."""

    connections: list[Connection] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)

    def opened(self) -> list[Connection]:
        return [connection for connection in self.connections if connection.opened_at is not None]


class Peer:
    """Listens on both addresses of a host. `receive_buffer` is `SO_RCVBUF` in bytes; `None` leaves it to the system."""

    def __init__(self, record: Record, receive_buffer: int | None = None) -> None:
        self.record = record
        self.receive_buffer = receive_buffer
        self.tasks: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def listen(self, host: Namespace) -> AsyncIterator[None]:
        with host.entered():
            sockets = [self.listener(socket.AF_INET, "0.0.0.0"), self.listener(socket.AF_INET6, "::")]
        servers = [await asyncio.start_server(self.accept, sock=each, limit=LONGEST_HEAD) for each in sockets]
        try:
            yield
        finally:
            for server in servers:
                server.close()
            for connection in self.record.connections:
                connection.writer.transport.abort()
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)

    def listener(self, family: socket.AddressFamily, address: str) -> socket.socket:
        made = socket.socket(family, socket.SOCK_STREAM)
        if self.receive_buffer:
            # Connections inherit it.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, PORT))
        return made

    def accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        is_ipv6 = writer.get_extra_info("socket").family == socket.AF_INET6
        connection = Connection(len(self.record.connections), is_ipv6, writer)
        self.record.connections.append(connection)
        self.tasks.append(asyncio.ensure_future(self.follow(reader, connection)))

    async def follow(self, reader: StreamReader, connection: Connection) -> None:
        """Serves a connection and notes its end."""
        try:
            await self.serve(reader, connection)
        except asyncio.IncompleteReadError:
            connection.end = connection.end or "end of stream"
        except (OSError, frames.NotWebSocket) as error:
            connection.end = str(error)
        finally:
            connection.writer.close()

    async def serve(self, reader: StreamReader, connection: Connection) -> None:
        writer = connection.writer
        writer.write(frames.switching_protocols(await reader.readuntil(b"\r\n\r\n")))
        connection.opened_at = time.monotonic()
        message = bytearray()
        while connection.end is None:
            frame = await frames.read_frame(reader)
            if frame.opcode == frames.PING:
                connection.pings += 1
                writer.write(frames.control_frame(frames.PONG, frame.payload))
            elif frame.opcode == frames.CLOSE:
                writer.write(frames.control_frame(frames.CLOSE, frame.payload))
                connection.end = "close"
            elif frame.opcode != frames.PONG:
                message += frame.payload
                if frame.is_final:
                    self.record.arrivals.append(parse(bytes(message), connection.number, time.monotonic()))
                    message.clear()
