"""docs/clients.md says which clients run the connectors, at which versions and how: all as it is tested."""

import re
from pathlib import Path

import pytest

PAGE = "docs/clients.md"
# The folder of a client's requirements -> the package that is the client.
CLIENTS = {
    "clients/pyairbyte": "airbyte",
    "clients/airbyte_serverless": "airbyte-serverless",
    "clients/airbyte_cdk": "airbyte-cdk",
    "clients/builder_cdk": "airbyte-cdk",
    "clients/jsonschema": "jsonschema",
    "examples/dagster": "dagster",
}
# Environments of what looks at the connectors and runs no command of theirs.
CHECKERS = {"clients/airbyte_qa"}
ROW = re.compile(r"^\| .*\(`([a-z-]+)`\) \| (\S+) \| ([a-z, ]+) \| .+ \|$", re.MULTILINE)
COMMANDS = {"spec", "check", "discover", "read", "write"}


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / PAGE).read_text(encoding="utf-8")


def pinned(root: Path, package: str, requirements: str) -> str:
    pin = re.search(rf"^{package}(?:\[\S+\])?==(\S+)", (root / requirements).read_text(encoding="utf-8"), re.MULTILINE)
    assert pin, f"{requirements} does not pin {package}"
    return pin[1]


def test_the_table_names_every_client_with_the_version_that_is_tested(root: Path, page: str):
    listed = {(package, version) for package, version, _ in ROW.findall(page)}

    assert listed == {(package, pinned(root, package, f"{at}/requirements.txt")) for at, package in CLIENTS.items()}


def test_the_table_names_commands_that_a_connector_has(page: str):
    for package, _, commands in ROW.findall(page):
        assert set(commands.split(", ")) <= COMMANDS, package


def test_every_client_that_has_requirements_is_tested_and_in_the_table(root: Path):
    folders = {path.parent.relative_to(root).as_posix() for path in root.glob("*/*/requirements.in")}
    targets = re.search(r"^CLIENTS = (.+)$", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

    assert folders - CHECKERS == set(CLIENTS)
    assert targets
    assert {Path(folder).name for folder in CLIENTS} == set(targets[1].split())


def test_the_scripts_on_the_page_are_those_that_are_tested(root: Path, page: str):
    shown = dict(re.findall(r"<!-- (\S+) -->\n```python\n(.*?)```", page, re.DOTALL))

    assert shown == {path: (root / path).read_text(encoding="utf-8") for path in shown}
    assert len(shown) == 4


def test_the_cdk_whose_suite_is_run_is_the_one_that_the_connectors_use(root: Path):
    used = pinned(root, "airbyte-cdk", "requirements.txt")

    assert pinned(root, "airbyte-cdk", "clients/airbyte_cdk/requirements.txt") == used
