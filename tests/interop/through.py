"""The testee connects through real proxies, which may refuse, stall and die."""

from __future__ import annotations

import asyncio
import base64
import re
import signal
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator

from as_client import closed_by_peer, failed, in_order
from certificates import Certificates
from checks import NORMAL, Check, equal, require
from children import ENVIRONMENT, Child
from examples import example
from listening import has_client
from openssl import s_server
from peer import Peer, Result, Step
from ports import free_port
from proxies import USER, Door, Proxies, Proxy
from reconnect import ENDED
from secure import identity, port_of, telling_is
from testee import Outcome, Testee
from watched import Watched, parse

STEPS: list[Step] = [
    ["echo", "text", 0], ["echo", "text", 1000], ["echo", "binary", 65536], ["echo", "binary", 1 << 20],
    ["ping", "x"], NORMAL,
]
SCHEMES = ["ws", "wss"]


@dataclass(frozen=True)
class Way:
    name: str
    proxy: Proxy
    door: Door


@dataclass(frozen=True)
class Stage:
    """The proxies that serve all checks, and what those need besides."""

    certificates: Certificates
    ways: dict[str, Way]
    forbidden: int
    strict: list[tuple[Way, str]]
    peer: Peer
    secure_peer: Peer
    proxies: Proxies

    @classmethod
    async def set(
        cls, certificates: Certificates, peer: Peer, installed: Path, folder: Path, stack: AsyncExitStack
    ) -> Stage:
        proxies = Proxies(installed, folder, stack)
        forbidden = free_port()
        tinyproxy, tinyproxy_door = await proxies.tinyproxy()
        asking, asking_door = await proxies.tinyproxy(asks=True)
        allowing, allowing_door = await proxies.tinyproxy(allowed=443)
        squid, doors = await proxies.squid(certificates.proxy)
        microsocks, microsocks_door = await proxies.microsocks()
        guarded, guarded_door = await proxies.microsocks(asks=True)
        dante, dante_door = await proxies.dante(forbidden)
        ways = [
            Way("tinyproxy", tinyproxy, tinyproxy_door),
            Way("tinyproxy that asks", asking, asking_door),
            Way("squid", squid, doors["open"]),
            Way("squid that asks", squid, doors["asking"]),
            Way("squid over TLS", squid, doors["secure"]),
            Way("squid over TLS that asks", squid, doors["secure-asking"]),
            Way("microsocks", microsocks, microsocks_door),
            Way("microsocks with addresses", microsocks, microsocks_door.speaking("socks5")),
            Way("microsocks that asks", guarded, guarded_door),
            Way("dante", dante, dante_door),
            Way("dante with addresses", dante, dante_door.speaking("socks5")),
        ]
        strict = [
            (Way("tinyproxy", allowing, allowing_door), "answered 403 .*CONNECT"),
            (Way("squid", squid, doors["strict"]), "answered 403 .*CONNECT"),
            (Way("dante", dante, dante_door), "rules do not allow"),
        ]
        secure = peer.over_tls(certificate=certificates.right.certificate, key=certificates.right.key)
        return cls(certificates, {way.name: way for way in ways}, forbidden, strict, peer, secure, proxies)

    def peer_for(self, scheme: str) -> Peer:
        return self.secure_peer if scheme == "wss" else self.peer


def checks(testee: Testee, stage: Stage) -> Iterator[Check]:
    """Checks of proxies that serve others, too."""
    def check(name: str, function: Any, *arguments: Any) -> Check:
        return Check(name, partial(function, testee, stage, *arguments))

    for way in stage.ways.values():
        for scheme in SCHEMES:
            yield check(f"{scheme} through {way.name}", carries, way, scheme)
        if way.door.password is not None:
            wrong = way.door.url("wrong")
            yield check(f"wrong password, {way.name}", no_tunnel, wrong, "user name and password")
            yield check(f"no password, {way.name}", no_tunnel, way.door.anonymous(), "asks for authentication")
        if way.door.scheme != "socks5":
            yield check(f"a target that is not there, {way.name}", target_not_there, way)
            yield check(f"a name that does not exist, {way.name}", name_not_there, way)
    for way, telling in stage.strict:
        yield check(f"a port that is not allowed, {way.name}", forbidden, way, telling)
    yield check("a name that does not exist, resolved here", resolved_here)
    yield check("no proxy at this port", no_proxy)

    http, socks = stage.ways["tinyproxy"].door, stage.ways["microsocks"].door
    squid, secure = stage.ways["squid"].door, stage.ways["squid over TLS"].door
    strange = [
        # They wait for the end of a line, which does not come.
        ("socks5 to tinyproxy", http.speaking("socks5h"), r"the greeting of SOCKS5 in 1s \(open_timeout\); is it a SOCKS proxy"),
        ("socks5 to squid", squid.speaking("socks5h"), r"the greeting of SOCKS5 in 1s \(open_timeout\); is it a SOCKS proxy"),
        ("https to tinyproxy", http.speaking("https"), r"TLS with the proxy was not up in 1s \(open_timeout\); does it speak TLS"),
        ("https to squid without TLS", squid.speaking("https"), "TLS with the proxy: .*does not speak TLS.* http, not https"),
        ("http to squid over TLS", secure.speaking("http"), "reset|without an answer"),
        ("http to microsocks", socks.speaking("http"), "reset|without an answer|is it a SOCKS proxy"),
    ]
    for name, door, telling in strange:
        more = ["--open-timeout", "1"] if "open_timeout" in telling else []
        yield check(name, no_tunnel, door.anonymous(), telling, *more)
    yield check("authority of the target, not of the proxy", proxy_not_believed)
    yield check("authority of the proxy, not of the target", target_not_believed, secure.anonymous(), None)
    for name in ["tinyproxy", "squid over TLS", "microsocks"]:
        url = stage.ways[name].door.anonymous()
        yield check(f"wrong certificate of the target through {name}", target_not_believed, url, "wrong name")
        for status in [401, 503]:
            yield check(f"handshake rejected with {status} through {name}", rejected, url, status)

    for variable, scheme, way in [
        ("HTTP_PROXY", "ws", "tinyproxy that asks"),
        ("HTTPS_PROXY", "wss", "squid that asks"),
        ("ALL_PROXY", "ws", "microsocks that asks"),
        ("all_proxy", "wss", "microsocks that asks"),
    ]:
        yield check(f"{variable} and {scheme}", from_environment, variable, scheme, stage.ways[way])
    yield check("NO_PROXY", exempt)
    for variable, way in [("HTTPS_PROXY", "tinyproxy that asks"), ("ALL_PROXY", "microsocks that asks")]:
        yield check(f"example echo, wss through {way}", echo, variable, stage.ways[way])
        yield check(f"example heartbeat, wss through {way}", heartbeat, variable, stage.ways[way])
    yield check("a variable that is no URL of a proxy", bad_variable)


def at_once(testee: Testee, stage: Stage) -> Iterator[Check]:
    """Checks that wait, each with proxies of its own."""
    def check(name: str, function: Any, *arguments: Any) -> Check:
        return Check(name, partial(own_proxy, testee, stage, function, *arguments))

    for kind in ["tinyproxy", "squid", "squid over TLS", "microsocks"]:
        yield check(f"{kind} is stopped", stopped, kind)
        yield check(f"{kind} dies within the handshake", dies_early, kind)
        for scheme in SCHEMES:
            yield check(f"{kind} dies under {scheme}, and comes back", dies_late, kind, scheme)
    for kind in ["tinyproxy", "microsocks"]:
        yield check(f"example heartbeat, {kind} dies and comes back", heartbeat_goes_on, kind)
        yield check(f"silence of the target through {kind}, wss", silent_in_tls, kind)
        yield check(f"silence of the target through {kind}, ws", silent_in_handshake, kind)


def arguments(stage: Stage, url: str) -> list[str]:
    return ["--ca", stage.certificates.authority, "--proxy-ca", stage.certificates.proxy_authority, "--proxy", url]


def through(testee: Testee, stage: Stage, scheme: str, url: str, *more: str) -> Testee:
    return testee.over(scheme, *arguments(stage, url), *more, host="localhost")


async def carries(testee: Testee, stage: Stage, way: Way, scheme: str) -> None:
    testee = through(testee, stage, scheme, way.door.right())
    await carried(testee, stage, way, scheme)


async def carried(testee: Testee, stage: Stage, way: Way, scheme: str) -> None:
    job = await stage.peer_for(scheme).accept(STEPS)
    outcome = await testee.connect(testee.url(job.port, "/interop?x=1"), ["--header", "X-Interop: a"])
    outcome.only("closed")
    result = await job.success()
    in_order(outcome)
    closed_by_peer(outcome, 1000, "")
    equal("number of messages", len(outcome.all("message")), 4)
    nothing_of_the_proxy(result, way, job.port)
    await until_logged(way.proxy, job.port)


def nothing_of_the_proxy(result: Result, way: Way, port: int) -> None:
    equal("Host", result.headers.get("host"), f"localhost:{port}")
    equal("X-Interop", result.headers.get("x-interop"), "a")
    proxied = [name for name in result.headers if name.startswith("proxy-")]
    require(not proxied, f"the target was sent {proxied}")
    if way.door.password is not None:
        seen = repr(result.headers)
        basic = base64.b64encode(f"{USER}:{way.door.password}".encode()).decode()
        require(way.door.password not in seen and basic not in seen, f"the target knows the password: {seen}")


async def until_logged(proxy: Proxy, port: int) -> None:
    """It went through the proxy only if that says so."""
    for _ in range(1200):
        if is_logged(proxy, port):
            return
        await asyncio.sleep(0.05)
    require(False, f"{proxy.name} knows nothing of port {port}: {proxy.log()[-500:]}")


def is_logged(proxy: Proxy, port: int) -> bool:
    return re.search(rf"(localhost:|127\.0\.0\.1[.:]){port}\b", proxy.log()) is not None


def failed_at_proxy(outcome: Outcome, telling: str) -> None:
    in_order(outcome)
    failed(outcome, "proxy", 1006)
    telling_is(outcome, telling)
    telling_nothing_secret(outcome)


def telling_nothing_secret(outcome: Outcome) -> None:
    error = outcome.only("error")["message"]
    passwords = ["wrong", "open-s", "secret"]
    require(not any(password in error for password in passwords), f"the error tells a password: {error!r}")


async def no_tunnel(testee: Testee, stage: Stage, url: str, telling: str, *more: str) -> None:
    testee = through(testee, stage, "wss", url, *more)
    failed_at_proxy(await testee.connect(testee.url(free_port())), telling)


async def forbidden(testee: Testee, stage: Stage, way: Way, telling: str) -> None:
    testee = through(testee, stage, "wss", way.door.right())
    failed_at_proxy(await testee.connect(testee.url(stage.forbidden)), telling)


async def target_not_there(testee: Testee, stage: Stage, way: Way) -> None:
    testee = through(testee, stage, "ws", way.door.right())
    failed_at_proxy(
        await testee.connect(testee.url(free_port())), r"answered 50[0234]|refused the connection \(5\)"
    )


async def name_not_there(testee: Testee, stage: Stage, way: Way) -> None:
    testee = through(testee, stage, "ws", way.door.right())
    failed_at_proxy(
        await testee.connect("ws://nowhere.invalid/"), r"answered 50[0234]|cannot resolve its name \(4\)|\(1\)"
    )


async def resolved_here(testee: Testee, stage: Stage) -> None:
    door = stage.ways["microsocks with addresses"].door
    outcome = await through(testee, stage, "ws", door.right()).connect("ws://nowhere.invalid/")
    in_order(outcome)
    failed(outcome, "resolve", 1006)
    telling_is(outcome, "nowhere.invalid")


async def no_proxy(testee: Testee, stage: Stage) -> None:
    port = free_port()
    testee = through(testee, stage, "ws", f"http://{USER}:secret@127.0.0.1:{port}")
    outcome = await testee.connect(testee.url(free_port()))
    in_order(outcome)
    failed(outcome, "connect", 1006)
    telling_is(outcome, f"through http://127.0.0.1:{port}: connecting to the proxy at 127.0.0.1:{port} failed: ")
    telling_nothing_secret(outcome)


async def proxy_not_believed(testee: Testee, stage: Stage) -> None:
    url = stage.ways["squid over TLS"].door.anonymous()
    testee = testee.over("wss", "--ca", stage.certificates.authority, "--proxy", url, host="localhost")
    failed_at_proxy(await testee.connect(testee.url(free_port())), "TLS with the proxy: .*no authority that is trusted")


async def target_not_believed(testee: Testee, stage: Stage, url: str, wrong: str | None) -> None:
    """The tunnel is there, and TLS through it is with the target."""
    trust = ["--proxy-ca", stage.certificates.proxy_authority, "--proxy", url]
    if wrong:
        trust += ["--ca", stage.certificates.authority]
    pair = stage.certificates.wrong_name if wrong else stage.certificates.right
    testee = testee.over("wss", *trust, host="localhost")
    async with s_server(pair) as (port, _):
        outcome = await testee.connect(testee.url(port))
    in_order(outcome)
    failed(outcome, "tls", 1006)
    telling_is(outcome, "not for localhost" if wrong else "no authority that is trusted")


async def rejected(testee: Testee, stage: Stage, url: str, status: int) -> None:
    """By the target, which is another matter than by the proxy."""
    testee = through(testee, stage, "wss", url)
    job = await stage.secure_peer.accept([], reject=status)
    outcome = await testee.connect(testee.url(job.port))
    await job.result()
    in_order(outcome)
    failed(outcome, "handshake", 1006)
    telling_is(outcome, str(status))


async def from_environment(testee: Testee, stage: Stage, variable: str, scheme: str, way: Way) -> None:
    environment = ((variable, way.door.right()), ("no_proxy", "other.example"))
    trust = ["--proxy-from-env", "--ca", stage.certificates.authority]
    testee = testee.over(scheme, *trust, host="localhost", environment=environment)
    await carried(testee, stage, way, scheme)


async def exempt(testee: Testee, stage: Stage) -> None:
    environment = (("ALL_PROXY", f"http://127.0.0.1:{free_port()}"), ("no_proxy", "localhost"))
    testee = testee.over("ws", "--proxy-from-env", host="localhost", environment=environment)
    job = await stage.peer.accept([["echo", "text", 5], NORMAL])
    closed_by_peer(await testee.connect(testee.url(job.port)), 1000, "")
    await job.success()


async def bad_variable(testee: Testee, stage: Stage) -> None:
    environment = (("https_proxy", "ftp://127.0.0.1:21"),)
    testee = testee.over("wss", "--proxy-from-env", host="localhost", environment=environment)
    failed_at_proxy(await testee.connect(testee.url(free_port())), "variable https_proxy: .*\"ftp\"")


# The examples, which know of proxies and authorities by the environment alone.


async def run_example(testee: Testee, stage: Stage, name: str, url: str, *more: str, **variables: str) -> Watched:
    program = str(example(stage.proxies.installed, name, testee.runtime))
    environment = {**ENVIRONMENT, "SSL_CERT_FILE": stage.certificates.authority, **variables}
    target = f"wss://localhost:{port_of(url)}/"
    child = await Child.start(f"the example {name}", [program, target, *more], environment)
    return Watched(child, lambda line: line.rstrip("\r\n"))


async def echo(testee: Testee, stage: Stage, variable: str, way: Way) -> None:
    async with testee.serve(*identity(stage.certificates)) as (url, _):
        running = await run_example(testee, stage, "echo", url, **{variable: way.door.right()})
        try:
            equal(f"exit status of {running}", await running.end(), 0)
        finally:
            await running.stop()
        received = [line for line in running.lines if line.startswith("received")]
        equal("number of answers", len(received), 4)
        await until_logged(way.proxy, port_of(url))


async def heartbeat(testee: Testee, stage: Stage, variable: str, way: Way) -> None:
    async with testee.serve(*identity(stage.certificates)) as (url, _):
        running = await run_example(testee, stage, "heartbeat", url, **{variable: way.door.right()})
        try:
            await running.until("the echo", lambda lines: "recv: hello" in lines)
        finally:
            await running.stop()
        equal("the first lines", running.lines[:2], ["tcp connected", "HTTP/1.1 101 Switching Protocols"])
        await until_logged(way.proxy, port_of(url))


async def heartbeat_goes_on(testee: Testee, stage: Stage, proxy: Proxy, door: Door) -> None:
    async with testee.serve(*identity(stage.certificates)) as (url, _):
        running = await run_example(testee, stage, "heartbeat", url, ALL_PROXY=door.right())
        try:
            await running.until("the echo", lambda lines: "recv: hello" in lines)
            await proxy.die()
            await running.until("the end", lambda lines: ENDED in lines)
            await proxy.start()
            await running.until("the second echo", lambda lines: lines.count("recv: hello") == 2)
        finally:
            await running.stop()


# Proxies that stall and die.


async def own_proxy(testee: Testee, stage: Stage, function: Callable[..., Any], kind: str, *more: Any) -> None:
    async with AsyncExitStack() as stack:
        proxies = Proxies(stage.proxies.installed, stage.proxies.folder, stack)
        if kind == "tinyproxy":
            proxy, door = await proxies.tinyproxy()
        elif kind == "microsocks":
            proxy, door = await proxies.microsocks()
        else:
            proxy, doors = await proxies.squid(stage.certificates.proxy)
            door = doors["secure" if "TLS" in kind else "open"]
        await function(testee, stage, proxy, door, *more)


async def stopped(testee: Testee, stage: Stage, proxy: Proxy, door: Door) -> None:
    proxy.child.kill(signal.SIGSTOP)
    testee = through(testee, stage, "wss", door.right(), "--open-timeout", "1")
    failed_at_proxy(await testee.connect(testee.url(free_port())), r"in 1s \(open_timeout\)")


async def dies_early(testee: Testee, stage: Stage, proxy: Proxy, door: Door) -> None:
    proxy.child.kill(signal.SIGSTOP)
    testee = through(testee, stage, "wss", door.right())
    connecting = asyncio.ensure_future(testee.connect(testee.url(free_port())))
    while not (has_client(door.port) or connecting.done()):
        await asyncio.sleep(0.02)
    await proxy.die()
    failed_at_proxy(await connecting, "reset|ended the stream")


async def dies_late(testee: Testee, stage: Stage, proxy: Proxy, door: Door, scheme: str) -> None:
    options = identity(stage.certificates) if scheme == "wss" else []
    async with testee.serve(*options) as (url, _):
        client = through(testee, stage, scheme, door.right(), "--reconnect", "fixed:0.2")
        watched = await watch(client, url)
        try:
            await watched.until("the connection", lambda events: count(events, "open") == 1)
            await proxy.die()
            await watched.until("the loss", lambda events: count(events, "reconnecting") >= 1)
            await proxy.start()
            await watched.until("the second connection", lambda events: count(events, "open") == 2)
        finally:
            await watched.stop()
    names = [event["event"] for event in watched.lines if event["event"] != "pong"]
    equal("the events", names[:5], ["connected", "open", "error", "closed", "reconnecting"])
    lost, closed = [event for event in watched.lines if event["event"] in ("error", "closed")][:2]
    equal("the phase", lost["phase"], "transport")
    equal("the close", [closed["code"], closed["clean"]], [1006, False])


async def watch(client: Testee, url: str) -> Watched:
    """A client that stays connected to the server of this URL, by the name of loopback."""
    command = client.command(client.url(port_of(url)), [])
    return Watched(await Child.start("testee connect", command), parse)


def count(events: list[Any], name: str) -> int:
    return sum(event["event"] == name for event in events)


async def silent_in_tls(testee: Testee, stage: Stage, proxy: Proxy, door: Door) -> None:
    await silent(testee, stage, door, "wss", "tls")


async def silent_in_handshake(testee: Testee, stage: Stage, proxy: Proxy, door: Door) -> None:
    await silent(testee, stage, door, "ws", "handshake")


async def silent(testee: Testee, stage: Stage, door: Door, scheme: str, phase: str) -> None:
    # In which it has to get through the proxy.
    testee = through(testee, stage, scheme, door.right(), "--open-timeout", "5")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        outcome = await testee.connect(testee.url(listener.getsockname()[1]))
    in_order(outcome)
    failed(outcome, phase, 1006)
    telling_is(outcome, r"in 5s \(open_timeout\)")
