"""The page on installing reckons with the numbers that the code has."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.sources.declarative.incremental.concurrent_partition_cursor import ConcurrentPerPartitionCursor

from source_squadstack.check import SAMPLE
from source_squadstack.config import problems
from source_squadstack.manifest import load_manifest

MANIFEST = load_manifest()
ROW = re.compile(r"^\| ([\d,]+) \| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs/install.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def seconds() -> int:
    """The window in which the source makes `calls_per_minute` calls."""
    (policy,) = MANIFEST["api_budget"]["policies"]
    return int(policy["rates"][0]["interval"].removeprefix("PT").removesuffix("S"))


def test_the_minutes_of_a_sync_are_those_that_the_budget_gives(page: str, seconds: int):
    rows = [[float(cell.replace(",", "")) for cell in row] for row in ROW.findall(page)]
    assert len(rows) == 5
    for campaigns, calls, at_100, at_50 in rows:
        assert calls == campaigns
        assert at_100 == pytest.approx(calls / 100 * seconds / 60, abs=0.05)
        assert at_50 == pytest.approx(calls / 50 * seconds / 60, abs=0.05)


def test_the_page_says_how_many_campaigns_fit_in_an_hour_and_in_a_day(page: str, seconds: int):
    an_hour = 3600 * 100 / seconds
    assert f"more than {math.floor(an_hour / 100) * 100:,} campaigns hourly" in page
    assert f"or {math.floor(an_hour * 24 / 1000) * 1000:,} daily" in page


def test_the_limits_on_the_page_are_those_of_the_code(page: str):
    assert f"from the {SAMPLE + 1}st campaign on | It tries {SAMPLE}" in page
    assert f"above {ConcurrentPerPartitionCursor.SWITCH_TO_GLOBAL_LIMIT:,} campaigns" in page


def test_the_config_for_the_api_is_one_that_the_source_takes(page: str):
    (body,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    config = json.loads(body)["configuration"]
    config["squadstack"]["token"] = "a-token"
    assert problems(config, MANIFEST["spec"]["connection_specification"]) == []


def test_the_resources_that_the_page_advises_are_those_of_the_metadata(page: str, metadata: dict[str, Any]):
    (job,) = metadata["resourceRequirements"]["jobSpecific"]
    assert job["resourceRequirements"] == {
        "cpu_request": "0.25",
        "cpu_limit": "1",
        "memory_request": "256Mi",
        "memory_limit": "512Mi",
    }
    assert "Request 256 MiB and a quarter of a core for each connector, with limits of 512 MiB\nand one core" in page
