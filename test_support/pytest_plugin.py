"""The pytest plugin of this repository: tests run in a random order that can be repeated, properties likewise.

`--order-seed=N` names the order, `--order-seed=random` draws a new one, `--order-seed=none` keeps that of the files.
The seed is printed. Files are shuffled, and the tests within each, so that what a file sets up is made once.

Hypothesis runs the same examples each time. `--hypothesis-profile=endurance` runs ten times as many, new ones.
"""

import random
import sys
from itertools import groupby
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Speed decides nothing: a busy machine may take seconds for an example, and for drawing its input.
_UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", _UNHURRIED, derandomize=True, database=None)
settings.register_profile("endurance", _UNHURRIED, max_examples=1_000, print_blob=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption(
        "--order-seed", default="1", help="the order of the tests: a number (default: 1), 'random' or 'none'"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Draw the seed, in the main process alone: workers must agree on the order, and are told of it."""
    if told := getattr(config, "workerinput", {}).get("order_seed"):
        config.option.order_seed = told
    if config.option.order_seed == "random":
        config.option.order_seed = str(random.SystemRandom().randrange(10**6))
    # Not over a profile that the command line names: hypothesis has loaded that one.
    if not config.getoption("--hypothesis-profile", default=None):
        settings.load_profile("repeatable")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist the seed."""
    node.workerinput["order_seed"] = node.config.option.order_seed


def pytest_report_header(config: pytest.Config) -> str:
    """Say how to repeat this order."""
    return f"order: --order-seed={config.option.order_seed}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Shuffle the files, and the tests of each."""
    if config.option.order_seed != "none":
        items[:] = shuffled(items, config.option.order_seed)


def shuffled(items: list[pytest.Item], seed: str) -> list[pytest.Item]:
    """Return the tests in the order of a seed; where a test stands depends on nothing but the seed and the tests."""
    draw = random.Random(seed)  # an order is no secret
    files = [list(tests) for _, tests in groupby(items, lambda item: item.path)]
    draw.shuffle(files)
    for tests in files:
        draw.shuffle(tests)
    return [item for tests in files for item in tests]


@pytest.fixture(autouse=True)
def _no_secrets_of_other_tests() -> None:
    """Forget what tests before had masked in this process: a token named "token" would be masked in each sentence."""
    if masking := sys.modules.get("squadstack_common.secrets"):
        masking.mask_only(())
    if cdk := sys.modules.get("airbyte_cdk.utils.airbyte_secrets_utils"):
        cdk.update_secrets([])
