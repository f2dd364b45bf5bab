"""What several tests of the project's files read."""

import json
import runpy
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml

METADATA = {"source": "metadata.yaml", "destination": "destination_squadstack/metadata.yaml"}


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def setup_arguments(root: Path) -> dict[str, Any]:
    """The keyword arguments that setup.py hands to setuptools: what it says, without building anything."""
    with patch("setuptools.setup") as setup:
        runpy.run_path(str(root / "setup.py"))
    return dict(setup.call_args.kwargs)


@pytest.fixture(scope="session")
def version(setup_arguments: dict[str, Any]) -> str:
    return str(setup_arguments["version"])


@pytest.fixture(params=METADATA)
def kind(request: pytest.FixtureRequest) -> str:
    """A test that takes it runs for the source and for the destination."""
    return str(request.param)


@pytest.fixture
def metadata_path(root: Path, kind: str) -> Path:
    return root / METADATA[kind]


@pytest.fixture
def metadata(metadata_path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(metadata_path.read_text(encoding="utf-8"))["data"])


@pytest.fixture(scope="session")
def specs(root: Path) -> dict[str, dict[str, Any]]:
    """What each connector asks of its user: the JSON schema of its config."""
    manifest = yaml.safe_load((root / "source_squadstack/manifest.yaml").read_text(encoding="utf-8"))
    declared = json.loads((root / "destination_squadstack/spec.json").read_text(encoding="utf-8"))
    return {
        "source": manifest["spec"]["connection_specification"],
        "destination": declared["connectionSpecification"],
    }


@pytest.fixture
def spec(specs: dict[str, dict[str, Any]], kind: str) -> dict[str, Any]:
    return specs[kind]
