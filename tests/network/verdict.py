"""Measurements of one run, beside the expected values, and the decision whether the run counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

# Longest delay of a run that still proves something, in seconds. It is far below every deadline in a scenario.
LATE = 0.3
# Number of repeats of a run that stays late.
REPEATS_LATE = 2
# Number of repeats of a run in which only rates of the emulator are wrong.
REPEATS_RATE = 1


class Result(Enum):
    PASSED = "ok"
    FAILED = "FAIL"
    # A busy machine may be the cause. The run is repeated alone.
    INVALID = "again"


@dataclass(frozen=True)
class Measurement:
    text: str
    is_right: bool
    # Number of repeats of the run if such measurements alone are wrong.
    repeats: int = 0


@dataclass
class Verdict:
    """Collects measurements in the order in which they are printed."""

    measurements: list[Measurement] = field(default_factory=list)
    # Longest delay of the emulator and of this program, in seconds.
    delay: float = 0.0

    def result(self, repeated: int) -> Result:
        """The result of a run after `repeated` repeats."""
        if self.is_right():
            return Result.PASSED
        return Result.INVALID if repeated < self.repeats() else Result.FAILED

    def repeats(self) -> int:
        """A late run proves nothing, so that its other measurements do not count."""
        if self.is_late():
            return REPEATS_LATE
        return min((each.repeats for each in self.measurements if not each.is_right), default=0)

    def cause(self) -> str:
        """Reason why the run is invalid."""
        return f"{self.delay:.2f} s late" if self.is_late() else "wrong rate"

    def is_late(self) -> bool:
        return self.delay > LATE

    def is_right(self) -> bool:
        return bool(self.measurements) and all(each.is_right for each in self.measurements)

    def equal(self, name: str, seen: object, wanted: object) -> None:
        self.add(name, str(seen), str(wanted), seen == wanted)

    def at_most(self, name: str, seen: float | None, limit: float, unit: str = "") -> None:
        """`None` was not seen at all, which is wrong."""
        text = "never" if seen is None else f"{seen:.4g}{unit}"
        self.add(name, text, f"at most {limit:.4g}{unit}", seen is not None and seen <= limit)

    def between(self, name: str, seen: float, low: float, high: float, unit: str = "", repeats: int = 0) -> None:
        self.add(name, f"{seen:.4g}{unit}", f"{low:.4g} to {high:.4g}{unit}", low <= seen <= high, repeats)

    def late(self, name: str, seen: float) -> None:
        """The delay of the emulator or of this program, in seconds."""
        self.delay = max(self.delay, seen)
        self.at_most(name, seen, LATE, " s")

    def note(self, name: str, seen: object) -> None:
        """A measurement that may be anything."""
        self.measurements.append(Measurement(f"{name} {seen}", True))

    def wrong(self, text: str) -> None:
        self.measurements.append(Measurement(text, False))

    def add(self, name: str, seen: str, wanted: str, is_right: bool, repeats: int = 0) -> None:
        mark = "" if is_right else "!! "
        self.measurements.append(Measurement(f"{mark}{name} {seen} ({wanted})", is_right, repeats))

    def __str__(self) -> str:
        return ", ".join(each.text for each in self.measurements)
