"""Latency statistics of one series of runs, and the `count=` line that benchmark tools print.

  count=50 first=118810 curr=114219 min=88216 max=129193 avg=115062 std=7678
  count=9 first=87112 curr=51629 min=51629 max=87112 avg=58147.4 std=11478 p5=51629 median=51962 ...
  count=1 curr=3512391
  count=20 curr=7(all same)

Written by Stat::OutputToStream and StatWithPercentiles::OutputToStream, xla/tsl/util/
stats_calculator.h of TensorFlow: integers in microseconds, but `avg` a double of six digits.
"""

import dataclasses
import itertools
import re

# Bounded, so that float() of it neither raises nor overflows.
NUMBER = r"[-+]?[0-9]{1,18}(?:\.[0-9]{1,18})?(?:[eE][-+]?[0-9]{1,2})?"
_FIELD = re.compile(rf"([a-z][a-z0-9]*)=({NUMBER})")
_LINE = re.compile(rf"count=[0-9]{{1,9}}(?: [a-z][a-z0-9]*={NUMBER})*")

# `avg` is printed with six significant digits.
_MEAN_TOLERANCE = 1e-5


@dataclasses.dataclass(frozen=True)
class Timing:
    """Statistics of one series of runs; None where the tool's generation prints none.

    Attributes:
      count: Number of runs.
      first_us: The first run.
      min_us: The fastest run.
      max_us: The slowest run.
      mean_us: The mean.
      std_us: Population standard deviation.
      median_us: The median (upper one of an even count).
      p5_us: The 5th percentile.
      p95_us: The 95th percentile.
    """

    count: int | None = None
    first_us: float | None = None
    min_us: float | None = None
    max_us: float | None = None
    mean_us: float | None = None
    std_us: float | None = None
    median_us: float | None = None
    p5_us: float | None = None
    p95_us: float | None = None

    def contradiction(self) -> str | None:
        """Returns what cannot be true of any series of runs, None where all agrees."""
        times = {
            "min": self.min_us,
            "p5": self.p5_us,
            "median": self.median_us,
            "p95": self.p95_us,
            "max": self.max_us,
        }
        known = [(name, value) for name, value in times.items() if value is not None]
        for (low_name, low), (high_name, high) in itertools.pairwise(known):
            if low > high:
                return f"{low_name}={low:g} is above {high_name}={high:g}"
        if any(value < 0 for _, value in known) or (self.std_us or 0) < 0:
            return "a time is negative"
        for name, value in (("first", self.first_us), ("avg", self.mean_us)):
            if value is not None and not self._spans(value):
                return f"{name}={value:g} is not within min={self.min_us} to max={self.max_us}"
        return None

    def _spans(self, value: float) -> bool:
        slack = abs(value) * _MEAN_TOLERANCE
        above = self.min_us is None or self.min_us <= value + slack
        return above and (self.max_us is None or value - slack <= self.max_us)


def parse_count_line(text: str) -> Timing | None:
    """Returns the statistics of a `count=` line, None where `text` is no whole one."""
    text = text.strip().replace("(all same)", "")
    if not _LINE.fullmatch(text):
        return None
    fields = {name: float(value) for name, value in _FIELD.findall(text)}
    count = int(fields["count"])
    if count == 0:
        return Timing(count=0)
    if "avg" in fields:
        return Timing(
            count=count,
            first_us=fields.get("first"),
            min_us=fields.get("min"),
            max_us=fields.get("max"),
            mean_us=fields["avg"],
            std_us=fields.get("std"),
            median_us=fields.get("median"),
            p5_us=fields.get("p5"),
            p95_us=fields.get("p95"),
        )
    if "curr" in fields and "min" not in fields:
        # All runs took the same time, so that one figure says them all.
        same = fields["curr"]
        return Timing(count, same, same, same, same, 0.0, same, same, same)
    return None
