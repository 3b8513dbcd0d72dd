"""Two hosts in namespaces of their own, and the emulated link between them."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, AsyncIterator

from children import Failure
from direction import Counters, Faults
from namespaces import Namespace

EMULATOR = Path(__file__).with_name("emulator.py")
ANSWER = 10.0

# Of the blocks that are reserved for documentation: nobody outside has them, and resolvers prefer this IPv6 to this IPv4.
CLIENT = ["192.0.2.1/24", "2001:db8::1/64"]
SERVER = ["192.0.2.2/24", "2001:db8::2/64"]
SERVER_IPV4 = "192.0.2.2"
SERVER_IPV6 = "2001:db8::2"

# A name with both addresses of the server, for clients.
SERVER_NAME = "server.test"
HOSTS = f"127.0.0.1 localhost\n::1 localhost\n{SERVER_IPV6} {SERVER_NAME}\n{SERVER_IPV4} {SERVER_NAME}\n"


@dataclass
class Totals:
    """Counters of both directions."""

    up: Counters
    down: Counters
    # Bytes that had gone up when the faults of `set_both_after` began to apply.
    changed_at: int | None

    def late(self) -> float:
        """Longest time by which the emulator was behind, in seconds."""
        return max(self.up.late, self.down.late)


class Link:
    """The client's host, the server's host and the way between them. "Up" is the direction to the server."""

    def __init__(self, client: Namespace, server: Namespace, control: socket.socket) -> None:
        self.client = client
        self.server = server
        self.control = control

    @classmethod
    @asynccontextmanager
    async def make(cls, seed: int) -> AsyncIterator[Link]:
        async with AsyncExitStack() as stack:
            client, server = await make_namespace(), await make_namespace()
            control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            link = cls(client, server, control)
            stack.callback(link.close)
            # The emulator has its own descriptors of all of these.
            with theirs, ExitStack() as devices:
                descriptors = [theirs.fileno()]
                for host, addresses in [(client, CLIENT), (server, SERVER)]:
                    descriptors.append(await make_device(host, addresses))
                    devices.callback(os.close, descriptors[-1])
                emulator = subprocess.Popen(
                    [sys.executable, str(EMULATOR), *map(str, descriptors), str(seed)], pass_fds=descriptors
                )
                stack.push_async_callback(end, emulator)
            control.setblocking(False)
            yield link

    async def set(self, up: Faults = Faults(), down: Faults = Faults()) -> None:
        await self.ask({"up": asdict(up), "down": asdict(down)})

    async def set_both(self, faults: Faults) -> None:
        await self.set(faults, faults)

    async def set_both_after(self, size: int, faults: Faults) -> None:
        """The emulator itself begins with these faults, when `size` bytes have gone up."""
        await self.ask({"after": size, "up": asdict(faults), "down": asdict(faults)})

    async def cut(self) -> None:
        await self.set_both(Faults(cut=True))

    async def replace_server(self) -> None:
        """The server's host is gone with all its sockets; a new one has its addresses. It knows no connection of the old one."""
        gone, self.server = self.server, await make_namespace()
        gone.close()
        device = await make_device(self.server, SERVER)
        try:
            await self.ask({}, device)
        finally:
            os.close(device)

    async def totals(self) -> Totals:
        return await self.ask({})

    async def ask(self, command: dict[str, Any], *devices: int) -> Totals:
        socket.send_fds(self.control, [json.dumps(command).encode()], list(devices))
        loop = asyncio.get_running_loop()
        try:
            answer = await asyncio.wait_for(loop.sock_recv(self.control, 4096), ANSWER)
        except (asyncio.TimeoutError, OSError) as error:
            raise Failure(f"the emulator does not answer: {error!r}") from error
        if not answer:
            raise Failure("the emulator is gone")
        counters = json.loads(answer)
        return Totals(Counters(**counters["up"]), Counters(**counters["down"]), counters["changed_at"])

    def close(self) -> None:
        self.control.close()
        self.client.close()
        self.server.close()


async def make_namespace() -> Namespace:
    """Makes a namespace in a thread: other runs go on while the kernel clears older namespaces away."""
    return await asyncio.to_thread(Namespace)


async def make_device(host: Namespace, addresses: list[str]) -> int:
    """Makes a device in a thread, too, because it runs a program."""
    return await asyncio.to_thread(host.make_device, addresses)


async def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    await asyncio.to_thread(process.wait)
