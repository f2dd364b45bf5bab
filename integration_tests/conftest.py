"""The connectors by their console scripts."""

from pathlib import Path

import pytest

from test_support.connectors import Connector


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Connector:
    """Return the console script `source-squadstack`."""
    return Connector("source-squadstack", tmp_path_factory.mktemp("source"))


@pytest.fixture
def destination(tmp_path: Path) -> Connector:
    """Return the console script `destination-squadstack`; it waits as long as it says."""
    return Connector("destination-squadstack", tmp_path, waits=True)
