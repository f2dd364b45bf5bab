"""Writes docs/performance.md from results: goals, tables, charts, and sentences with the figures in them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.table import Table

from benchmarks import destination_scenarios, machine, source_scenarios
from benchmarks.figures import NAMES, Figures
from benchmarks.results import Results
from benchmarks.scenario import HERE, Scenario

SECTIONS = {"Source": source_scenarios.SCENARIOS, "Destination": destination_scenarios.SCENARIOS}
SCENARIOS: dict[str, Scenario] = {one.name: one for section in SECTIONS.values() for one in section}
_NOTES = HERE / "notes.md"


def title(scenario: Scenario, size: int) -> str:
    """Return the heading of a scenario, with how much was really moved."""
    return scenario.title.format(records=f"{size:,}")


def rows(scenario: Scenario, figures: Sequence[Figures]) -> list[list[str]]:
    """Return the rows of a table, the head first; columns that say nothing here are left out."""
    columns = [["", *(each.name for each in figures)]]
    for figure, (name, digits) in NAMES.items():
        values = [each.get(figure) for each in figures]
        # Where wall time is compared, the records are too few to tell what one takes of the CPU.
        useless = figure == "microseconds" and scenario.by == "seconds"
        useless |= figure == "calls_a_minute" and all(goal.figure != figure for goal in scenario.goals)
        if any(values) and not useless:
            columns.append([name, *(f"{value:,.{digits}f}" for value in values)])
        if figure == scenario.by:
            runs = [[getattr(run, figure) for run in each.runs] for each in figures]
            columns.append(["lowest to highest", *(f"{min(one):.2f} to {max(one):.2f}" for one in runs)])
    return [list(row) for row in zip(*columns, strict=True)]


def table(scenario: Scenario, figures: Sequence[Figures]) -> Table:
    """Return a table for a terminal."""
    head, *others = rows(scenario, figures)
    found = Table(*head)
    for row in others:
        found.add_row(*row)
    return found


def write(folder: Path, results: Results) -> Path:
    """Write the page into a folder and return its path."""
    parts = [
        "# Performance",
        "This page is written by `make bench`: change `benchmarks/`, not the page.",
        *_measured(results),
        "## Goals",
        _goals(results),
        "## Where others take less",
        _ahead(results),
    ]
    for section, scenarios in SECTIONS.items():
        parts.append(f"## {section}")
        for scenario in scenarios:
            parts += [
                f"### {title(scenario, results.sizes[scenario.name])}",
                f"`{scenario.name}`. {scenario.says}",
                _markdown(*rows(scenario, results.scenarios[scenario.name])),
            ]
    parts.append(_NOTES.read_text(encoding="utf-8").strip())
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "performance.md"
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return page


def _measured(results: Results) -> Iterable[str]:
    yield (
        f"Measured on {results.date} in {results.seconds / 60:.0f} minutes, on {results.machine}. Versions: "
        f"{results.versions}. The load was {results.load_before:.2f} a core before, and {results.load_after:.2f} "
        f"after, with the benchmark's own work; other work had {results.other_work:.0%} of the cores' time. The page "
        f"is not written if the load is above {machine.MAX_LOAD_A_CORE} a core before, or if other work has more than "
        f"{machine.MAX_OTHER_WORK:.0%}."
    )
    yield (
        "Each contender is a process of its own, kept to one core; the server runs on another. The server renders its "
        "rows before anything is measured, and all clients read up to the same time, so each page is put together once "
        f"and then sent again. The contenders run in turns, {results.runs} times each unless a scenario says "
        "otherwise. Figures are medians; memory is the most of all runs."
    )
    yield (
        "CPU seconds are those of the whole process, its start included. The start is measured with a single record. "
        "Columns with an asterisk leave it out."
    )


def goals(scenario: Scenario, figures: Sequence[Figures]) -> list[list[str]]:
    """Return a row for each goal: what it is, what was asked for, what was found, and whether that is enough."""
    return [
        [
            str(goal),
            f"{goal.sign} {goal.asked:,}",
            f"{goal.found(figures):,.{2 if goal.to else NAMES[goal.figure][1]}f}",
            "yes" if goal.reached(figures) else "**no**",
        ]
        for goal in scenario.goals
    ]


def _goals(results: Results) -> str:
    found = [
        [f"`{scenario.name}`", *row]
        for scenario in SCENARIOS.values()
        for row in goals(scenario, results.scenarios[scenario.name])
    ]
    return _markdown(["scenario", "goal", "asked for", "found", "reached"], *found)


def _ahead(results: Results) -> str:
    found = []
    for scenario in SCENARIOS.values():
        ours, *others = results.scenarios[scenario.name]
        own = ours.get(scenario.by)
        for other in others:
            theirs = other.get(scenario.by)
            if "squadstack" in ours.name and "squadstack" not in other.name and theirs < own:
                unit = NAMES[scenario.by][0]
                found.append([f"`{scenario.name}`", other.name, unit, f"{theirs:.2f}", f"{own:.2f}"])
    return _markdown(["scenario", "contender", "figure", "theirs", "ours"], *found)


def _markdown(head: Sequence[str], *others: Sequence[str]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *others))
