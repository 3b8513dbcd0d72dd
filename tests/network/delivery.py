"""The promises of each delivery to a client that loses connections and reconnects."""

from __future__ import annotations

from arrivals import Arrival, Load, disordered, doubled, stale
from verdict import Verdict


def judge(verdict: Verdict, load: Load, arrivals: list[Arrival], delivery: str, most_lost: float) -> None:
    """At-most-once delivery may lose `most_lost` messages; confirmed delivery may double some."""
    verdict.equal("last message there", load.has_last(arrivals), True)
    if delivery == "confirmed":
        verdict.equal("lost", len(load.missing(arrivals)), 0)
        verdict.note("doubled", len(doubled(arrivals)))
    else:
        verdict.at_most("lost", len(load.missing(arrivals)), most_lost)
        verdict.equal("doubled", len(doubled(arrivals)), 0)
    verdict.equal("old after new", len(stale(arrivals)), 0)
    verdict.equal("in the wrong order", len(disordered(arrivals)), 0)
    verdict.equal("broken", len(load.foreign(arrivals)), 0)
