"""One large message over a slow link, with the default settings."""

from __future__ import annotations

from arrivals import Load, doubled
from direction import Faults
from stage import Scenario, Stage

LOAD = Load(count=1, size=15_000_000)
SLOW = Faults(rate=100_000, delay=0.025)


async def play(stage: Stage) -> None:
    await stage.link.set_both(SLOW)
    await stage.start_server()
    client = await stage.start_connected(LOAD, "--reconnect", "backoff")
    await stage.until(lambda: not LOAD.missing(stage.record.arrivals) or bool(client.ends()), 190, client)
    arrivals = stage.record.arrivals
    verdict = stage.verdict
    verdict.equal("declared dead", len(client.ends()), 0)
    verdict.equal("arrived whole", LOAD.count - len(LOAD.missing(arrivals)), LOAD.count)
    verdict.equal("doubled", len(doubled(arrivals)), 0)
    verdict.equal("broken", len(LOAD.foreign(arrivals)), 0)


SCENARIOS = [Scenario("upload", "one message of 15 MB over 100 KB/s", 200, play)]
