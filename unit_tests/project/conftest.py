"""What several tests of the project's files read."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from test_support.project import project

METADATA = {"source": "metadata.yaml", "destination": "destination_squadstack/metadata.yaml"}


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def version() -> str:
    return str(project()["version"])


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
