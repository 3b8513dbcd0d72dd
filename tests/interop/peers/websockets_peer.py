"""The peer that is Python's `websockets`."""

from __future__ import annotations

import asyncio
import http
from typing import Any, AsyncIterator, Callable

from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection as WebSocket
from websockets.asyncio.server import ServerConnection, serve
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory, PerMessageDeflate, ServerPerMessageDeflateFactory,
)
from websockets.frames import DATA_OPCODES, Frame
from websockets.http11 import Request, Response

from jobs import Gate, Job, Result, client_tls, converse, run, server_tls
from payloads import Payload
from play import Close, Mismatch


class Connection:
    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket

    async def send(self, payload: Payload) -> None:
        await self.websocket.send(payload)

    async def send_plain(self, payload: Payload) -> None:
        deflate = deflate_of(self.websocket)
        if deflate is None:
            return await self.send(payload)
        encode, deflate.encode = deflate.encode, lambda frame: frame  # type: ignore[method-assign]
        try:
            await self.send(payload)
        finally:
            deflate.encode = encode  # type: ignore[method-assign]

    async def send_fragments(self, kind: str, fragments: list[bytes], ping: bool) -> None:
        async def stream() -> AsyncIterator[bytes]:
            for index, fragment in enumerate(fragments):
                if ping and index > 0:
                    await self.ping(b"between")
                yield fragment

        await self.websocket.send(stream(), text=kind == "text")

    async def send_invalid_text(self, payload: bytes) -> None:
        await self.websocket.send(payload, text=True)

    async def receive(self) -> Payload:
        return await self.websocket.recv()

    async def ping(self, payload: bytes) -> None:
        await (await self.websocket.ping(payload))

    async def idle(self, seconds: float) -> None:
        try:
            message = await asyncio.wait_for(self.websocket.recv(), seconds)
        except asyncio.TimeoutError:
            return
        raise Mismatch(f"received {message[:20]!r} while nothing was to come")

    def write(self, octets: bytes) -> None:
        self.websocket.transport.write(octets)

    def abort(self) -> None:
        self.websocket.transport.abort()

    async def close(self, code: int | None, reason: str) -> None:
        if code is None:
            self.websocket.protocol.send_close()
            self.websocket.send_data()
            await self.websocket.wait_closed()
        else:
            await self.websocket.close(code, reason)

    async def closed(self) -> Close | None:
        await self.websocket.wait_closed()
        close = self.websocket.protocol.close_rcvd
        return (close.code, close.reason) if close else None


def note(websocket: WebSocket, headers: Any, result: Result) -> None:
    result.headers = {name.lower(): value for name, value in headers.raw_items()}
    result.subprotocol = websocket.subprotocol
    deflate = deflate_of(websocket)
    result.compressed = deflate is not None
    if deflate is not None:
        result.deflate = {
            "send": [not deflate.local_no_context_takeover, deflate.local_max_window_bits],
            "receive": [not deflate.remote_no_context_takeover, deflate.remote_max_window_bits],
        }
        result.inflated = lengths = []
        decode = deflate.decode

        def note_length(frame: Frame, **options: Any) -> Frame:
            if frame.opcode in DATA_OPCODES and frame.rsv1:
                lengths.append(len(frame.data))
            return decode(frame, **options)

        deflate.decode = note_length  # type: ignore[method-assign]


def deflate_of(websocket: WebSocket) -> PerMessageDeflate | None:
    return next((each for each in websocket.protocol.extensions if isinstance(each, PerMessageDeflate)), None)


class Offer(ClientPerMessageDeflateFactory):
    """Offers these parameters, legal or not."""

    def __init__(self, parameters: list[tuple[str, str | None]]) -> None:
        super().__init__()
        self.parameters = parameters

    def get_request_params(self) -> list[tuple[str, str | None]]:
        return self.parameters


def settings(job: Job) -> dict[str, Any]:
    compression, extensions = "deflate" if job["compression"] else None, None
    if isinstance(job["compression"], dict):
        compression, extensions = None, factories(job["role"] == "server", **job["compression"])
    return {"compression": compression, "extensions": extensions, "ping_interval": None, "max_size": None, "close_timeout": job["timeout"]}


def factories(is_server: bool, offers: list[Any] | None = None, **parameters: Any) -> list[Any]:
    if offers is not None:
        return [Offer([(name, value) for name, value in offer]) for offer in offers]
    return [ServerPerMessageDeflateFactory(**parameters) if is_server else ClientPerMessageDeflateFactory(**parameters)]


class Websockets:
    async def serve(self, job: Job, result: Result, announce: Callable[[int], None]) -> None:
        done = asyncio.get_running_loop().create_future()

        def on_request(websocket: ServerConnection, request: Request) -> Response | None:
            if job["reject"] is None:
                return None
            done.set_result(None)
            return websocket.respond(http.HTTPStatus(job["reject"]), "rejected\n")

        def on_response(websocket: ServerConnection, request: Request, response: Response) -> None:
            for name, value in job["headers"]:
                response.headers[name] = value

        async def on_connection(websocket: ServerConnection) -> None:
            assert websocket.request
            note(websocket, websocket.request.headers, result)
            try:
                await converse(Connection(websocket), job, result)
            except Exception as error:
                done.set_exception(error)
            else:
                done.set_result(None)

        server = serve(
            on_connection, "127.0.0.1", 0, process_request=on_request, process_response=on_response,
            subprotocols=job["subprotocols"] or None,
            select_subprotocol=lambda _, offered: job["subprotocols"][0] if job["subprotocols"] else None,
            ssl=server_tls(job), **settings(job),
        )
        async with server as listening:
            announce(list(listening.sockets)[0].getsockname()[1])
            await done

    async def connect(self, job: Job, result: Result, gate: Gate) -> None:
        websocket = await connect(
            job["url"], additional_headers=job["headers"], subprotocols=job["subprotocols"] or None, proxy=None,
            ssl=client_tls(job), **settings(job),
        )
        assert websocket.response
        note(websocket, websocket.response.headers, result)
        await gate.enter()
        await converse(Connection(websocket), job, result)


if __name__ == "__main__":
    run(Websockets())
