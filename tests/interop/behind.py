"""The testee serves behind real reverse proxies, which tell it about their clients, or do not."""

from __future__ import annotations

import asyncio
import base64
import os
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, AsyncIterator, Iterator

from checks import Check, equal, require
from proxies import Proxies
from secure import port_of
from testee import Testee

PATIENCE = 20
KEEPS_HOST = "proxy_set_header Host $http_host;"


def checks(testee: Testee, installed: Path, folder: Path) -> Iterator[Check]:
    def check(name: str, function: Any, *arguments: Any) -> Check:
        return Check(name, partial(function, testee, installed, folder, *arguments))

    # nginx sends the host of `proxy_pass` unless it is told otherwise.
    yield check("nginx with its default Host, own page", from_page, [], None, 403)
    yield check("nginx with its default Host, no page", from_page, [], False, 101)
    yield check("nginx that keeps Host, own page", from_page, [KEEPS_HOST], None, 101)
    yield check("nginx that keeps Host, foreign page", from_page, [KEEPS_HOST], "https://evil.example", 403)
    yield check("nginx that drops the port of Host, page without a port", from_page,
                ["proxy_set_header Host $host;"], "https://127.0.0.1", 101)


@asynccontextmanager
async def behind_nginx(testee: Testee, installed: Path, folder: Path, lines: list[str]) -> AsyncIterator[int]:
    """The port of an nginx in front of a server."""
    async with testee.serve() as (url, _), AsyncExitStack() as stack:
        yield await Proxies(installed, folder, stack).nginx(port_of(url), lines)


async def from_page(
    testee: Testee, installed: Path, folder: Path, lines: list[str], origin: str | bool | None, status: int
) -> None:
    """With the origin of a page: one of this server if it is `None`, and no page if it is `False`."""
    async with behind_nginx(testee, installed, folder, lines) as port:
        origin = f"http://127.0.0.1:{port}" if origin is None else origin
        fields = [f"Origin: {origin}", "Cookie: session=1"] if origin else []
        answer = await ask(port, fields)
    equal("status", answer.split(" ", 2)[1], str(status))
    if status == 403:
        for named in [origin, "proxy_set_header Host $http_host", "`origins`"]:
            require(named in answer, f"{named} is not in {answer!r}")


async def ask(port: int, fields: list[str], before: bytes = b"") -> str:
    """The head of the answer to a handshake, and its body if it is refused."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        "GET / HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", *fields, "", "",
    ]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(before + "\r\n".join(lines).encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
        if head.startswith(b"HTTP/1.1 101 "):
            return head.decode()
        length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        body = await asyncio.wait_for(reader.readexactly(int(length.split(b":")[1])), PATIENCE)
        return (head + body).decode()
    finally:
        writer.close()
