"""The emulator, measured: a promise of a rate or a delay that it does not keep would make every other scenario worthless."""

from __future__ import annotations

import asyncio
import socket
import statistics
import time
from contextlib import contextmanager
from typing import Iterator

from children import Failure
from direction import Faults
from link import SERVER_IPV4, SERVER_IPV6
from stage import Scenario, Stage
from verdict import LATE, REPEATS_RATE

PORT = 9
DELAY = 0.025
# Share of TCP's payload in the bytes of the link: 1448 of 1500.
PAYLOAD = 1448 / 1500


async def play(stage: Stage) -> None:
    verdict = stage.verdict
    await stage.link.set_both(Faults(delay=DELAY))
    verdict.between("round trip", 1000 * await round_trip(stage), 2000 * DELAY, 2000 * DELAY + 20, " ms")
    # Rate in bytes per second, and how many bytes are sent.
    for rate, size in [(10_000_000, 20_000_000), (1_000_000, 2_000_000), (50_000, 250_000)]:
        # The delay is short against the queue, so that TCP always has bytes in it.
        await stage.link.set(Faults(rate=rate, delay=0.005), Faults(delay=0.005))
        seen = await tcp_rate(stage, size)
        verdict.between(f"of {rate / 1000:.0f} KB/s", seen / rate / PAYLOAD * 100, 80, 102, " %", repeats=REPEATS_RATE)
    # Binomial: 2000 packets, four standard deviations.
    await stage.link.set_both(Faults(loss=0.2))
    verdict.between("lost at 20 %", 2000 - len(await burst(stage, SERVER_IPV4, 100, 2000)), 328, 472)
    await stage.link.set_both(Faults(delay=DELAY, jitter=DELAY))
    verdict.equal("overtaken at a jitter", overtaken(await burst(stage, SERVER_IPV4, 100, 200)), 0)
    await stage.link.set_both(Faults(delay=DELAY, jitter=DELAY, reorder=True))
    verdict.between("overtaken where it reorders", overtaken(await burst(stage, SERVER_IPV4, 100, 200)), 50, 200)
    await holes(stage)
    await stage.link.cut()
    verdict.equal("through a cut", len(await burst(stage, SERVER_IPV4, 100, 20)), 0)


async def holes(stage: Stage) -> None:
    """Packets of 1000 bytes pass, longer ones of the same version of IP do not. The headers of IPv6 and UDP take 48 bytes, IPv4's 28."""
    verdict = stage.verdict
    await stage.link.set_both(Faults(mtu_ipv6=1000))
    for name, address, size, wanted in [
        ("IPv6 of 1000 bytes", SERVER_IPV6, 952, 20),
        ("IPv6 of 1001", SERVER_IPV6, 953, 0),
        ("IPv4 of 1001", SERVER_IPV4, 973, 20),
    ]:
        verdict.equal(f"{name} through IPv6's hole", len(await burst(stage, address, size, 20)), wanted)
    await stage.link.set_both(Faults(mtu_ipv4=1000))
    verdict.equal("IPv4 of 1001 through its own", len(await burst(stage, SERVER_IPV4, 973, 20)), 0)


@contextmanager
def datagrams(stage: Stage, address: str) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A socket on the client's host, and one on the server's; the first sends to the second."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket_on(stage, family, socket.SOCK_DGRAM) as client:
        with stage.link.server.entered():
            server = socket.socket(family, socket.SOCK_DGRAM)
        with server:
            server.setblocking(False)
            server.bind((address, PORT))
            client.connect((address, PORT))
            yield client, server


@contextmanager
def socket_on(stage: Stage, family: socket.AddressFamily, kind: socket.SocketKind) -> Iterator[socket.socket]:
    with stage.link.client.entered():
        made = socket.socket(family, kind)
    with made:
        made.setblocking(False)
        yield made


async def round_trip(stage: Stage) -> float:
    """Median of 40, in seconds."""
    loop = asyncio.get_running_loop()
    times = []
    with datagrams(stage, SERVER_IPV4) as (client, server):
        for number in range(40):
            started = time.monotonic()
            await loop.sock_sendall(client, b"%d" % number)
            data, sender = await loop.sock_recvfrom(server, 100)
            await loop.sock_sendto(server, data, sender)
            await loop.sock_recv(client, 100)
            times.append(time.monotonic() - started)
    return statistics.median(times)


async def burst(stage: Stage, address: str, size: int, count: int) -> list[int]:
    """Numbers of the datagrams that arrive, of `count` that are sent."""
    loop = asyncio.get_running_loop()
    came = []
    with datagrams(stage, address) as (client, server):
        for number in range(count):
            await loop.sock_sendall(client, number.to_bytes(4, "big").ljust(size))
            if number % 20 == 19:
                await asyncio.sleep(0.005)
                came += drain(server, size)
        await asyncio.sleep(2 * DELAY + LATE)
        return came + drain(server, size)


def drain(server: socket.socket, size: int) -> list[int]:
    """Numbers of the datagrams that wait in the socket."""
    came = []
    try:
        while True:
            came.append(int.from_bytes(server.recv(size)[:4], "big"))
    except BlockingIOError:
        return came


def overtaken(came: list[int]) -> int:
    """How many came later than one that was sent after them."""
    return sum(number < max(came[:at]) for at, number in enumerate(came) if at)


async def tcp_rate(stage: Stage, size: int) -> float:
    """Bytes of payload per second that TCP carries to the server."""
    loop = asyncio.get_running_loop()
    with stage.link.server.entered():
        listener = socket.create_server((SERVER_IPV4, PORT))
    listener.setblocking(False)
    with listener, socket_on(stage, socket.AF_INET, socket.SOCK_STREAM) as client:
        await loop.sock_connect(client, (SERVER_IPV4, PORT))
        server, _ = await loop.sock_accept(listener)
        with server:
            server.setblocking(False)
            sending = asyncio.ensure_future(loop.sock_sendall(client, bytes(size)))
            try:
                return await measure(server, size)
            finally:
                sending.cancel()


async def measure(server: socket.socket, size: int) -> float:
    """The rate after the first tenth, when TCP has found its speed."""
    loop = asyncio.get_running_loop()
    came, start, started = 0, 0, 0.0
    while came < size:
        data = await loop.sock_recv(server, 1 << 18)
        if not data:
            raise Failure("the end of the stream came early")
        came += len(data)
        if not start and came >= size // 10:
            start, started = came, time.monotonic()
    return (came - start) / (time.monotonic() - started)


SCENARIOS = [Scenario("emulator", "rates, delay, loss, hole and cut of the emulator itself", 60, play, has_client=False)]
