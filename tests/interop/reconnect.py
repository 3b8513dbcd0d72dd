"""The client that stays connected, with servers that are killed and started again at the same port."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator

from checks import Check, equal, require
from children import ENVIRONMENT, Child
from examples import example
from peer import PEERS
from ports import free_port
from watched import Line, Watched, parse

KINDS = {
    "websockets": [sys.executable, str(PEERS / "steady.py")],
    "ws": ["node", str(PEERS / "steady.js")],
}

# From the start of the client to the end that it makes itself. All servers must have had their part by then.
STOP_AFTER = 40.0
TEXTS = ["one", "two", "three"]


@dataclass(frozen=True)
class Setting:
    """What is run: a client of one runtime, and servers of one kind."""

    testee: Path
    runtime: str
    kind: str
    installed: Path


class Scene:
    """One check: its port, its servers, its client."""

    def __init__(self, setting: Setting, stack: AsyncExitStack) -> None:
        self.setting = setting
        self.stack = stack
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}/steady"

    async def watch(self, name: str, command: list[str], read: Callable[[str], Line]) -> Watched:
        environment = {
            **ENVIRONMENT,
            "PYTHONPATH": str(self.setting.installed / "python"),
            "NODE_PATH": str(self.setting.installed / "node" / "node_modules"),
        }
        watched = Watched(await Child.start(name, command, environment), read)
        self.stack.push_async_callback(watched.stop)
        return watched

    async def server(self, *options: str) -> Watched:
        command = [*KINDS[self.setting.kind], str(self.port), *options]
        server = await self.watch("the server", command, json.loads)
        await server.until("listening", lambda lines: lines)
        return server

    async def client(self, *options: str) -> Watched:
        stop = ["--reconnect", "fixed:0.2", "--stop-after", str(STOP_AFTER)]
        send = [word for text in TEXTS for word in ("--send", text)]
        command = [str(self.setting.testee), "connect", self.setting.runtime, self.url, *stop, *send, *options]
        return await self.watch("testee connect", command, parse)

    async def heartbeat(self, *options: str) -> Watched:
        program = str(example(self.setting.installed, "heartbeat", self.setting.runtime))
        command = [program, self.url, "--stop-after", str(STOP_AFTER), *options]
        return await self.watch("heartbeat", command, lambda line: line.rstrip("\r\n"))


def checks(testee: Path, runtime: str, installed: Path) -> Iterator[tuple[str, Check]]:
    for kind in KINDS:
        setting = Setting(testee, runtime, kind, installed)

        def check(name: str, function: Any, *arguments: Any) -> Check:
            return Check(name, partial(on_stage, setting, function, *arguments))

        where = f"{runtime} client, {kind} server that comes and goes"
        for delivery in ["at-most-once", "confirmed"]:
            yield where, check(f"killed when it has got all, {delivery}", killed, delivery)
            yield where, check(f"started late, {delivery}", started_late, delivery)
            yield where, check(f"killed before it reads, {delivery}", killed_before_it_reads, delivery)
        for code in [1000, 1001]:
            yield where, check(f"Close is answered with Close, {code}", closed, code)
        yield where, check("heartbeat", heartbeat_goes_on)
        yield where, check("heartbeat, Close is answered with Close", heartbeat_closed)


async def on_stage(setting: Setting, function: Any, *arguments: Any) -> None:
    async with AsyncExitStack() as stack:
        await function(Scene(setting, stack), *arguments)


def texts(lines: list[Line]) -> list[str]:
    return [line["text"] for line in lines if "text" in line]


def got(*wanted: str) -> Callable[[list[Line]], bool]:
    """Whether all of these texts have come."""
    return lambda lines: set(wanted) <= set(texts(lines))


def kill(server: Watched) -> None:
    server.child.kill(signal.SIGKILL)


# The greeting is sent back, which shows that messages go on.
ALL = [*TEXTS, "greeting"]


async def finish(scene: Scene, client: Watched, server: Watched, ends: list[str]) -> None:
    """The client stops by itself. `ends` are its first events, up to the last connection."""
    equal("exit status", await client.end(), 0)
    await server.until("Close", lambda lines: lines[-1] == {"close": [1000, ""]})
    names = [str(event["event"]) for event in client.lines if event["event"] != "pong"]
    last = ["connected", "open", "message", "closing", "closed", "gave_up"]
    require(names[-6:] == last, f"the last connection: {names}")
    # Until the server is back, attempts are refused.
    refused = ["error", "closed", "reconnecting"]
    between = names[len(ends):-6]
    require(names[: len(ends)] == ends, f"the events: {names}")
    require(between == refused * (len(between) // 3), f"the events between: {between}")
    again = [event for event in client.lines if event["event"] == "reconnecting"]
    equal("attempts", [event["attempt"] for event in again], list(range(1, len(again) + 1)))
    require(all(event["after"] == 0.2 for event in again), f"delays: {again}")
    closed, gave_up = client.lines[-2:]
    equal("the reason", gave_up["reason"], "the program closed the client")
    equal("the end", [closed["code"], closed["clean"], closed["by"]], [1000, True, "us"])


BROKEN = ["connected", "open", "message", "error", "closed", "reconnecting"]


async def killed(scene: Scene, delivery: str) -> None:
    first = await scene.server()
    client = await scene.client("--delivery", delivery)
    await first.until("all messages", got(*ALL))
    if delivery == "confirmed":
        await client.until("the proof", lambda events: any(event["event"] == "pong" for event in events))
    kill(first)
    await client.until("the loss", lambda events: any(event["event"] == "reconnecting" for event in events))
    second = await scene.server()
    await second.until("the greeting", got("greeting"))
    await finish(scene, client, second, BROKEN)
    lost = next(event for event in client.lines if event["event"] == "closed")
    equal("the loss", [lost["code"], lost["clean"]], [1006, False])
    equal("sent to the first", texts(first.lines), ALL)
    again = texts(second.lines)
    # Whether the proof of the greeting had come is not known.
    wanted = [["greeting"]] if delivery == "at-most-once" else [["greeting"], ["greeting", "greeting"]]
    require(again in wanted, f"sent to the second: {again}")


async def started_late(scene: Scene, delivery: str) -> None:
    client = await scene.client("--delivery", delivery)
    await client.until("reconnecting", lambda events: len(events) >= 3)
    require(client.lines[0].get("phase") == "connect", f"a refused connection: {client}")
    server = await scene.server()
    await server.until("all messages", got(*ALL))
    await finish(scene, client, server, ["error", "closed", "reconnecting"])
    equal("sent", texts(server.lines), ALL)


async def killed_before_it_reads(scene: Scene, delivery: str) -> None:
    first = await scene.server("--freeze")
    client = await scene.client("--delivery", delivery)
    await client.until("open", lambda events: any(event["event"] == "open" for event in events))
    await asyncio.sleep(0.5)  # so that the system takes the messages; nothing depends on it
    kill(first)
    await client.until("the loss", lambda events: any(event["event"] == "reconnecting" for event in events))
    second = await scene.server()
    await second.until("the greeting", got("greeting"))
    await finish(scene, client, second, [name for name in BROKEN if name != "message"])
    again = texts(second.lines)
    if delivery == "confirmed":
        equal("sent again", again, ALL)
    else:
        require(again in [ALL[n:] for n in range(len(ALL))], f"sent again: {again}")


async def closed(scene: Scene, code: int) -> None:
    server = await scene.server("--close", str(code))
    client = await scene.client("--delivery", "confirmed")
    await server.until("Close", lambda lines: any("close" in line for line in lines))
    answer = next(line["close"] for line in server.lines if "close" in line)
    equal("the answer", answer[0], code)
    await server.until("the rest", lambda lines: set(ALL) <= set(texts(lines)) and lines[-1] != {"close": answer})
    equal("exit status", await client.end(), 0)
    names = [str(event["event"]) for event in client.lines if event["event"] not in ("pong", "message")]
    end = ["closing", "closed"]
    equal("events", names, ["connected", "open", *end, "reconnecting", "connected", "open", *end, "gave_up"])
    came = next(event for event in client.lines if event["event"] == "closed")
    equal("closed", [came["code"], came["reason"], came["clean"], came["by"]], [code, "bye", True, "peer"])


ENDED = "connection closed and try to reconnect"


async def heartbeat_goes_on(scene: Scene) -> None:
    first = await scene.server()
    client = await scene.heartbeat("--ping-interval", "0.3")
    await first.until("hello", got("hello"))
    await client.until("the greeting", lambda lines: "recv: greeting" in lines)
    kill(first)
    await client.until("the end", lambda lines: ENDED in lines)
    second = await scene.server()
    await second.until("hello", got("hello"))
    await client.until("the greeting", lambda lines: lines.count("recv: greeting") == 2)
    said = client.lines
    at = said.index("recv: greeting")
    equal("the first lines", said[:2], ["tcp connected", "HTTP/1.1 101 Switching Protocols"])
    require("" in said[:at] and all(": " in line for line in said[2:said.index("")]), f"the response: {client}")
    require(said[at + 1].startswith("error: ") and said[at + 2] == ENDED, f"the end of the connection: {client}")
    rest = [line for line in said[at + 3:] if not line.startswith("error: ") and line != ENDED]
    equal("the next connection", rest[:2], said[:2])
    for server in [first, second]:
        opened = next(line["open"] for line in server.lines if "open" in line)
        equal("Cookie", opened.get("cookie"), "PHPSESSID=abc123; user=xiaoming")
        equal("OtherKey", opened.get("otherkey"), "values")
        equal("sent", texts(server.lines), ["hello"])
    equal("exit status", await client.end(), 0)


async def heartbeat_closed(scene: Scene) -> None:
    server = await scene.server("--close", "1000")
    client = await scene.heartbeat()
    await server.until("Close and a second hello", lambda lines: texts(lines) == ["hello", "hello"])
    answer = next(line["close"] for line in server.lines if "close" in line)
    equal("the answer", answer[0], 1000)
    await client.until("the greeting", lambda lines: lines.count("recv: greeting") == 2)
    said = client.lines
    at = said.index(ENDED)
    require(not any(line.startswith("error: ") for line in said), f"an error at a clean close: {client}")
    equal("the line before", said[at - 1], "recv: greeting")
    equal("the line after", said[at + 1], "tcp connected")
    equal("exit status", await client.end(), 0)
