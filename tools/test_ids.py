"""Collect the tests twice, at different times and under different hash seeds, and compare their names.

A name with a moment, a hash, a random number or a temporary folder in it differs from worker to worker: the run ends
with "Different tests were collected", and nobody can repeat the test by its name.
"""

import datetime as dt
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from difflib import unified_diff
from pathlib import Path
from typing import Self

import pytest

ROOT = Path(__file__).parents[1]
ENOUGH_TO_SEE = 40
# A name that begins so goes on from the one above it, which a list of failures does not show.
GOES_ON = re.compile(r"::test_(?:and|but|or|nor|so|yet|it|they)_")
TRUE_DATETIME = dt.datetime


class Names:
    """A plugin that keeps the names of what is collected."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep them."""
        self.found = [item.nodeid for item in session.items]


def shift_clock(seconds: float) -> None:
    """Move the clocks that Python code reads; what has been imported `from` them before keeps the true ones."""
    true_time, true_ns = time.time, time.time_ns

    class OfDatetime(type):
        # A true moment stays an instance: libraries ask.
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, TRUE_DATETIME)

        def __subclasscheck__(cls, subclass: type) -> bool:
            return issubclass(subclass, TRUE_DATETIME)

    class ShiftedDatetime(dt.datetime, metaclass=OfDatetime):
        __slots__ = ()  # compiled modules compare the size of the class

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Self:
            return super().now(tz) + dt.timedelta(seconds=seconds)

        @classmethod
        def today(cls) -> Self:
            return cls.now()

    time.time = lambda: true_time() + seconds
    time.time_ns = lambda: true_ns() + int(seconds * 10**9)
    dt.datetime = ShiftedDatetime  # type: ignore[misc]


def collect(arguments: list[str], seconds: float, target: Path) -> int:
    """Collect with a shifted clock, write the names to a file, and return pytest's exit code."""
    shift_clock(seconds)
    names = Names()
    with tempfile.TemporaryDirectory() as base:
        code = pytest.main(
            ["--collect-only", "-qq", "--no-header", "-n0", f"--basetemp={base}/{seconds}", *arguments], plugins=[names]
        )
    target.write_text("".join(f"{name}\n" for name in names.found))
    return int(code)


def main(arguments: list[str]) -> int:
    """Compare two collections of the tests that the arguments name, by default of all."""
    with tempfile.TemporaryDirectory() as folder:
        targets = [Path(folder) / "first", Path(folder) / "second"]
        started = [
            subprocess.Popen(  # noqa: S603  # this file
                [sys.executable, "-m", "tools.test_ids", "--collect", str(days), str(target), *arguments],
                cwd=ROOT,
                env={**os.environ, "PYTHONHASHSEED": str(days)},
                stdout=subprocess.PIPE,
                text=True,
            )
            for days, target in zip((1, 400), targets, strict=True)
        ]
        told = [process.communicate()[0] for process in started]
        if any(process.returncode for process in started):
            sys.stderr.write(told[0] + told[1])
            return 1
        first, second = (target.read_text().splitlines(keepends=True) for target in targets)
    if differing := list(unified_diff(first, second, "a day later", "400 days later", n=0)):
        sys.stderr.write("The names of these tests depend on the time, a hash seed, an order or chance:\n")
        sys.stderr.writelines(differing[:ENOUGH_TO_SEE])
        return 1
    if of_here := [name for name in first if str(ROOT) in name or tempfile.gettempdir() in name]:
        sys.stderr.write("The names of these tests hold a path of this machine:\n")
        sys.stderr.writelines(of_here[:ENOUGH_TO_SEE])
        return 1
    if unclear := [name for name in first if GOES_ON.search(name)]:
        sys.stderr.write("These names cannot be read without the name above them:\n")
        sys.stderr.writelines(unclear[:ENOUGH_TO_SEE])
        return 1
    if doubled := [name for name, count in Counter(first).items() if count > 1]:
        sys.stderr.write("These names stand for several tests:\n")
        sys.stderr.writelines(doubled[:ENOUGH_TO_SEE])
        return 1
    return 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--collect", days, target, *rest]:
            sys.exit(collect(rest, int(days) * 86_400.0, Path(target)))
        case rest:
            sys.exit(main(rest))
