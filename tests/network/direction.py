"""One direction of an emulated link: packets and times go in, packets come out. Nothing here reads a clock or a device."""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from dataclasses import dataclass


# Longest time from one poll to the next, in seconds, so that a stall is seen even while there is no packet.
IDLE = 0.1


@dataclass(frozen=True)
class Faults:
    """Behaviour of one direction. Zero means "no such fault"."""

    # Bytes per second, with the headers of IP and above.
    rate: float = 0
    # Bytes that may wait where there is a rate. A packet that finds no room is dropped.
    queue: int = 256 * 1024
    # Seconds from the end of the queue to the other host; each packet takes `delay ± jitter`.
    delay: float = 0
    jitter: float = 0
    # Whether jitter may let a packet overtake another.
    reorder: bool = False
    # Probability that a packet vanishes, from 0 to 1.
    loss: float = 0
    # Longest packet of each version of IP, in bytes. Longer ones vanish without an ICMP message.
    mtu_ipv4: int = 0
    mtu_ipv6: int = 0
    # Whether everything is lost, packets under way included.
    cut: bool = False


@dataclass
class Counters:
    """Totals of one direction since its start."""

    packets: int = 0
    bytes: int = 0
    dropped: int = 0
    # Longest time from `poll_timeout` to the call of `poll_packets`, in seconds.
    late: float = 0.0


class Direction:
    """Applies `Faults` to packets. First comes the queue, which the rate empties, then the way, which takes the delay."""

    def __init__(self, seed: int) -> None:
        self.faults = Faults()
        self.counters = Counters()
        self.random = random.Random(seed)
        # Time of arrival and packet, oldest first.
        self.queue: deque[tuple[float, bytes]] = deque()
        self.queued = 0
        self.free_at = 0.0
        # Due time, serial number and packet; a heap.
        self.under_way: list[tuple[float, int, bytes]] = []
        self.serial = 0
        self.last_due = 0.0
        # Latest time of `poll_packets`; infinite before the first.
        self.polled_at = math.inf

    def change(self, faults: Faults) -> None:
        """Applies from now on, also to packets that wait in the queue."""
        self.faults = faults
        if faults.cut:
            self.counters.dropped += len(self.queue) + len(self.under_way)
            self.queue.clear()
            self.queued = 0
            self.under_way.clear()
            # No later packet waits for one that is lost.
            self.last_due = 0.0

    def handle_packet(self, packet: bytes, now: float) -> None:
        faults = self.faults
        if faults.cut or self.is_too_long(packet) or self.random.random() < faults.loss:
            self.counters.dropped += 1
            return
        if faults.rate and self.queued + len(packet) > faults.queue:
            self.counters.dropped += 1
            return
        self.queue.append((now, packet))
        self.queued += len(packet)

    def poll_packets(self, now: float) -> list[bytes]:
        """Packets that are due at the other host."""
        self.counters.late = max(self.counters.late, now - self.poll_timeout())
        self.polled_at = now
        # Times are those of an ideal link, so that a late wake-up costs no rate.
        while self.queue and (departure := self.next_departure()) <= now:
            self.free_at = departure
            packet = self.queue.popleft()[1]
            self.queued -= len(packet)
            self.start_packet(packet, departure)
        due = []
        while self.under_way and self.under_way[0][0] <= now:
            packet = heapq.heappop(self.under_way)[2]
            self.counters.packets += 1
            self.counters.bytes += len(packet)
            due.append(packet)
        return due

    def poll_timeout(self) -> float:
        """Time of the next call of `poll_packets`; infinite before the first, unless there is a packet."""
        departure = self.next_departure() if self.queue else math.inf
        due = self.under_way[0][0] if self.under_way else math.inf
        return min(departure, due, self.polled_at + IDLE)

    def start_packet(self, packet: bytes, departure: float) -> None:
        faults = self.faults
        due = departure + max(0.0, faults.delay + self.random.uniform(-faults.jitter, faults.jitter))
        if not faults.reorder:
            due = self.last_due = max(due, self.last_due)
        self.serial += 1
        heapq.heappush(self.under_way, (due, self.serial, packet))

    def next_departure(self) -> float:
        arrival, packet = self.queue[0]
        time = len(packet) / self.faults.rate if self.faults.rate else 0.0
        return max(self.free_at, arrival) + time

    def is_too_long(self, packet: bytes) -> bool:
        # The version of IP is the upper half of the first byte.
        mtu = self.faults.mtu_ipv6 if packet[0] >> 4 == 6 else self.faults.mtu_ipv4
        return 0 < mtu < len(packet)
