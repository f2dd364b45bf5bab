"""The connectors by their console scripts."""

from collections.abc import Callable

import pytest

from test_support.connectors import Connector, Message, configured


@pytest.fixture(scope="session")
def catalog_of() -> Callable[..., Message]:
    """Return what makes a configured catalog of streams, incremental ones by their names."""
    return configured


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Connector:
    """Return the console script `source-squadstack`."""
    return Connector("source-squadstack", tmp_path_factory.mktemp("source"))
