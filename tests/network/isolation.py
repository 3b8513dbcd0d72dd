"""The namespaces around a whole run, with root's rights or without, and the check of its requirements."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from link import HOSTS

# Debian's packages of the programs.
PROGRAMS = {
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "mount": "mount",
}
INSIDE = "--inside"

# A mount namespace for names of our own; and a user namespace, which allows that, where this user is not root.
WAYS = [["unshare", "--net", "--mount"], ["unshare", "--user", "--map-root-user", "--net", "--mount"]]


def missing() -> list[str]:
    """Reasons why nothing can run here."""
    reasons = [
        f"{program} is missing (Debian: {package})" for program, package in PROGRAMS.items() if not shutil.which(program)
    ]
    if sys.version_info < (3, 11):
        reasons.append("Python 3.11 is wanted")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        reasons.append("/dev/net/tun cannot be opened; as root: modprobe tun, chmod 666 /dev/net/tun")
    if not Path("/etc/hosts").exists():
        reasons.append("there is no /etc/hosts to mount over")
    return reasons


def go_inside(program: str, words: list[str]) -> NoReturn:
    """Starts this program again, in the namespaces."""
    for way in WAYS:
        if subprocess.run([*way, "true"], stderr=subprocess.DEVNULL).returncode == 0:
            command = [*way, sys.executable, program, INSIDE, *words]
            os.execvp(command[0], command)
    sys.exit("run: this needs root's rights or user namespaces")


def give_names() -> None:
    """Lets the server's name mean its addresses, for everything within the mount namespace."""
    with tempfile.NamedTemporaryFile("w", prefix="hosts-") as hosts:
        hosts.write(HOSTS)
        hosts.flush()
        os.chmod(hosts.name, 0o644)
        # The mount keeps the file when its name is gone.
        subprocess.run(["mount", "--bind", hosts.name, "/etc/hosts"], check=True)
