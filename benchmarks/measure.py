"""Runs one contender after the other, in turns, and keeps what each run took."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import requests

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / ".bench"
_MICRO = 1_000_000


class FailedError(RuntimeError):
    """A contender ended with an error, or did other work than was asked."""


@dataclass(frozen=True, slots=True)
class Took:
    """What one run took: seconds of wall time and of CPU, and MiB of memory at its peak."""

    seconds: float
    cpu: float
    peak: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What a contender needs for a number of records, with the runs that say so; what starting takes is taken off."""

    name: str
    records: int
    runs: Sequence[Took]
    starts: Sequence[Took]

    @property
    def rates(self) -> list[float]:
        """Records a second of each run, lowest first."""
        return sorted(self.records / max(0.001, run.seconds - self.start) for run in self.runs)

    @property
    def rate(self) -> float:
        """Records a second."""
        return median(self.rates)

    @property
    def cost(self) -> float:
        """Microseconds of CPU per record: of the cheapest run, since other work on the machine can only add to it."""
        return (min(run.cpu for run in self.runs) - self.start) / self.records * _MICRO

    @property
    def per_cpu_second(self) -> float:
        """Records in a second of CPU: what a core does that has nothing else to do, and waits for nobody."""
        return _MICRO / self.cost if self.cost > 0 else 0.0

    @property
    def peak(self) -> float:
        """MiB of memory at the peak."""
        return max(run.peak for run in self.runs)

    @property
    def start(self) -> float:
        """Seconds until the first record is through, of CPU: starting waits for nothing else."""
        return min(run.cpu for run in self.starts)


@dataclass(frozen=True, slots=True)
class Contender:
    """One of those that are compared. `small` and `whole` are its arguments for one record and for all of them."""

    name: str
    command: tuple[str, ...]
    small: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    stdin_small: Path | None = None
    stdin_whole: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def own(script: str) -> str:
    """Return the path of a console script of this environment."""
    return str(Path(sys.executable).with_name(script))


def peer(name: str, script: str) -> tuple[str, ...]:
    """Return the command of a peer in an environment of its own."""
    return str(ENVIRONMENTS / name / "bin/python"), str(HERE / "peers" / name / script)


def plain(script: str) -> tuple[str, ...]:
    """Return the command of a peer that needs no more than this environment has."""
    return sys.executable, str(HERE / "plain" / script)


@contextmanager
def server(*arguments: object) -> Iterator[int]:
    """Run the server on the last core that this process may use; give its port."""
    command = [sys.executable, "-m", "benchmarks.instant_server", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module
    os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
    try:
        yield int(process.stdout.readline() if process.stdout else 0)
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def rows_at(port: int) -> int:
    """Return how many leads the server has taken or given so far."""
    return int(requests.get(f"http://127.0.0.1:{port}/", timeout=60).content)


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    stdin: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Took:
    """Run a command on the first core that this process may use; what it prints is thrown away.

    Raises:
        FailedError: It ended with another code than 0.
    """
    report = cwd / "took.json"
    core = str(min(os.sched_getaffinity(0)))
    launcher = (sys.executable, "-IS", str(HERE / "launch.py"), core, str(report), *command)
    settings = {**os.environ, "RUNTIME__DLTHUB_TELEMETRY": "false", **(environment or {})}
    with (stdin or Path(os.devnull)).open("rb") as source, tempfile.TemporaryFile() as said:
        done = subprocess.run(  # noqa: S603 - see server
            launcher, stdin=source, stdout=subprocess.DEVNULL, stderr=said, env=settings, cwd=cwd, check=False
        )
        if done.returncode:
            said.seek(0)
            raise FailedError(f"{command[:2]} ended with code {done.returncode}: {said.read()[-2_000:].decode()}")
    found = json.loads(report.read_text(encoding="ascii"))
    return Took(found["seconds"], found["cpu"], found["peak_kib"] / 1024)


def compare(
    contenders: Sequence[Contender],
    *,
    records: int,
    runs: int,
    folder: Path,
    port: int,
    starts: dict[str, list[Took]],
    say: Callable[[str], None],
) -> list[Figures]:
    """Run all of them in turns, so that a busy moment of the machine hits all.

    `starts` is what it takes each of them to start: those that it lacks are measured and added, for the scenes to come.

    Raises:
        FailedError: One failed, or sent or read another number of leads than it was to.
    """
    unmeasured = [each for each in contenders if each.name not in starts]
    wholes: dict[str, list[Took]] = {each.name: [] for each in contenders}
    for number in range(runs):
        for each in contenders:
            if each in unmeasured:
                command = (*each.command, *each.small)
                took = run(command, cwd=folder, stdin=each.stdin_small, environment=each.environment)
                starts.setdefault(each.name, []).append(took)
            before = rows_at(port)
            took = run((*each.command, *each.whole), cwd=folder, stdin=each.stdin_whole, environment=each.environment)
            wholes[each.name].append(took)
            if (moved := rows_at(port) - before) != records:
                raise FailedError(f"{each.name} moved {moved} records instead of {records}")
            say(f"run {number + 1} of {runs}: {each.name}: {took.seconds:.1f} s, {took.cpu:.1f} s of CPU")
    return [Figures(each.name, records, wholes[each.name], starts[each.name]) for each in contenders]
