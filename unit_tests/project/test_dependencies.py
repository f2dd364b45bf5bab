"""Every dependency has its reason, and every file that installs one agrees with the others."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from test_support.project import project

WORKSHOP = {"connectors", "emulator", "webhooks", "dev"}
# What each folder may import: a connector runs from a wheel, all else in a checkout.
MAY_IMPORT = {
    "squadstack_common": {"connectors"},
    "source_squadstack": {"connectors"},
    "destination_squadstack": {"connectors"},
    "webhooks_squadstack": {"webhooks"},
    "squadstack_emulator": {"connectors", "emulator"},
    "demo": WORKSHOP,
    "tools": {"connectors", "dev"},
    "benchmarks": WORKSHOP,
    "test_support": WORKSHOP,
    "unit_tests": WORKSHOP,
    "integration_tests": WORKSHOP,
    "endurance_tests": WORKSHOP,
    "image_tests": WORKSHOP,
    "clients": WORKSHOP,
}
# Their requirements lie beside them, for environments of their own.
PEERS = Path("benchmarks/peers")
CLIENTS = Path("clients")
CLIENT_REQUIREMENTS = [
    "clients/pyairbyte/requirements.txt",
    "clients/airbyte_serverless/requirements.txt",
    "clients/airbyte_cdk/requirements.txt",
    "clients/airbyte_qa/requirements.txt",
    "clients/builder_cdk/requirements.txt",
    "clients/jsonschema/requirements.txt",
    "examples/dagster/requirements.txt",
]
REQUIREMENTS = ["requirements.txt", "requirements-dev.txt", "requirements-webhooks.txt", "requirements-release.txt"]
REASON = re.compile(r"^\| `([A-Za-z0-9._-]+)` \| (connectors|emulator|webhooks|dev|release) \| (.+) \|$", re.MULTILINE)
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", re.MULTILINE)
HASHED_PIN = re.compile(r"[a-z0-9._-]+(\[[a-z0-9, -]+\])?==\S+( ;.*?)?( +--hash=sha256:[0-9a-f]{64})+")


@pytest.fixture
def lists() -> dict[str, list[Requirement]]:
    """What each of connectors, emulator, webhooks, dev, release asks for."""
    lists = {"connectors": project()["dependencies"], **project()["optional-dependencies"]}
    return {asker: list(map(Requirement, requirements)) for asker, requirements in lists.items()}


@pytest.fixture
def asked(lists: dict[str, list[Requirement]]) -> dict[str, Requirement]:
    """Package -> its range in pyproject.toml."""
    every = chain.from_iterable(lists.values())
    return {canonicalize_name(requirement.name): requirement for requirement in every}


@pytest.fixture
def askers(lists: dict[str, list[Requirement]]) -> dict[str, str]:
    """Package -> the first of connectors, emulator, webhooks, dev, release that asks for it."""
    first: dict[str, str] = {}
    for asker, requirements in lists.items():
        for requirement in requirements:
            first.setdefault(canonicalize_name(requirement.name), asker)
    return first


@pytest.fixture
def pins(root: Path) -> dict[str, dict[str, str]]:
    """Requirements file -> package -> version."""
    texts = {name: (root / name).read_text(encoding="utf-8") for name in REQUIREMENTS}
    return {
        name: {canonicalize_name(package): version for package, version in PIN.findall(text)}
        for name, text in texts.items()
    }


def test_contributing_gives_a_reason_for_each_dependency_and_for_no_other_package(root: Path, askers: dict[str, str]):
    rows = REASON.findall((root / "CONTRIBUTING.md").read_text(encoding="utf-8"))

    assert {canonicalize_name(name): asker for name, asker, _ in rows} == askers


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_code_imports_no_package_that_the_project_does_not_ask_for(
    root: Path, lists: dict[str, list[Requirement]], folder: str
):
    declared = {canonicalize_name(requirement.name) for asker in MAY_IMPORT[folder] for requirement in lists[asker]}
    installed = packages_distributions()
    undeclared = {
        f"{path.relative_to(root)} imports {module}"
        for path in (root / folder).rglob("*.py")
        if root / PEERS not in path.parents and path.parents[1] != root / CLIENTS
        for module in imported_modules(path)
        if module not in {*sys.stdlib_module_names, *MAY_IMPORT}
        and not declared & {canonicalize_name(name) for name in installed.get(module, [])}
    }

    assert undeclared == set()


def imported_modules(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module.partition(".")[0])
    return modules


# The contracts of `import-linter` hold the packages apart; tests lie in folders that are none.
@pytest.mark.parametrize("folder", ["unit_tests", "integration_tests", "endurance_tests", "image_tests", "clients"])
def test_no_test_imports_another_test_or_benchmarks_or_the_demo(root: Path, folder: str):
    forbidden = {"unit_tests", "integration_tests", "endurance_tests", "image_tests", "clients", "benchmarks", "demo"}
    allowed = {"endurance_tests"} if folder == "endurance_tests" else set()  # its own tools
    found = {
        f"{path.relative_to(root)} imports {module}"
        for path in (root / folder).rglob("*.py")
        for module in imported_modules(path) & (forbidden - allowed)
    }

    assert found == set()


@pytest.mark.parametrize("name", [*REQUIREMENTS, *CLIENT_REQUIREMENTS])
def test_every_requirement_is_pinned_and_hashed(root: Path, name: str):
    text = re.sub(r"^ *#.*\n", "", (root / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    requirements = [line for line in text.replace("\\\n", "").splitlines() if line]

    assert requirements
    assert [requirement for requirement in requirements if not HASHED_PIN.fullmatch(requirement)] == []


@pytest.mark.parametrize("name", [*REQUIREMENTS, *CLIENT_REQUIREMENTS])
def test_requirements_name_no_index_no_address_and_no_path(root: Path, name: str):
    lines = (root / name).read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if line.startswith("-") or "://" in line or " @ " in line] == []


def test_the_peers_of_the_benchmarks_are_pinned_beside_them_and_nowhere_else(root: Path):
    for peer in (root / PEERS).iterdir():
        name = (peer / "requirements.in").read_text(encoding="utf-8").split()[0]
        assert re.search(rf"^{name}==", (peer / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
        assert not any(
            re.search(rf"^{name}==", (root / ours).read_text(encoding="utf-8"), re.MULTILINE) for ours in REQUIREMENTS
        )


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-webhooks.txt"])
def test_images_install_the_versions_that_the_tests_ran_with(pins: dict[str, dict[str, str]], name: str):
    assert pins[name].items() <= pins["requirements-dev.txt"].items()


def test_the_receivers_image_installs_what_it_asks_for_and_nothing_of_the_connectors(
    lists: dict[str, list[Requirement]], pins: dict[str, dict[str, str]]
):
    pinned = set(pins["requirements-webhooks.txt"])
    asked, connectors = ({canonicalize_name(one.name) for one in lists[name]} for name in ("webhooks", "connectors"))

    assert asked <= pinned
    assert pinned & connectors <= asked


def test_the_pins_fit_the_ranges_of_the_project(
    asked: dict[str, Requirement], askers: dict[str, str], pins: dict[str, dict[str, str]]
):
    pins_of = {
        "connectors": pins["requirements.txt"],
        "emulator": pins["requirements-dev.txt"],
        "webhooks": pins["requirements-webhooks.txt"],
        "dev": pins["requirements-dev.txt"],
        "release": pins["requirements-release.txt"],
    }
    pinned = {name: pins_of[asker].get(name, "none") for name, asker in askers.items() if asker in pins_of}

    assert [f"{asked[name]} is pinned to {pin}" for name, pin in pinned.items() if not fits(asked[name], pin)] == []


def fits(requirement: Requirement, pin: str) -> bool:
    return pin != "none" and pin in requirement.specifier


def test_images_install_nothing_that_only_development_needs(askers: dict[str, str], pins: dict[str, dict[str, str]]):
    development = {name for name, asker in askers.items() if asker != "connectors"}
    needed_by_the_cdk_too = {"packaging", "pyyaml", "rich", "setuptools"}

    assert development & set(pins["requirements.txt"]) <= needed_by_the_cdk_too
