"""What a scenario is: contenders that do the same work, a server for them, and what is asked of the figures."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from benchmarks.figures import NAMES, Figures
from benchmarks.instant_server import DAYS

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / ".bench"
_QUICK = 50


@dataclass(frozen=True, slots=True)
class Command:
    """A command to run: its arguments, what it reads from stdin, and what its environment has besides."""

    arguments: Sequence[str]
    stdin: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contender:
    """One of those that are compared.

    Attributes:
        name: Its name on the page.
        whole: The command that moves all records.
        records: How many records it has to print, or to send.
        start: The same with a single record: what it takes is taken off where the page says so.
        runs: How often it runs at most, if a run takes long.
        before: What is done before each run, unmeasured.
        keeps: A folder whose size is noted after each run.
    """

    name: str
    whole: Command
    records: int
    start: Command | None = None
    runs: int | None = None
    before: Callable[[], None] = lambda: None
    keeps: Path | None = None


@dataclass(slots=True)
class Setup:
    """What a scenario may use: a folder, how many records to move, and a server."""

    folder: Path
    records: int
    stack: ExitStack
    until: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1))
    port: int = 0

    @property
    def address(self) -> str:
        """The server's base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def since(self) -> datetime:
        """The time before the first row."""
        return self.until - timedelta(days=DAYS + 1)

    def serve(self, **options: float | None) -> None:
        """Start the server, on the last core that this process may use, with no answers to give but those asked for."""
        named = {"until": int(self.until.timestamp()), **{name: value for name, value in options.items() if value}}
        arguments = [text for name, value in named.items() for text in (f"--{name.replace('_', '-')}", str(value))]
        command = [sys.executable, "-m", "benchmarks.instant_server", *arguments]
        process = self.stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))  # noqa: S603 - ours
        self.stack.callback(process.kill)
        os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
        self.port = int(process.stdout.readline() if process.stdout else 0)

    def file(self, name: str, content: object) -> str:
        """Write a JSON file and return its path."""
        path = self.folder / name
        path.write_text(json.dumps(content), encoding="utf-8")
        return str(path)


@dataclass(frozen=True, slots=True)
class Goal:
    """What was set out to reach: a figure of a contender, divided by another's (`to`) or less another's (`beyond`)."""

    figure: str
    of: str
    sign: Literal["≥", "≤"]
    asked: float
    to: str | None = None
    beyond: str | None = None

    def __str__(self) -> str:
        what = f"{NAMES[self.figure][0]}, {self.of}"
        return f"{what}, divided by {self.to}" if self.to else f"{what}, less {self.beyond}" if self.beyond else what

    def found(self, figures: Sequence[Figures]) -> float:
        """Return what was found."""
        value = {each.name: each.get(self.figure) for each in figures}
        return value[self.of] / value[self.to] if self.to else value[self.of] - value.get(self.beyond or "", 0.0)

    def reached(self, figures: Sequence[Figures]) -> bool:
        """Return whether that is what was asked for."""
        found = self.found(figures)
        return found >= self.asked if self.sign == "≥" else found <= self.asked


@dataclass(frozen=True, slots=True)
class Scenario:
    """Work that several contenders do, each in turn.

    Attributes:
        name: What `--only` calls it.
        title: Its heading; `{records}` stands for how many are moved.
        records: How many are moved.
        prepare: Set the contenders up, ours first.
        says: What they do, and how they differ.
        goals: What is asked of the figures.
        unit: The records are a multiple of it.
        by: What they are compared by: CPU seconds of the whole process, or wall seconds.
    """

    name: str
    title: str
    records: int
    prepare: Callable[[Setup], Sequence[Contender]]
    says: str
    goals: Sequence[Goal] = ()
    unit: int = 100
    by: Literal["cpu", "seconds"] = "cpu"

    def size(self, *, quick: bool) -> int:
        """Return how many records are moved."""
        return max(self.unit, round(self.records / (_QUICK if quick else 1) / self.unit) * self.unit)


def own(script: str) -> str:
    """Return the path of a console script of this environment."""
    return str(Path(sys.executable).with_name(script))


def peer(name: str, script: str) -> tuple[str, str]:
    """Return the command of a peer in an environment of its own."""
    return str(ENVIRONMENTS / name / "bin/python"), str(HERE / "peers" / name / script)


def plain(script: str) -> tuple[str, str]:
    """Return the command of a contender that needs no more than this environment has."""
    return sys.executable, str(HERE / "plain" / script)
