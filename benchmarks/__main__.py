"""`python -m benchmarks` (`make bench`): both connectors against their peers; writes docs/performance.md, with charts.

Each run is a process of its own, kept to one core; the server runs on another. The runs are interleaved, so that a busy
moment of the machine hits all; wall time is the median of them, CPU time the least. What it takes to start is measured
with a single record and taken off. The peers live in environments of their own, made from the requirements beside them.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from benchmarks import cold, destination, page, source
from benchmarks.measure import Figures, Took, compare, server

QUICK = 50


@dataclass(frozen=True, slots=True)
class Scene:
    """What is moved, and how far away the server is. `page_size` and `campaigns` are of the source."""

    connector: str
    records: int
    latency: float
    page_size: int = 100
    campaigns: int = 1

    def __str__(self) -> str:
        answered = f"answers after {self.latency * 1000:.0f} ms"
        if self.connector == "destination":
            return f"{self.records:,} records, 100 a call, {answered}"
        campaigns = "1 campaign" if self.campaigns == 1 else f"{self.campaigns} campaigns"
        return f"{self.records:,} records of {campaigns}, {self.page_size} a page, {answered}"


SCENES = (
    Scene("destination", 100_000, 0.0),
    Scene("destination", 10_000, 0.1),
    Scene("destination", 4_000, 0.3),
    Scene("source", 100_000, 0.0, page_size=1000),
    Scene("source", 100_000, 0.0, page_size=100),
    Scene("source", 100_000, 0.0, page_size=100, campaigns=200),
    Scene("source", 5_000, 0.1, page_size=100),
    Scene("source", 10_000, 0.1, page_size=100, campaigns=10),
    Scene("source", 5_000, 0.3, page_size=100, campaigns=10),
)
# Every contender once, near and far.
QUICK_SCENES = (SCENES[0], SCENES[3], SCENES[7])


def main(arguments: Sequence[str]) -> int:
    """Compare, print, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs of each contender, interleaved")
    parser.add_argument("--only", choices=("source", "destination"), help="one connector; the page is not written")
    parser.add_argument("--records", type=float, default=1.0, help="times the records of every scene, 0.5 being half")
    parser.add_argument("--quick", action="store_true", help="a small run that proves the harness, and no figure")
    options = parser.parse_args(arguments)
    runs, part = (1, 1 / QUICK) if options.quick else (options.runs, options.records)
    console = Console(highlight=False, width=120)
    results: list[tuple[Scene, list[Figures]]] = []
    starts: dict[str, list[Took]] = {}
    for scene in QUICK_SCENES if options.quick else SCENES:
        if options.only in (None, scene.connector):
            scene = replace(scene, records=_records(scene, part))  # noqa: PLW2901 - what is really moved
            found = _play(scene, runs, starts, console)
            results.append((scene, found))
            console.print(page.table(found, far=scene.latency > 0))
    if options.only is None:
        target = Path(tempfile.mkdtemp(prefix="performance-")) if options.quick else page.FOLDER
        page.write(target, results, cold.measure(runs), runs)
        console.print(f"\nWritten: {target / 'performance.md'}")
    return 0


def _records(scene: Scene, part: float) -> int:
    """Return how many records are moved: every campaign has full pages only, so that all calls are of one size."""
    unit = scene.page_size * scene.campaigns
    return max(1, round(scene.records * part / unit)) * unit


def _play(scene: Scene, runs: int, starts: dict[str, list[Took]], console: Console) -> list[Figures]:
    console.print(f"\n{scene}")
    records = scene.records
    pages = () if scene.connector == "destination" else _pages(scene)
    with tempfile.TemporaryDirectory() as root, server("--latency", scene.latency, *pages) as port:
        folder = Path(root)
        if scene.connector == "destination":
            rivals = destination.contenders(folder, port, records)
        else:
            parallel = scene.campaigns > 1
            rivals = source.contenders(folder, port, scene.campaigns, scene.page_size, parallel=parallel)
        return compare(rivals, records=records, runs=runs, folder=folder, port=port, starts=starts, say=console.print)


def _pages(scene: Scene) -> tuple[object, ...]:
    return "--campaigns", scene.campaigns, "--records", scene.records, "--page-size", scene.page_size


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
