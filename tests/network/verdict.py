"""Measurements of one run, beside the expected values."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Measurement:
    text: str
    is_right: bool


@dataclass
class Verdict:
    """Collects measurements in the order in which they are printed."""

    measurements: list[Measurement] = field(default_factory=list)

    def is_right(self) -> bool:
        return bool(self.measurements) and all(each.is_right for each in self.measurements)

    def equal(self, name: str, seen: object, wanted: object) -> None:
        self.add(name, str(seen), str(wanted), seen == wanted)

    def at_most(self, name: str, seen: float | None, limit: float, unit: str = "") -> None:
        """`None` was not seen at all, which is wrong."""
        text = "never" if seen is None else f"{seen:.4g}{unit}"
        self.add(name, text, f"at most {limit:.4g}{unit}", seen is not None and seen <= limit)

    def between(self, name: str, seen: float, low: float, high: float, unit: str = "") -> None:
        self.add(name, f"{seen:.4g}{unit}", f"{low:.4g} to {high:.4g}{unit}", low <= seen <= high)

    def note(self, name: str, seen: object) -> None:
        """A measurement that may be anything."""
        self.measurements.append(Measurement(f"{name} {seen}", True))

    def wrong(self, text: str) -> None:
        self.measurements.append(Measurement(text, False))

    def add(self, name: str, seen: str, wanted: str, is_right: bool) -> None:
        mark = "" if is_right else "!! "
        self.measurements.append(Measurement(f"{mark}{name} {seen} ({wanted})", is_right))

    def __str__(self) -> str:
        return ", ".join(each.text for each in self.measurements)
