"""A ping behind all bytes that the kernel holds, on a link of 10 KB/s, with the default settings."""

from __future__ import annotations

from functools import partial

import sockets
from arrivals import Load
from direction import Faults
from peer import PORT
from stage import Scenario, Stage

# 10 KB/s of TCP's payload: a full packet of 1500 bytes carries 1448 of it.
SLOW = Faults(rate=10_000 * 1500 / 1448, delay=0.025)
# The server offers a window of nearly 64 KiB, and never a larger one.
RECEIVE_BUFFER = 56 * 1024
WINDOW = 64 * 1024
# Confirmed delivery sends a ping behind the last byte, and nothing after it. With a `notsent_lowat` of 128 KiB, the kernel takes the last
# bytes and the ping when it has 226 KB of this message, which are 22.6 s.
LOAD = Load(count=1, size=330_000)
TIME = 50.0
# With this one, what is unsent and in flight takes longer than the pong may.
LARGER_LOWAT = 128 * 1024


async def play(stage: Stage, lowat: int | None) -> None:
    await stage.link.set(SLOW, Faults(delay=SLOW.delay))
    await stage.start_server(RECEIVE_BUFFER)
    client = await stage.start_connected(LOAD, "--reconnect", "backoff", "--delivery", "confirmed", lowat=lowat)
    most = sockets.Held(0, 0)

    def is_over() -> bool:
        nonlocal most
        held = sockets.held(client.child.process.pid, PORT) or most
        most = max(most, held, key=lambda each: each.unsent + each.in_flight)
        return bool(client.ends()) or not LOAD.missing(stage.record.arrivals)

    await stage.until(is_over, TIME, client)
    # The ping is the next frame. Its pong has a second to come.
    await stage.until(lambda: bool(client.ends()), 1, client)
    verdict = stage.verdict
    verdict.note("held at most", f"{most.unsent} B unsent")
    verdict.between("in flight", most.in_flight / 1024, 0.9 * WINDOW / 1024, WINDOW / 1024, " KiB")
    if lowat is None:
        verdict.equal("declared dead", len(client.ends()), 0)
        verdict.equal("messages", LOAD.count - len(LOAD.missing(stage.record.arrivals)), LOAD.count)
    else:
        verdict.equal("declared dead", len(client.ends()), 1)
    verdict.note("pings", sum(connection.pings for connection in stage.record.connections))


SCENARIOS = [
    Scenario("slow-ping", "a ping behind one message of 330 KB, over 10 KB/s with 64 KiB in flight", 70, partial(play, lowat=None)),
    # The same with a larger value shows that the default one is needed.
    Scenario("slow-ping-larger-lowat", "the same with 128 KiB as `notsent_lowat`: the client declares its peer dead", 70,
             partial(play, lowat=LARGER_LOWAT)),
]
