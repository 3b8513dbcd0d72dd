"""A program: carries packets between two TUN devices, and lets each direction have its faults.

The arguments are descriptors: a socket for commands, the client's device, the server's device; and a seed. Each command is a JSON
object with the faults of "up" and "down". With "after", they apply as soon as that many bytes have gone up. The answer has the
counters of both directions. The program ends when the other end of the socket is closed.
"""

from __future__ import annotations

import json
import math
import os
import select
import socket
import sys
import time
from dataclasses import asdict
from typing import Any

from direction import Direction, Faults

# Packets that are read from one device before the other gets its turn.
BATCH = 64
LONGEST_PACKET = 65536
LONGEST_COMMAND = 4096


class Emulator:
    def __init__(self, control: socket.socket, client: int, server: int, seed: int) -> None:
        self.control = control
        self.client = client
        self.server = server
        self.up = Direction(seed)
        self.down = Direction(seed + 1)
        # A command that waits for its bytes.
        self.later: dict[str, Any] | None = None
        # Bytes that had gone up when such a command was obeyed.
        self.changed_at: int | None = None

    def run(self) -> None:
        while True:
            now = time.monotonic()
            left = min(self.up.poll_timeout(), self.down.poll_timeout()) - now
            wait = None if left == math.inf else max(0.0, left)
            readable = select.select([self.control, self.client, self.server], [], [], wait)[0]
            if self.control in readable and not self.handle_command():
                return
            if self.client in readable:
                read_packets(self.client, self.up)
            if self.server in readable:
                read_packets(self.server, self.down)
            write_packets(self.server, self.up)
            if self.later and self.up.counters.bytes >= self.later["after"]:
                self.change(self.later)
                self.later, self.changed_at = None, self.up.counters.bytes
            write_packets(self.client, self.down)

    def handle_command(self) -> bool:
        """Whether there was a command; without one, the other end is gone."""
        message, descriptors, _, _ = socket.recv_fds(self.control, LONGEST_COMMAND, 1)
        if not message:
            return False
        command = json.loads(message)
        # A new host is at the server's end.
        for descriptor in descriptors:
            os.close(self.server)
            os.set_blocking(descriptor, False)
            self.server = descriptor
        if "after" in command:
            self.later = command
        else:
            self.change(command)
        counters = {"up": asdict(self.up.counters), "down": asdict(self.down.counters), "changed_at": self.changed_at}
        self.control.send(json.dumps(counters).encode())
        return True

    def change(self, command: dict[str, Any]) -> None:
        for name, direction in [("up", self.up), ("down", self.down)]:
            if name in command:
                direction.change(Faults(**command[name]))


def read_packets(device: int, direction: Direction) -> None:
    for _ in range(BATCH):
        try:
            packet = os.read(device, LONGEST_PACKET)
        except BlockingIOError:
            return
        direction.handle_packet(packet, time.monotonic())


def write_packets(device: int, direction: Direction) -> None:
    for packet in direction.poll_packets(time.monotonic()):
        try:
            os.write(device, packet)
        except OSError:
            direction.counters.dropped += 1


def main() -> None:
    control, client, server, seed = map(int, sys.argv[1:])
    os.set_blocking(client, False)
    os.set_blocking(server, False)
    Emulator(socket.socket(fileno=control), client, server, seed).run()


if __name__ == "__main__":
    main()
