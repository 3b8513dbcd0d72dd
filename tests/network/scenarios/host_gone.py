"""A server that is gone without a reset and returns: its host anew, or the same host behind a link that was cut."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import sockets
from arrivals import Load
from client import Client
from delivery import judge
from direction import Faults
from peer import PORT
from stage import Scenario, Stage

GOOD = Faults(rate=1_000_000, delay=0.02)
# The kernel takes such small messages even if the peer is dead. Bytes that the kernel takes are no sign of life.
LOAD = Load(count=200, size=200, every=0.1)
PING_INTERVAL = 2.0
PONG_TIMEOUT = 2.0
OPEN_TIMEOUT = 2.0
RECONNECT = 0.5
# A busy machine and the link add to each deadline, in seconds.
SLACK = 1.0
# Longest time in which the client takes the dead host for a living one.
BELIEVED = PING_INTERVAL + PONG_TIMEOUT + SLACK
BEFORE = 4.0
GONE = 10.0
# A dead connection that still holds data sends again at most so long after the link is back: TCP doubles its time-outs.
QUIET = 13.0


async def play(delivery: str, is_new_host: bool, stage: Stage) -> None:
    await stage.link.set_both(GOOD)
    await stage.start_server()
    client = await stage.start_connected(LOAD, *options(delivery))
    await asyncio.sleep(BEFORE)
    await stage.link.cut()
    gone_at = time.monotonic()
    if is_new_host:
        await stage.stop_server()
        await stage.link.replace_server()
    await asyncio.sleep(GONE)
    if is_new_host:
        await stage.start_server()
    # A dead connection that still has a socket would send its bytes again, up to 128 s later, and take most of the link from the next.
    stage.verdict.equal("sockets that are still connected", sockets.connected(client.child.process.pid, PORT), 0)
    back_at = time.monotonic()
    await stage.link.set_both(GOOD)
    await stage.until(lambda: LOAD.has_last(stage.record.arrivals), 35, client)
    await asyncio.sleep(max(1.0, back_at + QUIET - time.monotonic()))
    judge_times(stage, client, gone_at, back_at)
    # Only messages that were sent to the dead host, and those under way when it died.
    judge(stage.verdict, LOAD, stage.record.arrivals, delivery, BELIEVED / LOAD.every + 2)


def options(delivery: str) -> list[str]:
    deadlines = {"ping-interval": PING_INTERVAL, "pong-timeout": PONG_TIMEOUT, "open-timeout": OPEN_TIMEOUT}
    words = [word for name, value in deadlines.items() for word in (f"--{name}", str(value))]
    return [*words, "--reconnect", f"fixed:{RECONNECT}", "--delivery", delivery]


def judge_times(stage: Stage, client: Client, gone_at: float, back_at: float) -> None:
    ends = [event["at"] for event in client.ends()]
    after = [at for at in ends if at > gone_at]
    opened = [connection.opened_at for connection in stage.record.opened() if connection.opened_at > back_at]
    verdict = stage.verdict
    verdict.equal("declared dead before", len(ends) - len(after), 0)
    verdict.at_most("death found after", after[0] - gone_at if after else None, BELIEVED, " s")
    # An attempt that began before is given up at first.
    back = opened[0] - back_at if opened else None
    verdict.at_most("connected again after", back, OPEN_TIMEOUT + RECONNECT + SLACK, " s")


SCENARIOS = [
    Scenario(f"{name}-{delivery}", f"{about}, {delivery}", 75, partial(play, delivery, is_new_host))
    for name, about, is_new_host in [
        ("host-gone", "the server's host vanishes for 10 s and starts anew", True),
        ("host-unreachable", "the server's host cannot be reached for 10 s and keeps its connections", False),
    ]
    for delivery in ["at-most-once", "confirmed"]
]
