"""What an image is made of: small, labelled, for a user without rights, and nothing of the workshop in it."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from tools.images.build import CONNECTORS, TARGETS, image_name
from tools.images.container import Image
from tools.images.engine import Engine

MEGABYTE = 1_000_000
MAX_MEGABYTES_OVER_THE_BASE = 350


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest) -> str:
    """A test that takes it runs for every image."""
    return str(request.param)


@pytest.fixture
def image(image_of: Callable[[str], Image], target: str) -> Image:
    return image_of(target)


for_connectors = pytest.mark.parametrize("target", CONNECTORS)


def test_an_image_is_at_most_350_mb_larger_than_its_base(
    engine: Engine, image: Image, target: str, base_name: str, figure: Callable[[str], None]
):
    base = engine.size(base_name) / MEGABYTE
    over = engine.size(image.name) / MEGABYTE - base
    figure(f"{target}: {over:.0f} MB over a base of {base:.0f} MB")

    assert 0 < over <= MAX_MEGABYTES_OVER_THE_BASE


@for_connectors
def test_the_labels_name_the_repository_and_the_version(image: Image, engine: Engine, target: str, version: str):
    labels = engine.inspect(image.name)["Config"]["Labels"]

    assert labels["io.airbyte.name"] == f"squadstack/{target}-squadstack"
    assert labels["io.airbyte.version"] == version


@for_connectors
def test_a_platform_finds_the_command_that_the_image_starts(image: Image, engine: Engine):
    config = engine.inspect(image.name)["Config"]

    assert f"AIRBYTE_ENTRYPOINT={' '.join(config['Entrypoint'])}" in config["Env"]


def test_an_image_runs_as_a_number_that_is_not_root(image: Image, engine: Engine):
    assert int(engine.inspect(image.name)["Config"]["User"]) > 0


def test_an_image_holds_no_build_tool_of_ours_no_emulator_and_no_test(image: Image):
    unwanted = (
        "pip pip3 gcc cc make pytest mypy ruff squadstack_emulator unit_tests integration_tests image_tests demo tests"
    )
    # The interpreter is looked for too: an answer without it would be that of a search that does not work.
    names = " -o ".join(f"-name '{name}'" for name in [*unwanted.split(), "*.whl", "requirements*.txt", "python"])

    assert image.shell(f"find /opt \\( {names} \\)") == "/opt/squadstack/bin/python\n"


def test_nothing_that_only_the_build_needs_lies_in_an_image(image: Image):
    assert image.shell("find / -maxdepth 1 -name build -o -name wheels -o -name opt") == "/opt\n"


def test_nothing_that_let_the_build_reach_the_package_index_stays(image: Image):
    assert image.shell("cat /etc/pip.conf 2>/dev/null; ls /run/secrets 2>/dev/null; true") == ""


@for_connectors
def test_spec_says_in_the_image_what_it_says_in_a_checkout(image: Image, target: str, figure: Callable[[str], None]):
    command = [str(Path(sys.executable).with_name(f"{target}-squadstack")), "spec"]
    here = subprocess.run(command, capture_output=True, check=True).stdout
    took = []
    for _ in range(3):
        began = time.monotonic()
        there = image.run("spec")
        took.append(time.monotonic() - began)
        assert there.code == 0
        assert there.of("spec") == [each["spec"] for each in map(orjson.loads, here.splitlines()) if "spec" in each]
    figure(f"{target}: spec from a cold start in {statistics.median(took):.1f} s (median of 3)")


def test_the_engine_kills_what_takes_more_memory_than_it_may(engine: Engine, tmp_path: Path):
    # The control of the tests of 256 MiB: where nothing is limited, they would prove nothing.
    run = ["run", "--rm", "--network", "none", "--memory", "64m", "--memory-swap", "64m", "--entrypoint", "python"]
    greedy = engine.command(*run, *engine.run_options, image_name("source"), "-c", "len(bytearray(96 << 20))")

    # Podman leaves a file where it stood when a container ran out of memory.
    assert subprocess.run(greedy, cwd=tmp_path, capture_output=True, check=False).returncode == 137
