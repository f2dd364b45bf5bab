"""`python -m benchmarks` (`make bench`): both connectors against their peers; writes docs/performance.md.

Results are kept in build/bench/results.json after each scenario. If all of them are measured on a quiet machine, they
are also written to benchmarks/results.json, and the page with them.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks import machine, page, results
from benchmarks.figures import Run
from benchmarks.measure import measure
from benchmarks.results import Results
from benchmarks.scenario import HERE

BUILD = HERE.parent / "build/bench"
KEPT = HERE / "results.json"
DOCS = HERE.parent / "docs"
SAY = Console(highlight=False, soft_wrap=True).print


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and write the page; the code is 1 if that may not be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=page.SCENARIOS, metavar="NAME", help="these alone; no page")
    parser.add_argument("--runs", type=int, default=5, help="runs of each contender, in turns (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a small run that tries it, and proves no figure")
    parser.add_argument("--resume", action="store_true", help="measure only what build/bench/results.json lacks")
    parser.add_argument("--page", type=Path, metavar="RESULTS", help="write the page from a file; measure nothing")
    parser.add_argument("--into", type=Path, default=DOCS, help="the page's folder (default: docs)")
    parser.add_argument("--list", action="store_true", help="name the scenarios")
    options = parser.parse_args(arguments)
    if options.list:
        SAY("\n".join(page.SCENARIOS))
        return 0
    if options.page:
        return _write(results.load(options.page), options.into)
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    names = options.only or list(page.SCENARIOS)
    whole = not options.quick and not options.only
    load = machine.wait_for_quiet(SAY) if whole else machine.load()
    SAY(f"The load is {load:.2f} a core.")
    if whole and load > machine.MAX_LOAD_A_CORE:
        SAY(f"Not measured: the load is above {machine.MAX_LOAD_A_CORE} a core. End other work, or try --only NAME.")
        return 1
    kept = BUILD / ("results.json" if whole else "tried.json")
    runs = 1 if options.quick else options.runs
    found = Results(f"{datetime.now(UTC):%Y-%m-%d}", machine.describe(), machine.versions(), runs, load)
    if options.resume and kept.exists():
        found = results.load(kept)
        found.load_before = max(found.load_before, load)
    _measure(names, found, kept, quick=options.quick)
    SAY(f"The load is {found.load_after:.2f} a core; other work had {found.other_work:.0%} of the cores' time.")
    if missing := [name for name in names if name not in found.scenarios]:
        SAY(f"Failed: {', '.join(missing)}. What was measured is in {kept}; --resume measures the rest.")
        return 1
    if options.only:
        return 0
    return _write(found, options.into) if whole else _written(found, BUILD)


def _measure(names: Sequence[str], found: Results, kept: Path, *, quick: bool) -> None:
    """Measure what is not in the results yet; they are kept after each scenario."""
    began, other, starts = time.monotonic(), machine.OtherWork(), dict[str, list[Run]]()
    seconds_before, other_before = found.seconds, found.other_work
    for name in names:
        if name in found.scenarios:
            continue
        scenario = page.SCENARIOS[name]
        size = scenario.size(quick=quick)
        SAY(f"\n{name}")
        try:
            figures = measure(scenario, size, found.runs, starts, SAY)
        except Exception as error:  # noqa: BLE001 - one that fails must not cost the results of the others
            SAY(f"{name} failed: {error!r}")
            continue
        found.scenarios[name], found.sizes[name] = figures, size
        found.load_after, found.other_work = machine.load(), max(other.share(), other_before)
        found.seconds = seconds_before + time.monotonic() - began
        results.save(found, kept)
        SAY(page.title(scenario, size))
        Console(highlight=False, width=160).print(page.table(scenario, figures))
        for what, asked, got, reached in page.goals(scenario, figures):
            SAY(f"{what}: {got} (asked for: {asked}; reached: {reached})")


def _write(found: Results, folder: Path) -> int:
    """Write the page, unless the machine was too busy or something was not measured; return the exit code."""
    if problem := _problem(found):
        SAY(f"The page is not written: {problem}")
        return 1
    if folder == DOCS:
        results.save(found, KEPT)
    return _written(found, folder)


def _written(found: Results, folder: Path) -> int:
    SAY(f"Written: {page.write(folder, found)}")
    return 0


def _problem(found: Results) -> str | None:
    if found.load_before > machine.MAX_LOAD_A_CORE:
        return f"the load was {found.load_before:.2f} a core before it began, above {machine.MAX_LOAD_A_CORE}."
    if found.other_work > machine.MAX_OTHER_WORK:
        return f"other work had {found.other_work:.0%} of the cores' time, above {machine.MAX_OTHER_WORK:.0%}."
    if missing := [name for name in page.SCENARIOS if name not in found.scenarios]:
        return f"not measured: {', '.join(missing)}."
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
