"""The decision whether a run has passed, has failed or is repeated."""

from __future__ import annotations

import unittest

from verdict import LATE, REPEATS_RATE, Result, Verdict

IN_TIME, TOO_LATE = LATE, LATE + 0.06


def verdict(delay: float, *, lost: int = 0, rate: float = 95) -> Verdict:
    made = Verdict()
    made.equal("lost", lost, 0)
    made.between("rate", rate, 80, 102, " %", repeats=REPEATS_RATE)
    made.late("this program's delay", delay)
    made.late("the emulator's", 0.01)
    return made


class Decision(unittest.TestCase):
    def test_results_after_no_one_and_two_repeats(self) -> None:
        passed, failed, invalid = Result.PASSED, Result.FAILED, Result.INVALID
        for name, run, results in [
            ("all is right", verdict(IN_TIME), [passed, passed, passed]),
            ("a wrong measurement fails at once", verdict(IN_TIME, lost=1), [failed, failed, failed]),
            ("a late run has two repeats", verdict(TOO_LATE), [invalid, invalid, failed]),
            ("a late run proves no fault", verdict(TOO_LATE, lost=1), [invalid, invalid, failed]),
            ("a wrong rate has one repeat", verdict(IN_TIME, rate=69), [invalid, failed, failed]),
            ("a wrong rate hides no fault", verdict(IN_TIME, lost=1, rate=69), [failed, failed, failed]),
            ("a wrong rate of a late run is late", verdict(TOO_LATE, rate=69), [invalid, invalid, failed]),
            ("a run without a measurement", Verdict(), [failed, failed, failed]),
        ]:
            self.assertEqual([run.result(repeated) for repeated in range(3)], results, name)

    def test_an_error_fails_at_once_unless_the_run_was_late(self) -> None:
        for delay, result in [(IN_TIME, Result.FAILED), (TOO_LATE, Result.INVALID)]:
            run = verdict(delay)
            run.wrong("no end within 60 s")
            self.assertEqual(run.result(0), result)

    def test_the_longest_delay_counts(self) -> None:
        run = verdict(IN_TIME)
        run.late("the emulator's", 0.75)
        run.late("another's", 0.1)
        self.assertEqual(run.result(0), Result.INVALID)
        self.assertEqual(run.cause(), "0.75 s late")

    def test_the_cause_of_a_repeat(self) -> None:
        for run, cause in [
            (verdict(TOO_LATE), "0.36 s late"),
            (verdict(TOO_LATE, rate=69), "0.36 s late"),
            (verdict(IN_TIME, rate=69), "wrong rate"),
        ]:
            self.assertEqual(run.cause(), cause)


if __name__ == "__main__":
    unittest.main()
