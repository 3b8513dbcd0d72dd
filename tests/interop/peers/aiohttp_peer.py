"""The peer that is Python's `aiohttp`. It cannot send a message in fragments."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Union

from aiohttp import ClientSession, ClientWebSocketResponse, WSMessage, WSMsgType, web

from jobs import Gate, Job, Result, client_tls, converse, run, server_tls
from payloads import Payload
from play import Close, Mismatch

WebSocket = Union[web.WebSocketResponse, ClientWebSocketResponse]


class Connection:
    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self.close_received: Close | None = None

    async def send(self, payload: Payload) -> None:
        if isinstance(payload, str):
            await self.websocket.send_str(payload)
        else:
            await self.websocket.send_bytes(payload)

    async def send_plain(self, payload: Payload) -> None:
        writer = self.websocket._writer
        assert writer
        compress, writer.compress = writer.compress, 0
        try:
            await self.send(payload)
        finally:
            writer.compress = compress

    async def send_fragments(self, kind: str, fragments: list[bytes], ping: bool) -> None:
        raise Mismatch("aiohttp cannot send fragments")

    async def send_invalid_text(self, payload: bytes) -> None:
        await self.websocket.send_frame(payload, WSMsgType.TEXT)

    async def receive(self) -> Payload:
        message = await self.next()
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            raise Mismatch(f"received {message.type.name} instead of a message")
        payload: Payload = message.data
        return payload

    async def next(self) -> WSMessage:
        """Whatever comes next, but for pings, which are answered."""
        while True:
            message = await self.websocket.receive()
            if message.type is not WSMsgType.PING:
                break
            await self.websocket.pong(message.data)
        if message.type is WSMsgType.CLOSE:
            self.close_received = (message.data or 1005, message.extra)  # it says 0 when there is no code
        return message

    async def ping(self, payload: bytes) -> None:
        await self.websocket.ping(payload)
        message = await self.next()
        if message.type is not WSMsgType.PONG or message.data != payload:
            raise Mismatch(f"pinged {payload!r}, received {message.type.name} {message.data!r}")

    async def idle(self, seconds: float) -> None:
        try:
            message = await asyncio.wait_for(self.next(), seconds)
        except asyncio.TimeoutError:
            return
        raise Mismatch(f"received {message.type.name} while nothing was to come")

    def write(self, octets: bytes) -> None:
        self.transport().write(octets)

    def abort(self) -> None:
        self.transport().abort()

    def transport(self) -> Any:
        assert self.websocket._writer
        return self.websocket._writer.transport

    async def close(self, code: int | None, reason: str) -> None:
        if code is None:
            await self.websocket.send_frame(b"", WSMsgType.CLOSE)
            await self.closed()
        else:
            await self.websocket.close(code=code, message=reason.encode())
            answer = self.websocket.close_code  # which is 1006 if none came
            self.close_received = (answer or 1005, None) if answer != 1006 else None

    async def closed(self) -> Close | None:
        while not self.websocket.closed and self.close_received is None:
            if (await self.next()).type in (WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR):
                break
        return self.close_received


class Aiohttp:
    async def serve(self, job: Job, result: Result, announce: Callable[[int], None]) -> None:
        done = asyncio.get_running_loop().create_future()

        async def on_request(request: web.Request) -> web.StreamResponse:
            try:
                return await respond(request, job, result)
            except Exception as error:
                done.set_exception(error)
                raise
            finally:
                if not done.done():
                    done.set_result(None)

        app = web.Application()
        app.router.add_get("/{path:.*}", on_request)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_tls(job)).start()
            announce(runner.addresses[0][1])
            await done
        finally:
            await runner.cleanup()

    async def connect(self, job: Job, result: Result, gate: Gate) -> None:
        async with ClientSession() as session:
            websocket = await session.ws_connect(
                job["url"], headers=job["headers"], protocols=job["subprotocols"],
                compress=window_bits(job), autoping=False, max_msg_size=0,
                ssl=client_tls(job) or True,
            )
            note(websocket, websocket._response.headers, websocket.protocol, result)
            await gate.enter()
            await converse(Connection(websocket), job, result)


async def respond(request: web.Request, job: Job, result: Result) -> web.StreamResponse:
    if job["reject"] is not None:
        return web.Response(status=job["reject"], text="rejected\n")
    websocket = web.WebSocketResponse(
        protocols=job["subprotocols"], compress=job["compression"] is not False, autoping=False, max_msg_size=0,
        timeout=job["timeout"],
    )
    websocket.headers.extend(job["headers"])
    await websocket.prepare(request)
    note(websocket, request.headers, websocket.ws_protocol, result)
    await converse(Connection(websocket), job, result)
    return websocket


def note(websocket: WebSocket, headers: Any, subprotocol: str | None, result: Result) -> None:
    result.headers = {name.lower(): value for name, value in headers.items()}
    result.subprotocol = subprotocol
    result.compressed = bool(websocket.compress)
    if websocket.compress:
        # It inflates with the largest window, and never forgets it.
        result.deflate = {"send": [None, int(websocket.compress)], "receive": [True, 15]}


def window_bits(job: Job) -> int:
    """What a client asks the server for is all that it can be told."""
    if isinstance(job["compression"], dict):
        return int(job["compression"].get("server_max_window_bits", 15))
    return 15 if job["compression"] else 0


if __name__ == "__main__":
    run(Aiohttp())
