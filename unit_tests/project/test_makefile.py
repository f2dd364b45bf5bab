"""`make` tells what it can do, and what it tells is true."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


def make(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Under `make test` the outer make would hand its own flags to this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *arguments], cwd=root, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def targets(root: Path) -> list[str]:
    return re.findall(r"^\.PHONY: (\S+)$", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_help_lists_every_target_with_what_it_does(root: Path, targets: list[str]):
    told = dict(line.split(maxsplit=2)[1:] for line in make(root, "help").stdout.splitlines())

    assert list(told) == targets
    assert all(told.values())


def test_make_without_a_target_shows_the_help(root: Path):
    assert make(root).stdout == make(root, "help").stdout


def test_every_target_can_be_planned_without_a_complaint(root: Path, targets: list[str]):
    # Looking for an interpreter takes a quarter of a minute where a version manager stands in the way.
    planned = make(root, "--dry-run", "--always-make", f"PYTHON={sys.executable}", "ENGINE=docker", *targets)

    assert (planned.returncode, planned.stderr) == (0, "")
