"""The options of a socket that another process of ours holds."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from children import Failure

# The same number on all architectures of Linux.
PIDFD_GETFD = 438
# include/uapi/linux/tcp.h of Linux.
TCP_NOTSENT_LOWAT = 25
# include/uapi/linux/sockios.h of Linux.
SIOCOUTQ = 0x5411
SIOCOUTQNSD = 0x894B
# include/net/tcp_states.h of Linux: SYN_SENT, FIN_WAIT2, TIME_WAIT and CLOSE.
NO_BYTES = {2, 5, 6, 7}

LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Held:
    """Bytes that the kernel holds for a connection."""

    unsent: int
    # Sent, and not acknowledged.
    in_flight: int


def notsent_lowat(process: int, port: int) -> int | None:
    """
    `TCP_NOTSENT_LOWAT` of the process's connection to `port`, in bytes. 0 means that nobody has set it, `None` that there is no such
    connection.
    """
    with connection(process, port) as found:
        return found and found.getsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT)


def held(process: int, port: int) -> Held | None:
    """The bytes of the process's connection to `port`; `None` if there is no such connection."""
    with connection(process, port) as found:
        if not found:
            return None
        # A byte that is acknowledged between the two calls counts as one in flight.
        both, unsent = outgoing(found, SIOCOUTQ), outgoing(found, SIOCOUTQNSD)
        return Held(unsent, both - unsent)


def connected(process: int, port: int) -> int:
    """
    Number of TCP sockets to `port` on the process's host, from which bytes can still go to the peer: also those that no process holds any
    more, and without those that still connect.
    """
    count = 0
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process}/net/{name}").read_text().splitlines()[1:]:
            remote, state = line.split()[2:4]
            count += int(remote.rsplit(":", 1)[1], 16) == port and int(state, 16) not in NO_BYTES
    return count


def outgoing(found: socket.socket, request: int) -> int:
    return int(struct.unpack("i", fcntl.ioctl(found, request, bytes(4)))[0])


@contextmanager
def connection(process: int, port: int) -> Iterator[socket.socket | None]:
    """Our own descriptor of the process's connection to `port`, if there is one."""
    pidfd = os.pidfd_open(process)
    try:
        for entry in Path(f"/proc/{process}/fd").iterdir():
            found = borrow(pidfd, int(entry.name)) if is_socket(entry) else None
            if found is None:
                continue
            with found:
                if is_connected(found, port):
                    yield found
                    return
        yield None
    finally:
        os.close(pidfd)


def is_socket(entry: Path) -> bool:
    try:
        return os.readlink(entry).startswith("socket:")
    except FileNotFoundError:
        return False  # closed just now


def borrow(pidfd: int, descriptor: int) -> socket.socket | None:
    """Our own descriptor of the other process's socket, unless the process has closed it just now."""
    ours = LIBC.syscall(PIDFD_GETFD, pidfd, descriptor, 0)
    if ours < 0:
        number = ctypes.get_errno()
        if number == errno.EBADF:
            return None
        raise Failure(f"pidfd_getfd: {os.strerror(number)}")
    return socket.socket(fileno=ours)


def is_connected(found: socket.socket, port: int) -> bool:
    if found.family not in (socket.AF_INET, socket.AF_INET6) or found.type != socket.SOCK_STREAM:
        return False
    try:
        return found.getpeername()[1] == port
    except OSError:
        return False  # not connected
