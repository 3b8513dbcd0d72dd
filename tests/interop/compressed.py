"""permessage-deflate between the testee and each peer, with every parameter that the peer can be told, either way."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Iterator

import as_client
from checks import NORMAL, Check, equal, require
from peer import Peer, Result, Step
from peers.payloads import message, octets
from testee import Outcome, Testee

NAME = "permessage-deflate"
FIELD = "sec-websocket-extensions"
SERVER, CLIENT = "server", "client"
LARGEST = 15
# The testee does not compress below this, so that its echo comes uncompressed between compressed ones.
MIN_SIZE = 64
# What is sent twice is compressed to nothing for the second time, if the sender remembers the first.
REPEATED: Step = ["echo", "binary", ["noise", 1000]]
SMALL_WINDOW = 10  # bits, in which what was sent twice is not found again


@dataclass(frozen=True)
class Parameters:
    """What one end is told; `None` is nothing said."""

    server_takeover: bool = True
    client_takeover: bool = True
    server_bits: int | None = None
    client_bits: int | None = None

    def __str__(self) -> str:
        """As the extension header writes it, and as the testee is told."""
        words = [NAME]
        words += [] if self.server_takeover else ["server_no_context_takeover"]
        words += [] if self.client_takeover else ["client_no_context_takeover"]
        words += [f"server_max_window_bits={self.server_bits}"] if self.server_bits not in (None, LARGEST) else []
        client = f"={self.client_bits}" if self.client_bits not in (None, LARGEST) else ""
        words += [f"client_max_window_bits{client}"]
        return "; ".join(words)

    def job(self) -> dict[str, Any]:
        """As a peer is told."""
        told: dict[str, Any] = {}
        if not self.server_takeover:
            told["server_no_context_takeover"] = True
        if not self.client_takeover:
            told["client_no_context_takeover"] = True
        if self.server_bits:
            told["server_max_window_bits"] = self.server_bits
        if self.client_bits:
            told["client_max_window_bits"] = self.client_bits
        return told


DEFAULT = Parameters()


@dataclass(frozen=True)
class Agreed:
    """What a response says, in full: for each end, whether there is context takeover, and the bits of its window."""

    server: tuple[bool, int]
    client: tuple[bool, int]

    @classmethod
    def by(cls, response: str | None) -> Agreed:
        words = [word.strip() for word in (response or "").split(";")]
        equal("extension in the response", words[0], NAME)
        values = dict(word.partition("=")[::2] for word in words[1:])
        equal("number of parameters", len(values), len(words) - 1)
        bits = {end: int(values.get(f"{end}_max_window_bits", "15").strip('"')) for end in (SERVER, CLIENT)}
        takeover = {end: f"{end}_no_context_takeover" not in values for end in (SERVER, CLIENT)}
        return cls((takeover[SERVER], bits[SERVER]), (takeover[CLIENT], bits[CLIENT]))


def every_combination() -> list[Parameters]:
    """Takeover on and off for each end, and with each of these every window of each end."""
    windows = [(None, None), *((bits, 23 - bits) for bits in range(8, 16)), (8, 8), (12, 12), (None, 10), (10, None)]
    return [Parameters(first, second, *bits) for first in (True, False) for second in (True, False) for bits in windows]


def exchange(peer: Peer, large: bool) -> list[Step]:
    """Messages of many sizes and kinds, in an order in which each has something to do with those before."""
    sizes = [0, 1, 63, 64, 125, 1024, *([65536, 1 << 20] if large else [20_000])]
    steps: list[Step] = [["ping", "before any message"]]
    for size in sizes:
        steps += [["echo", "text", size], ["echo", "binary", ["noise", size]], ["ping", "between"]]
        steps += [["plain", "text", ["noise", min(size, 1024)]], ["echo", "binary", size], ["echo", "text", size]]
    if peer.kind.sends_fragments:
        steps += [["fragments", "text", 2000, [1, 0, 500, 7], True], ["fragments", "binary", ["noise", 3000], [1000, 1]]]
    return [*steps, REPEATED, REPEATED]


def of_testee(result: Result, takeover: bool, bits: int, steps: list[Step]) -> None:
    """What the testee has sent, where the peer lets us see it."""
    if result.inflated is None:
        return
    payloads = [octets(message(step[1], step[2])) for step in steps if step[0] != "ping"]
    # What does not become smaller is sent as it is, unless it would be missing in what is remembered.
    wanted = [payload for payload in payloads if len(payload) >= MIN_SIZE and (takeover or shrinks(payload, bits))]
    equal("compressed messages of the testee", len(result.inflated), len(wanted))
    if takeover:
        last = result.inflated[-1]
        is_remembered = bits > SMALL_WINDOW
        require((last < 100) == is_remembered, f"{last} bytes for what was sent before, in a window of {bits} bits")


@lru_cache(maxsize=None)
def shrinks(payload: bytes, bits: int) -> bool:
    compressor = zlib.compressobj(wbits=-max(bits, 9))
    return len(compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)) - 4 < len(payload)


def end_of_peer(result: Result, send: tuple[bool, int], receive: tuple[bool, int]) -> None:
    """What the peer holds to is what was agreed. It may want less of itself."""
    require(result.compressed and result.deflate is not None, "the peer does not compress")
    assert result.deflate
    (takeover, bits), inflating = result.deflate["send"], result.deflate["receive"]
    require(bits <= send[1] and takeover in (None, False, send[0]), f"the peer sends with {result.deflate}, not {send}")
    require(inflating[1] >= receive[1], f"the peer inflates with {inflating} bits, not {receive}")
    require(inflating[0] or not receive[0], f"the peer forgets what the testee refers to: {inflating}, {receive}")


def kept(agreed: Agreed, asked: Parameters) -> None:
    """What one end has asked for holds."""
    require(not (agreed.server[0] and not asked.server_takeover), f"{agreed} for {asked}")
    require(agreed.server[1] <= (asked.server_bits or LARGEST), f"{agreed} for {asked}")


# The testee connects.


def as_client_of(testee: Testee, peer: Peer) -> Iterator[Check]:
    def check(name: str, function: Any, *arguments: Any) -> Check:
        return Check(f"compressed: {name}", partial(function, testee, peer, *arguments))

    yield check("messages of all sizes", client_meets, DEFAULT, DEFAULT, True)
    for asked in every_combination():
        if peer.kind.can_deflate(asked.server_bits):
            yield check(f"the testee asks for '{asked}'", client_meets, asked, DEFAULT, False)
        if peer.kind.imposes_parameters and peer.kind.can_deflate(asked.server_bits):
            yield check(f"the peer has '{asked}'", client_meets, DEFAULT, asked, False)
    if peer.kind.imposes_parameters:
        strict = Parameters(server_bits=12, client_bits=9)
        yield check("both limit both", client_meets, Parameters(False, True, 13, 9), strict, False)
    yield check("the peer does not compress", client_declined, ["--deflate", str(DEFAULT)])
    yield check("the testee does not offer", client_declined, ["--deflate", "off"], True)
    for offer, response in [
        (NAME, f"{NAME}; client_max_window_bits=9"),
        (str(DEFAULT), f"{NAME}; client_max_window_bits"),
        (str(DEFAULT), f"{NAME}; client_max_window_bits=16"),
        (str(DEFAULT), f"{NAME}; client_max_window_bits=010"),
        (str(DEFAULT), f"{NAME}; server_no_context_takeover=1"),
        (str(DEFAULT), f"{NAME}; server_max_window_bits=9; server_max_window_bits=9"),
        (str(DEFAULT), f"{NAME}; unheard_of"),
        (str(DEFAULT), f"{NAME}, {NAME}"),
        (str(DEFAULT), "x-unheard-of"),
        (str(DEFAULT), f"{NAME};"),
        ("off", NAME),
    ]:
        yield check(f"'{offer}' is answered with '{response}'", client_refuses, offer, response)
    for offer, response in [
        (f"{NAME}; server_max_window_bits=10", f"{NAME}; server_max_window_bits=11"),
        (f"{NAME}; server_max_window_bits=10", NAME),
        (f"{NAME}; server_no_context_takeover", NAME),
    ]:
        yield check(f"'{offer}' is a wish, answered with '{response}'", client_wishes, offer, response)


async def client_meets(testee: Testee, peer: Peer, asked: Parameters, told: Parameters, large: bool) -> None:
    steps = exchange(peer, large)
    arguments = ["--deflate", str(asked)]
    outcome, result = await as_client.meet(testee, peer, [*steps, NORMAL], arguments, compression=told.job())
    as_client.closed_by_peer(outcome, 1000, "")
    equal("offer", result.headers.get(FIELD), str(asked))
    response = response_of(outcome)
    equal("what the testee holds to", outcome.only("open").get("deflate"), canonical(response))
    agreed = Agreed.by(response)
    kept(agreed, asked)
    if peer.kind.imposes_parameters:
        kept(agreed, told)
        require(agreed.client[1] <= (told.client_bits or LARGEST), f"{agreed} for {told}")
        require(not (agreed.client[0] and not told.client_takeover), f"{agreed} for {told}")
    end_of_peer(result, agreed.server, agreed.client)
    # What it says of itself is a promise, whatever was answered.
    takeover = agreed.client[0] and asked.client_takeover
    of_testee(result, takeover, min(agreed.client[1], asked.client_bits or LARGEST), steps)
    echoed = [step for step in steps if step[0] != "ping"]
    equal("number of messages", len(outcome.all("message")), len(echoed))


def response_of(outcome: Outcome) -> str | None:
    values = [value for name, value in outcome.only("open")["headers"] if name.lower() == FIELD]
    require(len(values) <= 1, f"{len(values)} fields for extensions")
    return values[0] if values else None


def canonical(response: str | None) -> str:
    """The parameters in the order in which the testee says them."""
    words = [word.strip() for word in (response or "").split(";")]
    order = [NAME, "server_no", "client_no", "server_max", "client_max"]
    return "; ".join(sorted(words, key=lambda word: next(i for i, start in enumerate(order) if word.startswith(start))))


async def client_declined(testee: Testee, peer: Peer, arguments: list[str], compression: bool = False) -> None:
    steps: list[Step] = [["echo", "text", 1000], ["echo", "binary", 65536], NORMAL]
    outcome, result = await as_client.meet(testee, peer, steps, arguments, compression=compression)
    as_client.closed_by_peer(outcome, 1000, "")
    offered = None if arguments[1] == "off" else arguments[1]
    equal("offer", result.headers.get(FIELD), offered)
    require(not result.compressed, "compression was negotiated")
    equal("what the testee holds to", outcome.only("open").get("deflate"), None)
    equal("extensions accepted", response_of(outcome), None)


async def client_refuses(testee: Testee, peer: Peer, offer: str, response: str) -> None:
    job = await peer.accept([["await close"]], headers=[["Sec-WebSocket-Extensions", response]])
    outcome = await testee.connect(testee.url(job.port), ["--deflate", offer])
    as_client.in_order(outcome)
    await job.result()  # how the peer takes it is its own affair
    as_client.failed(outcome, "handshake", 1006)
    require(not outcome.all("open"), f"opened all the same; {outcome}")
    said = outcome.only("error")["message"]
    require(re.search("xtension", said) is not None, f"the error does not say what is wrong: {said!r}")


async def client_wishes(testee: Testee, peer: Peer, offer: str, response: str) -> None:
    """The answer stands as it is, without the parameter of the server that was wished for."""
    job = await peer.accept([NORMAL], headers=[["Sec-WebSocket-Extensions", response]])
    outcome = await testee.connect(testee.url(job.port), ["--deflate", offer])
    await job.result()  # how the peer takes it is its own affair
    equal("what the testee holds to", outcome.only("open").get("deflate"), canonical(response))


# A peer connects.


def as_server_of(testee: Testee, peer: Peer) -> Iterator[Check]:
    def check(name: str, function: Any, *arguments: Any) -> Check:
        return Check(f"compressed: {name}", partial(function, testee, peer, *arguments))

    yield check("messages of all sizes", server_meets, DEFAULT, DEFAULT, True)
    for asked in every_combination():
        if peer.kind.can_deflate(asked.client_bits):
            yield check(f"the testee has '{asked}'", server_meets, asked, DEFAULT, False)
        if peer.kind.imposes_parameters and peer.kind.can_deflate(asked.client_bits):
            yield check(f"the peer asks for '{asked}'", server_meets, DEFAULT, asked, False)
    if not peer.kind.imposes_parameters:
        for bits in range(9, 16):
            yield check(f"the peer asks for {bits} bits", server_meets, DEFAULT, Parameters(server_bits=bits), False)
    else:
        strict = Parameters(server_bits=12, client_bits=9)
        yield check("both limit both", server_meets, strict, Parameters(False, True, 13, 9), False)
    yield check("the peer does not offer", server_declines, DEFAULT, False)
    yield check("the testee does not accept", server_declines, None, True)
    if peer.kind.offers_anything:
        yield from odd_offers(check)


def odd_offers(check: Any) -> Iterator[Check]:
    plain = f"{NAME}; server_no_context_takeover"
    last = [["server_no_context_takeover", None]]
    for name, offers, response in [
        ("a quoted value", [[["server_max_window_bits", '"10"']]], f"{NAME}; server_max_window_bits=10"),
        ("a quoted value without need", [[["client_max_window_bits", '"12"']]], f"{NAME}; client_max_window_bits=12"),
        ("an unknown parameter, then another offer", [[["unheard_of", None]], last], plain),
        ("a doubled parameter, then another offer", [[*last, *last], last], plain),
        ("a window too small, then another offer", [[["server_max_window_bits", "7"]], last], plain),
        ("a window too large, then another offer", [[["client_max_window_bits", "16"]], last], plain),
        ("a leading zero, then another offer", [[["server_max_window_bits", "09"]], last], plain),
        ("a missing value, then another offer", [[["server_max_window_bits", None]], last], plain),
        ("a value that may not be, then another offer", [[["client_no_context_takeover", "true"]], last], plain),
        ("two that are legal", [last, []], plain),
        ("nothing that is legal", [[["unheard_of", None]], [["server_max_window_bits", "x"]]], None),
    ]:
        yield check(f"offers: {name}", server_answers, offers, response)


async def server_meets(testee: Testee, peer: Peer, told: Parameters, asked: Parameters, large: bool) -> None:
    steps = exchange(peer, large)
    async with testee.serve("--deflate", str(told)) as (url, _):
        result = await peer.open(url, [*steps, NORMAL], compression=asked.job()).success()
    equal("close of the testee", result.close and result.close[0], 1000)
    agreed = Agreed.by(result.headers.get(FIELD))
    kept(agreed, asked)
    kept(agreed, told)
    require(agreed.client[1] <= (told.client_bits or LARGEST), f"{agreed} for {told}")
    require(not (agreed.client[0] and not told.client_takeover), f"{agreed} for {told}")
    end_of_peer(result, agreed.client, agreed.server)
    of_testee(result, *agreed.server, steps)


async def server_declines(testee: Testee, peer: Peer, told: Parameters | None, compression: bool) -> None:
    arguments = ["--deflate", str(told)] if told else []
    steps: list[Step] = [["echo", "text", 1000], ["echo", "binary", 65536], NORMAL]
    async with testee.serve(*arguments) as (url, _):
        result = await peer.open(url, steps, compression=compression).success()
    require(not result.compressed, "compression was negotiated")
    equal("Sec-WebSocket-Extensions", result.headers.get(FIELD), None)


async def server_answers(testee: Testee, peer: Peer, offers: list[Any], response: str | None) -> None:
    steps: list[Step] = [["echo", "text", 1000], REPEATED, REPEATED, NORMAL]
    async with testee.serve("--deflate", str(DEFAULT)) as (url, _):
        result = await peer.open(url, steps, compression={"offers": offers}).success()
    equal("Sec-WebSocket-Extensions", result.headers.get(FIELD), response)
    equal("compressed", result.compressed, response is not None)
