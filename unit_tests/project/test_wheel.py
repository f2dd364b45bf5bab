"""A wheel holds the two connectors and the receiver whole, and nothing of the workshop."""

import shutil
import subprocess
import sys
from email import message_from_string
from pathlib import Path
from zipfile import ZipFile

import pytest

from test_support.project import project

PACKAGES = ["source_squadstack", "destination_squadstack", "webhooks_squadstack", "squadstack_common"]
WORKSHOP = [
    "squadstack_emulator",
    "demo",
    "tools",
    "benchmarks",
    "test_support",
    "unit_tests",
    "integration_tests",
    "endurance_tests",
]
FILES = ["pyproject.toml", "README.md", "LICENSE"]


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """A wheel of this checkout, built as the image builds it: offline, by the setuptools that is installed."""
    checkout, wheels = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("wheels")
    for name in [*PACKAGES, *WORKSHOP]:
        if (root / name).is_dir():
            shutil.copytree(root / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        if (root / name).exists():
            shutil.copy(root / name, checkout)
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, wheels], cwd=checkout, check=True, capture_output=True)
    return ZipFile(next(wheels.glob("*.whl")))


def text(wheel: ZipFile, name: str) -> str:
    return wheel.read(next(member for member in wheel.namelist() if member.endswith(f".dist-info/{name}"))).decode()


def test_the_wheel_holds_every_file_of_the_connectors(root: Path, wheel: ZipFile):
    ours = {
        path.relative_to(root).as_posix()
        for package in PACKAGES
        for path in (root / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert ours - set(wheel.namelist()) == set()


def test_the_wheel_holds_no_emulator_no_demo_and_no_test(wheel: ZipFile):
    assert {name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" not in name} == set(PACKAGES)


def test_the_wheel_brings_every_command(wheel: ZipFile):
    commands = text(wheel, "entry_points.txt").strip().splitlines()

    assert commands[0] == "[console_scripts]"
    assert set(commands[1:]) == {f"{name} = {target}" for name, target in project()["scripts"].items()}


def test_the_wheel_says_its_version_and_license(wheel: ZipFile, version: str):
    said = message_from_string(text(wheel, "METADATA"))

    assert (said["Name"], said["Version"], said["License-Expression"]) == ("airbyte-squadstack", version, "MIT")


def test_a_checkout_that_is_installed_in_place_finds_the_emulator_from_anywhere(tmp_path: Path):
    command = [sys.executable, "-c", "import squadstack_emulator"]
    found = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)

    assert found.returncode == 0, found.stderr
