"""Writes docs/performance.md: the tables, the charts, and what was asked for beside what was found."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from rich.table import Table

from benchmarks import charts, destination, source
from benchmarks.measure import ENVIRONMENTS, HERE, Figures, Took

FOLDER = HERE.parent / "docs"
_NOTES = HERE / "notes.md"
_COLUMNS = (
    "",
    "records/s",
    "lowest to highest",
    "records per CPU second",
    "µs",
    "peak MiB",
    "start, CPU s",
    "ours is faster by",
)
_OURS = (source.OURS, destination.OURS)
_PEERS = {"singer": ("singer-sdk",), "dlt": ("dlt",)}
_OWN = ("airbyte-cdk", "requests", "urllib3", "orjson")


class Scene(Protocol):
    """What a result was measured on."""

    @property
    def connector(self) -> str: ...  # noqa: D102

    @property
    def latency(self) -> float: ...  # noqa: D102

    @property
    def page_size(self) -> int: ...  # noqa: D102

    @property
    def campaigns(self) -> int: ...  # noqa: D102


_SIGN = "\N{MULTIPLICATION SIGN}"

Results = Sequence[tuple[Scene, Sequence[Figures]]]


@dataclass(frozen=True, slots=True)
class Goal:
    """What was set out to reach, and what was found."""

    what: str
    asked: float
    found: float
    unit: str
    at_most: bool = False

    @property
    def reached(self) -> bool:
        """Whether it was."""
        return self.found <= self.asked if self.at_most else self.found >= self.asked

    def __str__(self) -> str:
        digits = 0 if self.asked >= 100 else 1  # noqa: PLR2004 - a matter of looks
        sign = "≤" if self.at_most else "≥"
        return (
            f"| {self.what} | {sign} {self.asked:,.{digits}f} {self.unit} | {self.found:,.{digits}f} {self.unit} | "
            f"{'yes' if self.reached else 'no'} |"
        )


def cells(figures: Sequence[Figures], *, far: bool) -> list[tuple[str, ...]]:
    """Return a row of text for each contender; those of a server that is far away are compared by wall time."""
    ours = next(each for each in figures if each.name in _OURS)
    return [
        (
            each.name,
            f"{each.rate:,.0f}",
            f"{each.rates[0]:,.0f} to {each.rates[-1]:,.0f}",
            *(("-", "-") if far else (f"{each.per_cpu_second:,.0f}", f"{each.cost:,.1f}")),
            f"{each.peak:,.0f}",
            f"{each.start:.1f}",
            "" if each is ours else _times(ours.rate / each.rate if far else each.cost / ours.cost),
        )
        for each in figures
    ]


def _times(factor: float) -> str:
    return f"{factor:.1f} {_SIGN}" if factor > 0 else "-"


def table(figures: Sequence[Figures], *, far: bool) -> Table:
    """Return the table for a terminal."""
    found = Table(*_COLUMNS)
    for row in cells(figures, far=far):
        found.add_row(*row)
    return found


def write(folder: Path, results: Results, cold: Sequence[tuple[str, Took]], runs: int) -> None:
    """Write the page and the charts into a folder."""
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    for earlier in images.glob("performance-*.svg"):
        earlier.unlink()
    measured = (
        f"Measured on {datetime.now(UTC):%Y-%m-%d}, on {_machine()}. "
        f"{_versions()} "
        "Every contender is a process of its own, kept to one core, while the server runs on another. "
        f"There were {runs} interleaved runs of each: records/s are by wall time and the median of them, records per "
        "CPU second are of the cheapest one, with the µs that each record takes. The CPU time to start, measured with "
        "a single record, is taken off both. Other work disturbs wall time far more than CPU time: where "
        "the server answers at once, and the core is all that counts, contenders are compared, goals are judged and "
        "charts are drawn by CPU time; where it is far away, by wall time, and there are too few records to tell "
        "the CPU time of one."
    )
    parts = [
        "# Performance",
        "This page is written by `make bench`: change `benchmarks/`, not the page.",
        measured,
        "## Goals",
        "\n".join(
            ["| goal | asked for | found | reached |", "|---|---|---|---|", *map(str, goals(results, dict(cold)))]
        ),
    ]
    for connector, says in (("source", _SOURCE), ("destination", _DESTINATION)):
        parts += [f"## {connector.capitalize()}", says]
        for scene, figures in results:
            if scene.connector == connector:
                parts += [f"### {scene}", *_scene(scene, figures, images)]
    parts += [
        "## Cold start",
        "What each command takes before it does anything.",
        _markdown(
            ("", "seconds", "CPU s", "peak MiB"),
            [(name, f"{took.seconds:.2f}", f"{took.cpu:.2f}", f"{took.peak:.0f}") for name, took in cold],
        ),
        _NOTES.read_text(encoding="utf-8").strip(),
    ]
    (folder / "performance.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


_SOURCE = (
    "Every contender reads all responses of all campaigns once, from the same server. `source-squadstack` writes "
    "messages with states; the singer-sdk tap likewise; dlt extracts into files, which it has yet to normalize and to "
    "load; the bare floor writes a line per row and does nothing else."
)
_DESTINATION = (
    "Every contender reads the same leads from a file and posts them, 100 a call, to the same server, which repeats "
    "each lead in its answer as the API does. `destination-squadstack` and the singer-sdk target validate each record; "
    "dlt, the airbyte-cdk destination and the singer-sdk target where it says so do not."
)


def _scene(scene: Scene, figures: Sequence[Figures], images: Path) -> Iterable[str]:
    ours = next(each.name for each in figures if each.name in _OURS)
    slug = re.sub(r"[^a-z0-9]+", "-", f"{scene}".lower()).strip("-")
    name = f"performance-{scene.connector}-{slug}.svg"
    unit = "wall time" if scene.latency else "CPU"
    values = [(each.name, each.rate if scene.latency else each.per_cpu_second) for each in figures]
    svg = charts.bars(f"Records a second of {unit}: {scene}", values, ours)
    (images / name).write_text(svg, encoding="utf-8")
    yield f"![Records a second of each contender](images/{name})"
    yield _markdown(_COLUMNS, cells(figures, far=scene.latency > 0))


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def goals(results: Results, cold: dict[str, Took]) -> list[Goal]:
    """Return every goal that the results speak of."""
    found: list[Goal] = []
    for scene, figures in results:
        by = {each.name: each for each in figures}
        ours = next(each for each in figures if each.name in _OURS)

        def times(
            what: str, peer: str, asked: float, by: dict[str, Figures] = by, ours: Figures = ours, scene: Scene = scene
        ) -> Goal:
            found = ours.rate / by[peer].rate if scene.latency else by[peer].cost / ours.cost
            return Goal(f"{what}, against {peer}", asked, found, _SIGN)

        if scene.connector == "destination":
            what = f"destination, {scene.latency * 1000:.0f} ms"
            asked = 5.0 if scene.latency else 3.0
            if not scene.latency:
                found.append(Goal(what, 50_000, ours.per_cpu_second, "records/s"))
            if scene.latency <= 0.1:  # noqa: PLR2004 - no goal was set beyond
                found += [times(what, name, asked) for name in ("singer-sdk target", "dlt destination")]
        else:
            what = f"source, {scene.latency * 1000:.0f} ms, page {scene.page_size}, {scene.campaigns} campaigns"
            if not scene.latency and scene.campaigns == 1:
                found.append(times(what, "dlt rest_api", 1.2))
                found.append(Goal(f"{what}, memory", 120, ours.peak, "MiB", at_most=True))
            elif scene.latency == 0.1 and scene.campaigns == 10:  # noqa: PLR2004 - the one a goal was set for
                found += [times(what, name, 2.0) for name in ("dlt rest_api", source.PARALLEL)]
    for name in ("source-squadstack spec", "destination-squadstack spec"):
        found.append(Goal(f"{name}, CPU time", 0.5, cold[name].cpu, "s", at_most=True))
    return found


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "an unnamed CPU")
    waiting = os.getloadavg()[0]
    return (
        f"{model}, {os.cpu_count()} cores, Linux {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}, at a load of {waiting:.1f} when the last run ended"
    )


def _versions() -> str:
    own = [f"{name} {version(name)}" for name in _OWN]
    return f"Versions: {', '.join([*own, *(_peer(*each) for each in _PEERS.items())])}."


def _peer(environment: str, packages: Sequence[str]) -> str:
    ask = (
        "import sys; from importlib.metadata import version; "
        "print(*(f'{name} {version(name)}' for name in sys.argv[1:]), sep=', ')"
    )
    command = [str(ENVIRONMENTS / environment / "bin/python"), "-c", ask, *packages]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - our own
