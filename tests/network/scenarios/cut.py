"""A cut that is shorter than the keepalive's patience, while the client sends."""

from __future__ import annotations

import asyncio
import math
import time
from functools import partial

from arrivals import Load, disordered, doubled
from direction import Faults
from stage import Scenario, Stage
from verdict import LATE

GOOD = Faults(rate=1_000_000, delay=0.02)
LOAD = Load(count=200, size=1_000, every=0.1)
BEFORE = 5.0
CUT = 10.0
# TCP doubles the time between its attempts, so that it may be silent as long again after the cut.
REST = 30.0
# Silence in seconds that the default deadlines bear: confirmed delivery pings at once, and its pong may take 20 s.
PATIENCE = 18.0


async def play(delivery: str, stage: Stage) -> None:
    await stage.link.set_both(GOOD)
    await stage.start_server()
    client = await stage.start_connected(LOAD, "--reconnect", "backoff", "--delivery", delivery)
    await asyncio.sleep(BEFORE)
    await stage.link.cut()
    cut_at = time.monotonic()
    await asyncio.sleep(CUT)
    back_at = time.monotonic()
    await stage.link.set_both(GOOD)
    await stage.until_all(LOAD, REST, client)
    await stage.until_quiet(1.0, client)
    arrivals = stage.record.arrivals
    verdict = stage.verdict
    silent = min((each.at for each in arrivals if each.at > back_at), default=math.inf) - cut_at
    verdict.note("silent for", f"{silent:.1f} s")
    # The server may still read bytes that came before the cut.
    verdict.equal("arrived during the cut", sum(cut_at + LATE < each.at < back_at for each in arrivals), 0)
    verdict.equal("lost", len(LOAD.missing(arrivals)), 0)
    if delivery == "confirmed" and silent >= PATIENCE:
        verdict.at_most("declared dead", len(client.ends()), 1)
        verdict.note("doubled", len(doubled(arrivals)))
    else:
        verdict.equal("declared dead", len(client.ends()), 0)
        verdict.equal("doubled", len(doubled(arrivals)), 0)
    verdict.equal("in the wrong order", len(disordered(arrivals)), 0)
    verdict.equal("broken", len(LOAD.foreign(arrivals)), 0)


SCENARIOS = [
    Scenario(f"cut-{delivery}", f"a cut of 10 s while the client sends, {delivery}", 60, partial(play, delivery))
    for delivery in ["at-most-once", "confirmed"]
]
