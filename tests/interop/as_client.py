"""The testee connects to each peer."""

from __future__ import annotations

from functools import partial
from typing import Any, Iterator

from checks import (
    CLOSES, NORMAL, PINGS, UNICODE, Check, close_name, echoes, equal, fragmented, require,
)
from children import Failure
from peer import Peer, Result, Step
from peers.payloads import message, octets
from testee import Outcome, Testee

LONGEST_TEXT_SHOWN = 1024


def checks(testee: Testee, peer: Peer) -> Iterator[Check]:
    def check(name: str, function: Any, *arguments: Any) -> Check:
        return Check(name, partial(function, testee, peer, *arguments))

    for name, step in [*echoes(), ("echo of mixed scripts", ["echo", "text", UNICODE])]:
        yield check(name, messages, [step])
    yield check("echo of many messages", messages, [step for _, step in echoes()])
    if peer.kind.sends_fragments:
        for name, step in fragmented():
            yield check(name, messages, [step])
    for payload in PINGS:
        yield check(f"ping by the peer, {len(payload)} bytes", messages, [["ping", payload]])
    yield check("pings by the testee", pings_of_testee)
    yield check("no ping without an interval so short", no_ping_of_testee)

    yield check("subprotocol, selected", subprotocol, "beta")
    yield check("subprotocol, none selected", subprotocol, None)
    if peer.kind.selects_any_subprotocol:
        yield check("subprotocol, selected but not offered", subprotocol_not_offered)
    yield check("headers both ways", headers)
    yield check("compression, without a word about it, with a peer that has it", with_compression)

    for code, reason in CLOSES:
        yield check(close_name(code, reason), close_by_peer, code, reason)
    for status in [401, 404, 503]:
        yield check(f"handshake rejected, {status}", rejected, status)
    yield check("drop of TCP when nothing is under way", dropped, [])
    yield check("drop of TCP after a fragment", dropped, [["write", "0103616263"]])
    yield check("drop of TCP within a frame", dropped, [["write", "820a616263"]])
    yield check("message as long as the limit", messages, [["echo", "binary", 1000]], ["--max-message", "1000"])
    yield check("message over the limit of --max-message", over_limit, 1001, ["--max-message", "1000"])
    yield check("message over the limit by default", over_limit, (16 << 20) + 1, [])


async def meet(
    testee: Testee, peer: Peer, steps: list[Step], arguments: list[str] | None = None, **settings: Any
) -> tuple[Outcome, Result]:
    """One connection from its beginning to its end."""
    job = await peer.accept(steps, **settings)
    outcome = await testee.connect(testee.url(job.port, "/interop?x=1"), arguments or [])
    outcome.only("closed")  # without it, the peer may have seen nothing at all and wait for a long time
    try:
        result = await job.success()
    except Failure as failure:
        raise Failure(f"{failure}; {outcome}") from failure
    in_order(outcome)
    return outcome, result


def in_order(outcome: Outcome) -> None:
    """What holds for every connection, however it ends."""
    names = [event["event"] for event in outcome.events]
    closed = outcome.only("closed")
    require(names[-1] == "closed", f"'closed' is not the last event; {outcome}")
    require(names.count("open") <= 1 and "open" not in names[1:], f"'open' is not the first event; {outcome}")
    require(names.count("closing") <= 1 and names.count("error") <= 1, f"an end is told twice; {outcome}")
    require(sorted(closed) == ["by", "clean", "code", "event", "reason"], f"the fields of 'closed'; {outcome}")
    require(closed["by"] in ("peer", "us") and closed["clean"] in (True, False), f"the fields of 'closed'; {outcome}")
    equal("exit status", outcome.status, 0 if closed["clean"] else 1)


def closed_by_peer(outcome: Outcome, code: int, reason: str) -> None:
    equal("open, status", outcome.only("open")["status"], 101)
    equal("closing", outcome.only("closing"), {"event": "closing", "code": code, "reason": reason})
    wanted = {"event": "closed", "code": code, "reason": reason, "clean": True, "by": "peer"}
    equal("closed", outcome.only("closed"), wanted)
    require(not outcome.all("error"), f"an error at a clean close; {outcome}")


def failed(outcome: Outcome, phase: str | None, code: int) -> None:
    error = outcome.only("error")
    require(isinstance(error.get("message"), str) and error["message"] != "", f"an error without message: {error}")
    require(isinstance(error.get("phase"), str), f"an error without phase: {error}")
    if phase is not None:
        equal("phase of the error", error["phase"], phase)
    closed = outcome.only("closed")
    equal("closed, code", closed["code"], code)
    require(outcome.events.index(error) < outcome.events.index(closed), f"'error' after 'closed'; {outcome}")


async def messages(testee: Testee, peer: Peer, steps: list[Step], arguments: list[str] | None = None) -> None:
    outcome, result = await meet(testee, peer, [*steps, NORMAL], arguments)
    closed_by_peer(outcome, 1000, "")
    equal("close of the testee", result.close and result.close[0], 1000)
    wanted = [event_of(step) for step in steps if step[0] in ("echo", "fragments")]
    seen = [{name: value for name, value in event.items() if value is not None} for event in outcome.all("message")]
    equal("number of messages", len(seen), len(wanted))
    for one, other in zip(seen, wanted):
        require(one == other, f"message: {str(one)[:300]} instead of {str(other)[:300]}")
    pings = [len(step[1]) for step in steps if step[0] == "ping"]
    pings += [len("between") for step in steps if step[0] == "fragments" and len(step) > 4 for _ in step[3]]
    equal("pings", [event["length"] for event in outcome.all("ping")], pings)


def event_of(step: Step) -> dict[str, Any]:
    """The event of the testee for a message."""
    _, kind, content, *_ = step
    payload = message(kind, content)
    event = {"event": "message", "type": kind, "length": len(octets(payload))}
    if isinstance(payload, str) and len(octets(payload)) <= LONGEST_TEXT_SHOWN:
        event["text"] = payload
    return event


async def pings_of_testee(testee: Testee, peer: Peer) -> None:
    outcome, _ = await meet(testee, peer, [["idle", 1.5], NORMAL], ["--ping-interval", "0.2"])
    closed_by_peer(outcome, 1000, "")
    pongs = outcome.all("pong")
    require(3 <= len(pongs) <= 8, f"{len(pongs)} pongs in 1.5 s at an interval of 0.2 s; {outcome}")
    require(all(isinstance(pong.get("length"), int) for pong in pongs), f"a pong without length; {outcome}")


async def no_ping_of_testee(testee: Testee, peer: Peer) -> None:
    outcome, _ = await meet(testee, peer, [["idle", 0.5], NORMAL])
    closed_by_peer(outcome, 1000, "")
    require(not outcome.all("pong"), f"pongs in the first half second; {outcome}")


async def subprotocol(testee: Testee, peer: Peer, selected: str | None) -> None:
    arguments = ["--subprotocol", "alpha", "--subprotocol", "beta"]
    outcome, result = await meet(
        testee, peer, [["echo", "text", 5], NORMAL], arguments, subprotocols=[selected] if selected else []
    )
    closed_by_peer(outcome, 1000, "")
    offered = result.headers.get("sec-websocket-protocol", "").replace(" ", "").split(",")
    equal("subprotocols offered", offered, ["alpha", "beta"])
    equal("open, subprotocol", outcome.only("open").get("subprotocol", "(absent)"), selected)
    equal("subprotocol that the peer sees", result.subprotocol, selected)


async def subprotocol_not_offered(testee: Testee, peer: Peer) -> None:
    job = await peer.accept([["await close"]], subprotocols=["gamma"])
    arguments = ["--subprotocol", "alpha"]
    outcome = await testee.connect(testee.url(job.port), arguments)
    in_order(outcome)
    await job.result()  # how the peer takes it is its own affair
    failed(outcome, "handshake", 1006)
    require(not outcome.all("open"), f"opened all the same; {outcome}")


async def headers(testee: Testee, peer: Peer) -> None:
    arguments = ["--header", "X-Interop: a: b, c", "--header", "X-Second: 2"]
    outcome, result = await meet(
        testee, peer, [["echo", "text", 5], NORMAL], arguments, headers=[["X-Reply", "from the peer"]]
    )
    closed_by_peer(outcome, 1000, "")
    equal("X-Interop at the peer", result.headers.get("x-interop"), "a: b, c")
    equal("X-Second at the peer", result.headers.get("x-second"), "2")
    equal("Sec-WebSocket-Version", result.headers.get("sec-websocket-version"), "13")
    reply = [value for name, value in outcome.only("open")["headers"] if name.lower() == "x-reply"]
    equal("X-Reply at the testee", reply, ["from the peer"])


async def with_compression(testee: Testee, peer: Peer) -> None:
    steps: list[Step] = [["echo", "text", 1000], ["echo", "binary", 1 << 20], ["echo", "text", 1000], NORMAL]
    outcome, result = await meet(testee, peer, steps, compression=True)
    closed_by_peer(outcome, 1000, "")
    require(result.compressed and "deflate" in outcome.only("open"), "compression was not negotiated")
    offered = "permessage-deflate; client_max_window_bits"
    equal("extensions offered", result.headers.get("sec-websocket-extensions"), offered)


async def close_by_peer(testee: Testee, peer: Peer, code: int | None, reason: str) -> None:
    outcome, result = await meet(testee, peer, [["echo", "text", 5], ["close", code, reason]])
    closed_by_peer(outcome, code or 1005, reason)
    equal("code that the testee answers", result.close and result.close[0], code or 1005)


async def rejected(testee: Testee, peer: Peer, status: int) -> None:
    outcome, _ = await meet(testee, peer, [], reject=status)
    failed(outcome, "handshake", 1006)
    equal("exit status", outcome.status, 1)
    require(not outcome.all("open"), f"opened all the same; {outcome}")
    text = outcome.only("error")["message"]
    require(str(status) in text, f"the error does not name the status: {text!r}")


async def dropped(testee: Testee, peer: Peer, before: list[Step]) -> None:
    outcome, _ = await meet(testee, peer, [["echo", "text", 5], *before, ["drop"]])
    failed(outcome, None, 1006)
    equal("exit status", outcome.status, 1)
    equal("closed, clean", outcome.only("closed")["clean"], False)
    equal("number of messages", len(outcome.all("message")), 1)


async def over_limit(testee: Testee, peer: Peer, size: int, arguments: list[str]) -> None:
    steps: list[Step] = [["echo", "text", 5], ["send", "binary", size], ["await close"]]
    outcome, result = await meet(testee, peer, steps, arguments)
    failed(outcome, None, 1009)
    equal("closed, by", outcome.only("closed")["by"], "us")
    equal("close that the peer sees", result.close and result.close[0], 1009)
    equal("number of messages", len(outcome.all("message")), 1)
