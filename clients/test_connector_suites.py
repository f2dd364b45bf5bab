"""The CDK's `connector test`, each connector in a directory as it wants one, with the repository's own files."""

import json
import os
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

ROOT = Path(__file__).parents[1]


CDK = ROOT / ".clients/airbyte_cdk/bin/airbyte-cdk"
STAND_INS = ROOT / "clients/airbyte_cdk"
FILES = {"source-squadstack": ROOT, "destination-squadstack": ROOT / "destination_squadstack"}
# Section of acceptance-test-config.yml -> the test that has to have passed for each of its configs.
TESTS = {
    "spec": "test_config_matches_spec",
    "connection": "test_check",
    "discovery": "test_discover",
    "basic_read": "test_basic_read",
}
# A warning about the catalog is an error in a future CDK.
STRICT = "-Werror::airbyte_cdk.test.standard_tests.DiscoveredCatalogWarning"


@pytest.fixture
def accounts(source_config, destination_config) -> dict[str, Any]:
    """Connector -> what somebody with an account writes to the config below secrets/."""
    return {
        "source-squadstack": {"squadstack": source_config["squadstack"]},
        "destination-squadstack": destination_config,
    }


@pytest.mark.parametrize("connector", FILES)
def test_the_suite_passes_with_every_config_that_the_connectors_file_lists(
    client, accounts, connector, tmp_path, emulator
):
    directory = tmp_path / "connectors" / connector
    directory.mkdir(parents=True)
    for name in ("metadata.yaml", "acceptance-test-config.yml"):
        shutil.copy(FILES[connector] / name, directory)
    listed = yaml.safe_load((directory / "acceptance-test-config.yml").read_text())["acceptance_tests"]
    for path in {entry["config_path"] for section in listed.values() for entry in section["tests"]}:
        given = accounts[connector] if "secrets" in Path(path).parts else refused(connector, path, emulator.url)
        written = directory / path
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(json.dumps(given))
    for path in {entry.get("configured_catalog_path") for section in listed.values() for entry in section["tests"]}:
        if path:
            shutil.copy(FILES[connector] / path, directory / path)

    client("airbyte_cdk").run(
        *(CDK, "connector", "test", f"{directory}", "--pytest-arg=-mnot image_tests", f"--pytest-arg={STRICT}"),
        PYTHONPATH=os.pathsep.join(filter(None, (str(STAND_INS), os.environ.get("PYTHONPATH")))),
    )

    passed = passed_tests(directory / "build/test-results/standard-tests-junit.xml")
    for section in listed.keys() & TESTS.keys():
        configs = {Path(entry["config_path"]).stem for entry in listed[section]["tests"]}
        assert configs <= passed[TESTS[section]], section
    assert emulator.request_log.calls


def refused(connector: str, path: str, url: str) -> Any:
    """Return a config of the repository that is to be refused: by the emulator, not by the real API."""
    config = json.loads((FILES[connector] / path).read_text())
    config["squadstack"]["base_url"] = url
    return config


def passed_tests(report: Path) -> dict[str, set[str]]:
    """Return the tests that passed, with the configs of each."""
    found: dict[str, set[str]] = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        if len(case) == 0:
            name, _, scenario = case.attrib["name"].partition("[")
            found.setdefault(name, set()).add(scenario.partition("'")[2].partition("'")[0])
    return found
