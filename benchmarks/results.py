"""The results of a run as a file: what was measured, on what machine, and at which load."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.figures import Figures, Run


@dataclass(slots=True)
class Results:
    """What the page is written from.

    Attributes:
        load_before: The load, a core, before anything was measured.
        load_after: The same at the end, with the benchmark's own work.
        other_work: The share of all cores' time that other processes had.
        seconds: How long it took.
        scenarios: The figures of each.
        sizes: How many records each has.
    """

    date: str
    machine: str
    versions: str
    runs: int
    load_before: float
    load_after: float = 0.0
    other_work: float = 0.0
    seconds: float = 0.0
    scenarios: dict[str, Sequence[Figures]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)


def save(results: Results, path: Path) -> None:
    """Write them to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(results), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load(path: Path) -> Results:
    """Read them from a file."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    scenarios: dict[str, Sequence[Figures]] = {
        name: [_figures(each) for each in found] for name, found in content.pop("scenarios").items()
    }
    return Results(**content, scenarios=scenarios)


def _figures(content: Mapping[str, Any]) -> Figures:
    runs, starts = ([Run(**run) for run in content[name]] for name in ("runs", "starts"))
    return Figures(content["name"], content["records"], runs, starts)
