"""Each peer connects to the testee."""

from __future__ import annotations

from functools import partial
from typing import Any, Iterator

from checks import (
    CLOSES, NORMAL, PINGS, UNICODE, Check, close_name, echoes, equal, fragmented, require,
)
from children import Child
from peer import Peer, Result, Step

LIMIT = 16 << 20
MANY = 50


def checks(url: str, server: Child, peer: Peer) -> Iterator[Check]:
    def check(name: str, function: Any, *arguments: Any) -> Check:
        return Check(name, partial(function, url, peer, *arguments))

    for name, step in [*echoes(), ("echo of mixed scripts", ["echo", "text", UNICODE])]:
        yield check(name, played, [step])
    yield check("echo of many messages", played, [step for _, step in echoes()])
    if peer.kind.sends_fragments:
        for name, step in fragmented():
            yield check(name, played, [step])
    for payload in PINGS:
        yield check(f"ping by the peer, {len(payload)} bytes", played, [["ping", payload]])

    yield check("subprotocol that the testee does not know", unknown_subprotocol)
    yield check("headers of the peer are no obstacle", headers)
    yield check("no compression with a peer that offers it", without_compression)

    for code, reason in CLOSES:
        yield check(close_name(code, reason), close_by_peer, code, reason)
    yield check("invalid UTF-8", refused, [["invalid text", "68656c6c6fff"]], 1007)
    yield check("UTF-8 that ends within a character", refused, [["invalid text", "e282"]], 1007)
    yield check("message as long as the limit", played, [["echo", "binary", LIMIT]])
    yield check("message over the limit", refused, [["send", "binary", LIMIT + 1]], 1009)
    yield check(f"{MANY} clients at once", many)
    yield Check("the testee still runs", partial(still_runs, server))


async def meet(url: str, peer: Peer, steps: list[Step], **settings: Any) -> Result:
    return await peer.open(url, steps, **settings).success()


async def played(url: str, peer: Peer, steps: list[Step]) -> None:
    result = await meet(url, peer, [*steps, NORMAL])
    equal("close of the testee", result.close and result.close[0], 1000)


async def unknown_subprotocol(url: str, peer: Peer) -> None:
    job = peer.open(url, [["echo", "text", 5], NORMAL], subprotocols=["unheard-of"])
    if peer.kind.insists_on_subprotocol:
        # The WHATWG's rule for clients: no connection without one of those that were offered.
        equal("trouble of the peer", (await job.result()).trouble, "Server sent no subprotocol")
    else:
        result = await job.success()
        equal("subprotocol", result.subprotocol, None)
        equal("Sec-WebSocket-Protocol", result.headers.get("sec-websocket-protocol"), None)


async def headers(url: str, peer: Peer) -> None:
    many = [["X-Interop", "a: b, c"], *([f"X-Number-{i}", str(i)] for i in range(50))]
    result = await meet(url, peer, [["echo", "text", 5], NORMAL], headers=many)
    equal("Upgrade", result.headers.get("upgrade", "").lower(), "websocket")


async def without_compression(url: str, peer: Peer) -> None:
    result = await meet(url, peer, [["echo", "text", 1000], NORMAL], compression=True)
    require(not result.compressed, "compression was negotiated")
    equal("Sec-WebSocket-Extensions", result.headers.get("sec-websocket-extensions"), None)


async def close_by_peer(url: str, peer: Peer, code: int | None, reason: str) -> None:
    result = await meet(url, peer, [["echo", "text", 5], ["close", code, reason]])
    equal("code that the testee answers", result.close and result.close[0], code or 1005)


async def refused(url: str, peer: Peer, steps: list[Step], code: int) -> None:
    result = await meet(url, peer, [["echo", "text", 5], *steps, ["await close"]])
    equal("close that the peer sees", result.close and result.close[0], code)


async def many(url: str, peer: Peer) -> None:
    steps: list[Step] = [["echo", "text", 1000], ["echo", "binary", 65536], ["ping", "x"], NORMAL]
    result = await meet(url, peer, steps, clients=MANY)
    equal("close of the testee", result.close and result.close[0], 1000)


async def still_runs(server: Child) -> None:
    equal("exit status", server.process.returncode, None)
