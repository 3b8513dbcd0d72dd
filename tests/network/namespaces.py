"""Network namespaces without names: each is gone with its last descriptor, device and process."""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
import subprocess
from contextlib import contextmanager
from typing import Iterator

from children import Failure

# include/uapi/linux/sched.h and if_tun.h of Linux.
CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000

DEVICE = "wire"

# So that every machine measures the same TCP. Every kernel allows Reno in every namespace; the rest is Linux's default.
SETTINGS = {
    "ipv4/tcp_congestion_control": "reno",
    "ipv4/tcp_wmem": "4096 16384 4194304",
    "ipv4/tcp_notsent_lowat": "4294967295",
}

LIBC = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A network namespace that this process made."""

    def __init__(self) -> None:
        outside = own_namespace()
        try:
            check(LIBC.unshare(CLONE_NEWNET), "unshare")
            self.descriptor = own_namespace()
        finally:
            check(LIBC.setns(outside, CLONE_NEWNET), "setns")
            os.close(outside)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Puts this thread into the namespace. The block must not await."""
        outside = own_namespace()
        check(LIBC.setns(self.descriptor, CLONE_NEWNET), "setns")
        try:
            yield
        finally:
            check(LIBC.setns(outside, CLONE_NEWNET), "setns")
            os.close(outside)

    def command(self, *words: str) -> list[str]:
        """The command line that runs `words` in the namespace, in a process of the same id. It is killed if this process ends."""
        return ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--net=/proc/{os.getpid()}/fd/{self.descriptor}", "--", *words]

    def make_device(self, addresses: list[str]) -> int:
        """Makes a TUN device with these addresses, and returns its descriptor. Takes the time of a program's run."""
        with self.entered():
            device = open_tun()
            try:
                set_up(addresses)
            except BaseException:
                os.close(device)
                raise
        return device

    def close(self) -> None:
        os.close(self.descriptor)


def own_namespace() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def open_tun() -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
    return device


def set_up(addresses: list[str]) -> None:
    """Gives the device its addresses, and the namespace its settings."""
    run_ip(
        f"link set {DEVICE} mtu 1500 txqueuelen 4000 addrgenmode none",
        *(f"address add {address} dev {DEVICE} nodad" for address in addresses),
        f"link set {DEVICE} up",
        "link set lo up",
    )
    for name, value in SETTINGS.items():
        write_setting(name, value)


def run_ip(*lines: str) -> None:
    done = subprocess.run(
        ["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        raise Failure(f"ip: {done.stdout.strip()}")


def write_setting(name: str, value: str) -> None:
    try:
        with open(f"/proc/sys/net/{name}", "w") as setting:
            setting.write(value)
    except OSError as error:
        raise Failure(f"net/{name} cannot be {value}: {error}") from error


def check(result: int, name: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
