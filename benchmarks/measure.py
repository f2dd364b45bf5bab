"""Runs the contenders of a scenario in turns and returns what each run took."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import requests

from benchmarks.figures import Figures, Run
from benchmarks.scenario import HERE, Command, Contender, Scenario, Setup

_RECORD = re.compile(rb'"type": ?"RECORD"')
_COUNT = re.compile(rb"^records: (\d+)$", re.MULTILINE)
# Without compiled modules on disk each start would compile them, which no user's does.
_DROPPED = ("PYTHONDONTWRITEBYTECODE",)


class FailedError(RuntimeError):
    """A contender ended with an error, or did other work than was asked."""


def measure(
    scenario: Scenario, records: int, runs: int, starts: dict[str, list[Run]], say: Callable[[str], None]
) -> list[Figures]:
    """Run all contenders of a scenario in turns, so that a busy moment of the machine hits all.

    `starts` is what it takes to start, by contender: it is measured once and taken over by later scenarios.

    Raises:
        FailedError: One failed, or moved another number of records than it was to.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as root, ExitStack() as stack:
        setup = Setup(Path(root), records, stack)
        contenders = scenario.prepare(setup)
        known = set(starts)
        took: dict[str, list[Run]] = {each.name: [] for each in contenders}
        for number in range(runs):
            for each in contenders:
                if each.start and each.name not in known:
                    starts.setdefault(each.name, []).append(run(each.start, setup))
                if each.runs is None or number < each.runs:
                    each.before()
                    took[each.name].append(_counted(each, setup))
                    done = took[each.name][-1]
                    say(f"run {number + 1} of {runs}: {each.name}: {done.seconds:.1f} s, {done.cpu:.1f} s of CPU")
    return [Figures(one.name, one.records, took[one.name], starts[one.name] if one.start else ()) for one in contenders]


def _counted(contender: Contender, setup: Setup) -> Run:
    _counts(setup)
    took = run(contender.whole, setup)
    counts = _counts(setup)
    printed = (setup.folder / "out").read_bytes()
    told = _COUNT.search(printed)
    moved = counts["leads"] + (int(told[1]) if told else len(_RECORD.findall(printed)))
    if moved != contender.records:
        raise FailedError(f"{contender.name} moved {moved} records instead of {contender.records}")
    kept = sum(path.stat().st_size for path in contender.keeps.rglob("*") if path.is_file()) if contender.keeps else 0
    return replace(took, calls=counts["calls"], refused=counts["refused"], kept=kept / 1_000_000)


def _counts(setup: Setup) -> dict[str, int]:
    counts: dict[str, int] = requests.get(f"{setup.address}/", timeout=60).json()
    return counts


def run(command: Command, setup: Setup) -> Run:
    """Run a command on the first core that this process may use; what it prints goes to the file `out`.

    Raises:
        FailedError: It ended with another code than 0.
    """
    report, core = setup.folder / "took.json", str(min(os.sched_getaffinity(0)))
    launcher = (sys.executable, "-IS", str(HERE / "launch.py"), core, str(report), *command.arguments)
    inherited = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    settings = {**inherited, "RUNTIME__DLTHUB_TELEMETRY": "false", **command.environment}
    with (
        (command.stdin or Path(os.devnull)).open("rb") as stdin,
        (setup.folder / "out").open("wb") as out,
        tempfile.TemporaryFile() as said,
    ):
        done = subprocess.run(  # noqa: S603 - our own commands
            launcher, stdin=stdin, stdout=out, stderr=said, env=settings, cwd=setup.folder, check=False
        )
        if done.returncode:
            said.seek(0)
            ending = said.read()[-2_000:] + (setup.folder / "out").read_bytes()[-2_000:]
            raise FailedError(f"{command.arguments[:2]} ended with code {done.returncode}: {ending.decode()}")
    return Run(**json.loads(report.read_text(encoding="ascii")))
