"""The testee serves behind real reverse proxies, which tell it about their clients, or do not."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, AsyncIterator, Iterator

from certificates import Certificates
from checks import Check, equal, require
from proxies import Proxies
from secure import identity, port_of
from testee import Testee

PATIENCE = 20
KEEPS_HOST = "proxy_set_header Host $http_host;"


def checks(testee: Testee, certificates: Certificates, installed: Path, folder: Path) -> Iterator[Check]:
    def check(name: str, function: Any, *arguments: Any) -> Check:
        return Check(name, partial(function, testee, installed, folder, *arguments))

    # nginx sends the host of `proxy_pass` unless it is told otherwise.
    yield check("nginx with its default Host, own page", from_page, [], None, 403)
    yield check("nginx with its default Host, no page", from_page, [], False, 101)
    yield check("nginx that keeps Host, own page", from_page, [KEEPS_HOST], None, 101)
    yield check("nginx that keeps Host, foreign page", from_page, [KEEPS_HOST], "https://evil.example", 403)
    yield check("nginx that drops the port of Host, page without a port", from_page,
                ["proxy_set_header Host $host;"], "https://127.0.0.1", 101)


    # The testee tells its client's address in the field X-Client.
    for options in ["send-proxy", "send-proxy-v2"]:
        for scheme in ["ws", "wss"]:
            yield check(f"HAProxy with {options}, {scheme}", tells_client, certificates, scheme, options)
        yield check(f"HAProxy with {options}, not expected, ws", not_expected, certificates, "ws", options)
        yield check(f"HAProxy with {options}, not expected, wss", not_expected, certificates, "wss", options)
    yield check("HAProxy without send-proxy, expected", expected)
    yield check("HAProxy with X-Forwarded-For", told_by_field, "x-forwarded-for", "option forwardfor")
    yield check("HAProxy with Forwarded", told_by_field, "forwarded", "http-request add-header Forwarded for=%[src]")


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


@asynccontextmanager
async def behind_haproxy(
    testee: Testee, installed: Path, folder: Path, arguments: list[str], mode: str, options: str, lines: list[str]
) -> AsyncIterator[int]:
    async with testee.serve(*arguments) as (url, _), AsyncExitStack() as stack:
        yield await Proxies(installed, folder, stack).haproxy(port_of(url), mode, options, lines)


def expecting(form: str) -> list[str]:
    return ["--trusted-proxy", form]


async def tells_client(
    testee: Testee, installed: Path, folder: Path, certificates: Certificates, scheme: str, options: str
) -> None:
    arguments = expecting("proxy-protocol") + (identity(certificates) if scheme == "wss" else [])
    async with behind_haproxy(testee, installed, folder, arguments, "tcp", options, []) as port:
        answer = await ask(port, [], certificates.authority if scheme == "wss" else None)
    equal("status", answer.split(" ", 2)[1], "101")
    require("X-Client: OWN\r\n" in answer, answer)


async def not_expected(
    testee: Testee, installed: Path, folder: Path, certificates: Certificates, scheme: str, options: str
) -> None:
    """The answer is in the clear also where TLS is expected."""
    arguments = identity(certificates) if scheme == "wss" else []
    async with behind_haproxy(testee, installed, folder, arguments, "tcp", options, []) as port:
        answer = await ask(port, [])
    equal("status", answer.split(" ", 2)[1], "400")
    require("`trusted_proxy`" in answer, answer)


async def expected(testee: Testee, installed: Path, folder: Path) -> None:
    arguments = expecting("proxy-protocol")
    async with behind_haproxy(testee, installed, folder, arguments, "tcp", "", []) as port:
        answer = await ask(port, [])
    equal("status", answer.split(" ", 2)[1], "400")
    require("`trusted_proxy`" in answer, answer)


async def told_by_field(testee: Testee, installed: Path, folder: Path, form: str, line: str) -> None:
    async with behind_haproxy(testee, installed, folder, expecting(form), "http", "", [line]) as port:
        spoofed = ["X-Forwarded-For: 10.0.0.1", "Forwarded: for=10.0.0.1"]
        answer = await ask(port, spoofed)
    require("x-client: 127.0.0.1:0\r\n" in answer.lower(), answer)


async def ask(port: int, fields: list[str], authority: str | None = None) -> str:
    """The head of the answer to a handshake, with its body if it is refused. `OWN` stands for the address of this client."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        "GET / HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", *fields, "", "",
    ]
    context = ssl.create_default_context(cafile=authority) if authority else None
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    own = "{}:{}".format(*writer.get_extra_info("sockname"))
    try:
        writer.write("\r\n".join(lines).encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
        if head.startswith(b"HTTP/1.1 101 "):
            return head.decode().replace(own, "OWN")
        length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        body = await asyncio.wait_for(reader.readexactly(int(length.split(b":")[1])), PATIENCE)
        return (head + body).decode()
    finally:
        writer.close()
