"""The options of a socket that another process of ours holds."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from pathlib import Path

from children import Failure

# The same number on all architectures of Linux.
PIDFD_GETFD = 438
# include/uapi/linux/tcp.h of Linux.
TCP_NOTSENT_LOWAT = 25

LIBC = ctypes.CDLL(None, use_errno=True)


def notsent_lowat(process: int, port: int) -> int | None:
    """
    `TCP_NOTSENT_LOWAT` of the process's connection to `port`, in bytes. 0 means that nobody has set it, `None` that there is no such
    connection.
    """
    pidfd = os.pidfd_open(process)
    try:
        for entry in Path(f"/proc/{process}/fd").iterdir():
            found = borrow(pidfd, int(entry.name)) if is_socket(entry) else None
            if found is None:
                continue
            with found:
                if is_connected(found, port):
                    return found.getsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT)
    finally:
        os.close(pidfd)
    return None


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
