"""Which cases there are, which are wanted, and what each must report."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Callable

# Section: what it is about, and how many cases it has. The numbers are checked, so that a damaged suite, which lists
# fewer, cannot pass.
SECTIONS: dict[int, tuple[str, int]] = {
    1: ("framing", 16),
    2: ("pings and pongs", 11),
    3: ("reserved bits", 7),
    4: ("opcodes", 10),
    5: ("fragmentation", 20),
    6: ("UTF-8", 145),
    7: ("closing", 37),
    9: ("limits, performance", 54),
    10: ("auto-fragmentation", 1),
    12: ("compression, payloads", 90),
    13: ("compression, parameters", 126),
}

ALL = "1-13"

# RFC 6455 leaves the outcome open, and the suite never says more of these: a message cut short by a close (7.1.6) and
# close codes from 5000 upwards (7.13).
INFORMATIONAL = frozenset({"7.1.6", "7.13.1", "7.13.2"})

LIST_CASES = """
import json
from autobahntestsuite.case import Cases, CaseBasename
print json.dumps([case.__name__[len(CaseBasename):].replace("_", ".") for case in Cases])
"""


class BadSelection(Exception):
    """The suite or the selection is not what it should be."""


def expected(case: str) -> str:
    return "INFORMATIONAL" if case in INFORMATIONAL else "OK"


def section(case: str) -> int:
    return int(case.split(".")[0])


def order(case: str) -> tuple[int, ...]:
    return tuple(int(part) for part in case.split("."))


def listed(suite: Path) -> list[str]:
    """All cases of the suite that is installed."""
    output = subprocess.run(
        [suite / "python", "-c", LIST_CASES], stdout=subprocess.PIPE, check=True, timeout=60
    ).stdout
    cases: list[str] = json.loads(output)
    for number, (_, count) in SECTIONS.items():
        found = sum(section(case) == number for case in cases)
        if found != count:
            raise BadSelection(f"the suite has {found} cases in section {number}, not {count}")
    return cases


def select(cases: list[str], patterns: str) -> list[str]:
    """The cases of a list, separated by commas, of sections (`6`, `1-10`) and of cases (`6.4.*`, `1.1.1`)."""
    wanted: set[str] = set()
    for pattern in patterns.split(","):
        matching = set(filter(matcher(pattern.strip()), cases))
        if not matching:
            raise BadSelection(f"no case matches {pattern!r}")
        wanted |= matching
    return sorted(wanted, key=order)


def matcher(pattern: str) -> Callable[[str], bool]:
    if sections := re.fullmatch(r"(\d+)(?:-(\d+))?", pattern):
        first, last = int(sections[1]), int(sections[2] or sections[1])
        return lambda case: first <= section(case) <= last
    expression = re.compile(re.escape(pattern).replace(r"\*", ".*"))
    return lambda case: expression.fullmatch(case) is not None
