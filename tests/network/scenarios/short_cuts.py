"""Six cuts, each long enough that the client gives its connection up."""

from __future__ import annotations

import asyncio
from functools import partial

from arrivals import Load
from delivery import judge
from direction import Faults
from stage import Scenario, Stage

GOOD = Faults(rate=1_000_000, delay=0.02, jitter=0.005)
# Long enough for all cuts and the times between them.
LOAD = Load(count=1_200, size=1_000, every=0.04)
CUTS = 6
# Ping interval, pong timeout and slack: the client takes the peer for a living one at most so long.
BELIEVED = 3.0
OPTIONS = ["--ping-interval", "1", "--pong-timeout", "1.5", "--open-timeout", "1", "--reconnect", "fixed:0.2"]


async def play(delivery: str, stage: Stage) -> None:
    await stage.link.set_both(GOOD)
    await stage.start_server()
    client = await stage.start_connected(LOAD, *OPTIONS, "--delivery", delivery)
    for _ in range(CUTS):
        await asyncio.sleep(stage.random.uniform(2.0, 3.5))
        await stage.link.cut()
        await asyncio.sleep(stage.random.uniform(3.0, 4.5))
        await stage.link.set_both(GOOD)
    await stage.until(lambda: LOAD.has_last(stage.record.arrivals), 60, client)
    await stage.until_quiet(5.0, client)
    stage.verdict.between("connections", len(stage.record.opened()), CUTS, CUTS + 1)
    judge(stage.verdict, LOAD, stage.record.arrivals, delivery, CUTS * BELIEVED / LOAD.every)


SCENARIOS = [
    Scenario(f"short-cuts-{delivery}", f"six cuts of 3 to 4.5 s, {delivery}", 130, partial(play, delivery))
    for delivery in ["at-most-once", "confirmed"]
]
