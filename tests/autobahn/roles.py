"""Runs the suite against the testee, in either role, and gives back the folder of the reports."""

from __future__ import annotations

import ipaddress
import json
import shutil
from pathlib import Path
from typing import Any

import processes
from ports import free_port
from processes import Command, Deadline, Trouble


class Bench:
    """What every run needs: the suite, the testee, a place for reports, and the time."""

    def __init__(self, suite: Path, testee: Path, reports: Path, deadline: Deadline) -> None:
        self.suite = suite
        self.testee = testee
        self.reports = reports
        self.deadline = deadline

    def run(self, role: str, runtime: str, agent: str, cases: list[str]) -> None:
        folder = self.reports / agent
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        {"client": self.client, "server": self.server}[role](folder, runtime, agent, cases)

    def client(self, folder: Path, runtime: str, agent: str, cases: list[str]) -> None:
        port = free_port()
        url = f"ws://127.0.0.1:{port}"
        server = self.wstest("fuzzingserver", folder, {"url": url, "cases": cases})
        testee: Command = [self.testee, "autobahn", runtime, url, agent]
        with processes.child("wstest", server, folder / "wstest.log") as suite:
            suite.wait_for_port(port, self.deadline)
            with processes.child("testee autobahn", testee, folder / "testee.log") as client:
                client.finish(self.deadline)
            suite.check_running()

    def server(self, folder: Path, runtime: str, agent: str, cases: list[str]) -> None:
        # A server compresses only if it is told to.
        testee: Command = [self.testee, "serve", runtime, "0", "--deflate", "permessage-deflate"]
        with processes.child("testee serve", testee, folder / "testee.log") as server:
            url = f"ws://{on_loopback(server.wait_for_address(self.deadline))}"
            spec = {"servers": [{"agent": agent, "url": url}], "cases": cases}
            client = self.wstest("fuzzingclient", folder, spec)
            with processes.child("wstest", client, folder / "wstest.log") as suite:
                suite.finish(self.deadline)
            server.check_running()

    def wstest(self, mode: str, folder: Path, spec: dict[str, Any]) -> Command:
        file = folder / "spec.json"
        file.write_text(json.dumps({"outdir": str(folder), **spec}, indent=2))
        return [self.suite / "wstest", "-m", mode, "-s", file, "-u", "0"]


def on_loopback(address: str) -> str:
    """Refuses to test a server that all the world can reach."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise Trouble(f"testee serve listens on {address}, which is no address of loopback")
    return address
