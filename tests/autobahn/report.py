"""Reads what the suite reported, judges it, and prints it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable

import cases

MISSING = "MISSING"


@dataclass(frozen=True)
class Outcome:
    """What the suite says about one case."""

    case: str
    behavior: str
    close: str
    detail: str = ""

    def deviates(self) -> bool:
        wanted = cases.expected(self.case)
        return self.behavior != wanted or self.close != wanted

    def verdict(self) -> str:
        return self.behavior if self.behavior == self.close else f"{self.behavior} (close {self.close})"


@dataclass
class Run:
    """One runtime in one role."""

    name: str
    outcomes: list[Outcome] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    def deviations(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.deviates()]

    def failed(self) -> int:
        """Cases that deviate, and what went wrong beside them."""
        return len(self.deviations()) + len(self.trouble)

    def passed(self) -> int:
        return len(self.outcomes) - len(self.deviations())


def read(folder: Path, agent: str, wanted: list[str]) -> list[Outcome]:
    """One outcome for each wanted case; one without a report is MISSING, which no case may be."""
    index = folder / "index.json"
    reported = json.loads(index.read_text()).get(agent, {}) if index.exists() else {}
    return [outcome(folder, case, reported.get(case)) for case in wanted]


def outcome(folder: Path, case: str, entry: dict[str, str] | None) -> Outcome:
    if entry is None:
        return Outcome(case, MISSING, MISSING)
    result = Outcome(case, entry["behavior"], entry["behaviorClose"])
    if not result.deviates():
        return result
    return Outcome(case, result.behavior, result.close, explain(folder / entry["reportfile"]))


def explain(file: Path) -> str:
    """What the suite expected and saw, from the report of one case."""
    # The suite quotes payloads byte for byte, and some of them are not UTF-8 on purpose.
    case = json.loads(file.read_bytes().decode("utf-8", "replace"))
    lines = [
        " ".join(str(case["description"]).split()),
        f"result: {case['result']}",
        f"close: {case['resultClose']} "
        f"(the peer's code: {case['remoteCloseCode']}, reason: {case['remoteCloseReason']!r})",
        f"expected: {json.dumps(case['expected'])[:500]}",
        f"received: {json.dumps(case['received'])[:500]}",
        f"report: {file.with_suffix('.html')}",
    ]
    return "\n".join(f"      {line}" for line in lines)


def table(runs: list[Run]) -> str:
    """A row for each run, a column for each section that ran."""
    sections = sorted({cases.section(o.case) for run in runs for o in run.outcomes})
    rows = [["runtime, role", *(f"{number}.*" for number in sections), "all"]]
    for run in runs:
        of_sections = [
            tally(o.verdict() for o in run.outcomes if cases.section(o.case) == number) for number in sections
        ]
        rows.append([run.name, *of_sections, tally(o.verdict() for o in run.outcomes)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths))} |" for row in rows)


def legend(runs: list[Run]) -> str:
    of_runs = {cases.section(o.case) for run in runs for o in run.outcomes}
    titles = (f"{number}.* {title}" for number, (title, _) in cases.SECTIONS.items() if number in of_runs)
    return "Cases by verdict, which is one for behaviour and close where they agree.\n" + "; ".join(titles)


def tally(verdicts: Iterable[str]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in Counter(verdicts).most_common())


def deviations(run: Run) -> str:
    lines = [f"{run.name}: {trouble}" for trouble in run.trouble]
    missing = [o.case for o in run.deviations() if o.behavior == MISSING]
    if len(missing) == len(run.outcomes):
        lines.append(f"{run.name}: no report about any case")
    elif missing:
        lines.append(f"{run.name}: no report about {len(missing)} cases: {', '.join(missing)}")
    for o in run.deviations():
        if o.behavior != MISSING:
            wanted = cases.expected(o.case)
            lines.append(f"{run.name}: {o.case}: {o.behavior}, close {o.close}; must be {wanted}, close {wanted}")
            lines.append(o.detail)
    return "\n".join(lines)
