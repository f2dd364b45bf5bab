"""The images that `make image-test` built, and the figures that it ends with."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.images import base
from tools.images.build import image_name
from tools.images.container import Image
from tools.images.engine import Engine, find

ROOT = Path(__file__).parents[1]
FIGURES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was measured."""
    if config.stash[FIGURES]:
        terminalreporter.section("figures")
        for line in config.stash[FIGURES]:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return what keeps a measured figure for the end of the run."""
    return request.config.stash[FIGURES].append


@pytest.fixture(scope="session")
def engine() -> Engine:
    return find()


@pytest.fixture(scope="session")
def base_name(engine: Engine) -> str:
    return base.choose(engine)


@pytest.fixture(scope="session")
def version() -> str:
    """The version that the Dockerfile builds; a unit test holds it to pyproject.toml."""
    return (ROOT / "Dockerfile").read_text(encoding="utf-8").split("ARG VERSION=")[1].split()[0]


@pytest.fixture
def image_of(engine: Engine, tmp_path: Path) -> Iterator[Callable[[str], Image]]:
    """Return what gives the image of a target."""
    given: list[Image] = []
    directory = tmp_path / "config"
    directory.mkdir()
    directory.chmod(0o755)

    def image(target: str) -> Image:
        if not engine.has(image_name(target)):
            pytest.fail(f"There is no {image_name(target)}: `make image-test` builds it and runs these tests.")
        given.append(Image(engine, target, directory))
        return given[-1]

    yield image
    for each in given:
        each.close()


@pytest.fixture
def source(image_of: Callable[[str], Image]) -> Image:
    return image_of("source")


@pytest.fixture
def destination(image_of: Callable[[str], Image]) -> Image:
    return image_of("destination")
