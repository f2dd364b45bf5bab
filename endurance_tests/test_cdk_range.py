"""The source runs on the lowest and on the newest CDK that the project admits, not only on the pinned one."""

import re
import shutil
import subprocess
import sys
import venv
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from squadstack_emulator import Campaign, Emulator, Portal, PortalCampaign, Scenario
from test_support import configs
from test_support.catalogs import configured
from test_support.connectors import Connector
from test_support.project import project

ROOT = Path(__file__).parents[1]
OF_THE_WHEEL = [
    "source_squadstack",
    "destination_squadstack",
    "squadstack_common",
    "pyproject.toml",
    "README.md",
    "LICENSE",
]
SEEDED = {"seed_from": datetime(2026, 1, 1, tzinfo=UTC), "seed_to": datetime(2026, 3, 1, tzinfo=UTC)}
SCENARIO = Scenario(
    campaigns=(Campaign(responses=120, unprocessed=5, **SEEDED),),
    calls_per_minute=None,
    portal=Portal(campaigns=(PortalCampaign(leads=12, activities=15, **SEEDED),), queues=2),
)


def cdk() -> Requirement:
    """Return what pyproject.toml asks for."""
    requirements = map(Requirement, project()["dependencies"])
    return next(requirement for requirement in requirements if requirement.name == "airbyte-cdk")


def lowest() -> str:
    return min((bound.version for bound in cdk().specifier if bound.operator == ">="), key=Version)


def newest() -> str:
    """Ask the package index."""
    asked = pip("index", "versions", "airbyte-cdk", "--timeout", "10", "--retries", "1", check=False)
    told = re.search(r"^Available versions: (.+)$", asked.stdout, re.MULTILINE)
    if not told:
        pytest.skip("pip reaches no package index that has airbyte-cdk, so nobody knows which version is the newest")
    return max(cdk().specifier.filter(told[1].split(", ")), key=Version)


def pip(*arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    return subprocess.run(command, check=check, capture_output=True, text=True)


def source_on(cdk_version: str, directory: Path) -> Connector:
    """Return the console script on that CDK: the installed one, or one of an environment made for it."""
    if cdk_version == installed_version("airbyte-cdk"):
        return Connector("source-squadstack", directory)
    # Built from a copy: setuptools leaves its traces where it builds.
    copy, environment = directory / "checkout", directory / "environment"
    copy.mkdir()
    for name in OF_THE_WHEEL:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, copy / name)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", directory, copy)
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    pip("--python", python, "install", f"airbyte-cdk=={cdk_version}", next(directory.glob("*.whl")))
    return Connector(str(environment / "bin" / "source-squadstack"), directory)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A directory that goes at once, where pytest would keep those of three runs: an environment is 370 MB."""
    yield tmp_path
    shutil.rmtree(tmp_path)


def held(emulator: Emulator) -> dict[str, int]:
    """Return how many rows of each stream the emulator has."""
    queues = emulator.portal_queues()
    return {
        "lead_responses": SCENARIO.campaigns[0].responses,
        "leads": len(emulator.leads()),
        "contact_center_campaigns": len(SCENARIO.portal.campaigns),
        "contact_center_leads": len(emulator.portal_leads()),
        "contact_center_activity": len(emulator.portal_activities()),
        "contact_center_queues": len(queues),
        "contact_center_queue_agents": sum(len(queue["agents"]) for queue in queues),
    }


@pytest.mark.parametrize("bound", [lowest, newest])
def test_check_and_read_work_on_both_ends_of_the_range_of_cdks(bound: Callable[[], str], directory):
    source = source_on(bound(), directory)
    with Emulator(SCENARIO) as emulator:
        checked = source.run_anew("check", config=configs.both_accounts(emulator))
        streams = held(emulator)
        catalog = configured(*streams, incremental={"lead_responses", "contact_center_activity"})
        read = source.run_anew("read", config=configs.both_accounts(emulator), catalog=catalog)
        emulator.assert_clean()
    assert checked.status == {"status": "SUCCEEDED"}
    assert read.code == 0, read.errors
    assert Counter(record["stream"] for record in read.of("RECORD")) == streams
    assert {state["stream"]["stream_descriptor"]["name"] for state in read.states} == set(streams)
