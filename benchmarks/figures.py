"""What the runs of a contender took, and the figures that come of them: medians, and the most memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

# Figure -> its name on the page, and its digits. Those with an asterisk leave the start out.
NAMES = {
    "seconds": ("wall s", 2),
    "cpu": ("CPU s", 2),
    "start_cpu": ("start, CPU s", 2),
    "microseconds": ("CPU µs a record*", 1),
    "rate": ("records/s*", 0),
    "calls_a_minute": ("calls a minute*", 0),
    "megabytes": ("memory MB", 0),
    "calls": ("calls", 0),
    "refused": ("429s", 0),
    "kept": ("MB on disk", 0),
}


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took. `kept` is the size in MB of what it left on disk."""

    seconds: float
    cpu: float
    megabytes: float
    calls: int = 0
    refused: int = 0
    kept: float = 0.0


@dataclass(frozen=True, slots=True)
class Figures:
    """The runs of a contender in a scenario, and those with a single record, if there were any: its start."""

    name: str
    records: int
    runs: Sequence[Run]
    starts: Sequence[Run] = ()

    def get(self, figure: str) -> float:
        """Return a figure by its name in `NAMES`; 0 without a start to leave out."""
        start = self.starts or (Run(0.0, 0.0, 0.0),)
        seconds, cpu = (median(getattr(run, each) for run in self.runs) for each in ("seconds", "cpu"))
        start_seconds, start_cpu = (median(getattr(run, each) for run in start) for each in ("seconds", "cpu"))
        longer = max(0.001, seconds - start_seconds)
        if figure in ("megabytes", "refused"):
            return float(max(getattr(run, figure) for run in self.runs))
        if figure in ("seconds", "cpu", "calls", "kept"):
            return float(median(getattr(run, figure) for run in self.runs))
        if not self.starts:
            return 0.0
        found: dict[str, float] = {
            "start_cpu": start_cpu,
            "microseconds": max(0.01, (cpu - start_cpu) / self.records * 1_000_000),
            "rate": self.records / longer,
            "calls_a_minute": self.get("calls") / longer * 60,
        }
        return found[figure]
