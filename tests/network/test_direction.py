"""The faults of one direction, in virtual time."""

from __future__ import annotations

import math
import unittest

from direction import IDLE, Direction, Faults

IPV4 = 0x45


def packet(size: int, number: int = 0) -> bytes:
    return bytes([IPV4, number]).ljust(size, b"x")


class Trace:
    """A direction, and a clock that the test turns."""

    def __init__(self, faults: Faults) -> None:
        self.direction = Direction(seed=1)
        self.direction.change(faults)
        # Number and time of each packet that has come out.
        self.came: list[tuple[int, float]] = []
        self.now = 0.0

    def put(self, *numbers: int, size: int = 1000) -> None:
        for number in numbers:
            self.direction.handle_packet(packet(size, number), self.now)

    def go(self, until: float) -> None:
        """Polls whenever it is due, up to this time."""
        while (due := self.direction.poll_timeout()) <= until:
            self.now = max(self.now, due)
            self.poll()
        self.now = until
        self.poll()

    def poll(self) -> None:
        self.came += [(each[1], round(self.now, 6)) for each in self.direction.poll_packets(self.now)]


class Rate(unittest.TestCase):
    def test_packets_leave_one_after_the_other_and_then_take_the_delay(self) -> None:
        trace = Trace(Faults(rate=1000, delay=0.5))
        trace.put(1, 2, 3)
        trace.go(10)
        self.assertEqual(trace.came, [(1, 1.5), (2, 2.5), (3, 3.5)])

    def test_a_new_rate_applies_to_packets_in_the_queue(self) -> None:
        trace = Trace(Faults(rate=10_000))
        trace.put(1, 2, 3, 4)
        trace.go(0.25)
        trace.direction.change(Faults(rate=1000))
        trace.go(10)
        self.assertEqual(trace.came, [(1, 0.1), (2, 0.2), (3, 1.2), (4, 2.2)])

    def test_a_late_poll_costs_no_rate(self) -> None:
        trace = Trace(Faults(rate=1000))
        trace.put(1, 2, 3)
        trace.now = 2.5
        trace.poll()
        trace.go(10)
        self.assertEqual(trace.came, [(1, 2.5), (2, 2.5), (3, 3.0)])

    def test_a_packet_that_finds_no_room_in_the_queue_is_dropped(self) -> None:
        trace = Trace(Faults(rate=1000, queue=2500))
        trace.put(1, 2, 3)
        trace.put(4, size=500)
        trace.go(1)  # the first has left, so that there is room again
        trace.put(5)
        trace.go(10)
        self.assertEqual([number for number, _ in trace.came], [1, 2, 4, 5])
        self.assertEqual(trace.direction.counters.dropped, 1)

    def test_without_a_rate_nothing_waits(self) -> None:
        trace = Trace(Faults(queue=1000))
        trace.put(*range(100))
        trace.go(0)
        self.assertEqual(len(trace.came), 100)


class Loss(unittest.TestCase):
    def test_a_cut_loses_packets_in_the_queue_and_under_way(self) -> None:
        trace = Trace(Faults(rate=1000, delay=5))
        trace.put(1, 2)
        trace.go(1.5)  # the first is under way, the second in the queue
        trace.direction.change(Faults(cut=True))
        trace.put(3)
        trace.go(2)
        trace.direction.change(Faults(rate=1000))
        trace.put(4)
        trace.go(20)
        self.assertEqual(trace.came, [(4, 3.0)])
        self.assertEqual(trace.direction.counters.dropped, 3)

    def test_a_hole_takes_longer_packets_of_its_version(self) -> None:
        for version, faults in [(4, Faults(mtu_ipv4=1000)), (6, Faults(mtu_ipv6=1000))]:
            for size, other in [(1000, False), (1001, False), (1001, True)]:
                direction = Direction(seed=1)
                direction.change(faults)
                first = (10 - version if other else version) << 4
                direction.handle_packet(bytes([first]).ljust(size), 0.0)
                passed = size <= 1000 or other
                self.assertEqual(len(direction.poll_packets(0.0)), int(passed), (version, size, other))


class Order(unittest.TestCase):
    def test_jitter_overtakes_only_where_it_may(self) -> None:
        for reorder in [False, True]:
            trace = Trace(Faults(delay=1, jitter=1, reorder=reorder))
            trace.put(*range(100))
            trace.go(10)
            numbers = [number for number, _ in trace.came]
            self.assertEqual(sorted(numbers), list(range(100)))
            self.assertEqual(numbers != sorted(numbers), reorder)


class Apart(unittest.TestCase):
    def test_each_direction_has_its_own_faults_and_its_own_queue(self) -> None:
        up, down = Trace(Faults(rate=1000)), Trace(Faults(delay=0.5))
        up.put(1, 2)
        down.put(3, 4)
        up.go(1.5)
        down.go(1.5)
        up.direction.change(Faults(cut=True))
        down.put(5)
        up.go(10)
        down.go(10)
        self.assertEqual(up.came, [(1, 1.0)])
        self.assertEqual(down.came, [(3, 0.5), (4, 0.5), (5, 2.0)])


class Late(unittest.TestCase):
    def test_polls_in_time_are_not_late(self) -> None:
        trace = Trace(Faults(rate=1000, delay=0.25))
        trace.poll()
        trace.put(1, 2)
        trace.go(10)
        self.assertEqual(trace.direction.counters.late, 0)

    def test_a_stall_counts_while_a_packet_is_due(self) -> None:
        trace = Trace(Faults(delay=0.05))
        trace.poll()
        trace.put(1)
        trace.go(0)
        trace.now = 0.8
        trace.poll()
        self.assertAlmostEqual(trace.direction.counters.late, 0.75)

    def test_a_stall_counts_while_nothing_is_due(self) -> None:
        trace = Trace(Faults())
        trace.poll()
        trace.now = 2.0
        trace.poll()
        self.assertAlmostEqual(trace.direction.counters.late, 2.0 - IDLE)

    def test_there_is_nothing_to_be_late_for_before_the_first_poll(self) -> None:
        trace = Trace(Faults())
        self.assertEqual(trace.direction.poll_timeout(), math.inf)
        trace.now = 5.0
        trace.poll()
        self.assertEqual(trace.direction.counters.late, 0)


if __name__ == "__main__":
    unittest.main()
