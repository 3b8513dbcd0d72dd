"""IPv6 that opens connections and loses packets of more than 1000 bytes, beside a good IPv4."""

from __future__ import annotations

from functools import partial

from arrivals import Load, doubled
from direction import Faults
from link import SERVER_NAME
from stage import Scenario, Stage

HOLE = Faults(delay=0.01, mtu_ipv6=1000)
LIMIT = 30.0

# A request that does not fit through the hole.
LONG_REQUEST = (Load(count=5, size=100), ["--header", "X-Long: " + "x" * 1500])
# Messages that do not, once the handshake has passed.
LONG_MESSAGES = (Load(count=5, size=5_000), [])


async def play(load: Load, options: list[str], stage: Stage) -> None:
    await stage.link.set_both(HOLE)
    await stage.start_server()
    deadlines = ["--ping-interval", "1", "--pong-timeout", "2", "--open-timeout", "2"]
    policy = ["--reconnect", "fixed:0.3", "--delivery", "confirmed"]
    client = await stage.start_client(load, *deadlines, *policy, *options, host=SERVER_NAME)
    await stage.until(lambda: bool(stage.record.connections), 10, client)
    await stage.check_lowat(client)
    await stage.until_all(load, LIMIT, client)
    connections = stage.record.connections
    verdict = stage.verdict
    ipv6 = [connection for connection in connections if connection.is_ipv6]
    verdict.equal("first over IPv6", bool(connections) and connections[0].is_ipv6, True)
    verdict.equal("messages", load.count - len(load.missing(stage.record.arrivals)), load.count)
    verdict.equal("doubled", len(doubled(stage.record.arrivals)), 0)
    verdict.equal("broken", len(load.foreign(stage.record.arrivals)), 0)
    verdict.equal("at last over IPv4", bool(connections) and not connections[-1].is_ipv6, True)
    # The first attempt has to fail; a second one is a client that has learnt nothing.
    verdict.at_most("connections over IPv6", len(ipv6), 1)


SCENARIOS = [
    Scenario(f"mtu-hole-{name}", f"IPv6 loses packets over 1000 bytes, which {about}", 45, partial(play, *variant))
    for name, about, variant in [
        ("handshake", "the handshake needs", LONG_REQUEST),
        ("messages", "the messages need", LONG_MESSAGES),
    ]
]
