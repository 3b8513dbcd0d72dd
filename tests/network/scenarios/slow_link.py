"""A link that becomes two hundred times slower while large messages are on their way."""

from __future__ import annotations

from functools import partial

from arrivals import Load, doubled
from direction import Faults
from stage import Scenario, Stage

LOAD = Load(count=12, size=1_000_000)
# Bytes on the fast link. By then the kernel's send buffer has grown as far as it may; the rest takes 100 s.
FAST_BYTES = 7_000_000
FAST = Faults(rate=10_000_000, delay=0.025)
SLOW = Faults(rate=50_000, delay=0.025)
TIME = 140.0
# More than the kernel's send buffer ever holds.
NO_LOWAT = (1 << 31) - 1


async def play(stage: Stage, lowat: int | None) -> None:
    await stage.link.set_both(FAST)
    await stage.start_server()
    # The emulator changes by itself: however late this program is, most of the messages are still to come.
    await stage.link.set_both_after(FAST_BYTES, SLOW)
    client = await stage.start_connected(LOAD, "--reconnect", "backoff", lowat=lowat)
    # A client that declared its peer dead has failed already.
    await stage.until(lambda: not LOAD.missing(stage.record.arrivals) or bool(client.ends()), TIME, client)
    arrivals = stage.record.arrivals
    verdict = stage.verdict
    before = (await stage.link.totals()).changed_at
    verdict.between("MB before the drop", (before or 0) / 1e6, 7, 8.5)
    if lowat is None:
        verdict.equal("declared dead", len(client.ends()), 0)
        verdict.equal("messages", LOAD.count - len(LOAD.missing(arrivals)), LOAD.count)
    else:
        verdict.equal("declared dead", len(client.ends()), 1)
    verdict.equal("doubled", len(doubled(arrivals)), 0)
    verdict.equal("broken", len(LOAD.foreign(arrivals)), 0)
    verdict.note("pings", sum(connection.pings for connection in stage.record.connections))


SCENARIOS = [
    Scenario("slow-link", "12 messages of 1 MB while the link drops from 10 MB/s to 50 KB/s", 170, partial(play, lowat=None)),
    # The same without a limit shows that it is needed.
    Scenario("slow-link-no-lowat", "the same without `notsent_lowat`: the client declares its peer dead", 170,
             partial(play, lowat=NO_LOWAT)),
]
