"""The CDK's standard tests of a source, the catalog's advice included, with every stream read from the emulator."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.test.standard_tests import ConnectorTestScenario, DeclarativeSourceTestSuite

from source_squadstack.source import SourceSquadstack
from squadstack_emulator import Campaign, Emulator, Portal, PortalCampaign, Scenario
from test_support import configs
from test_support.fake_receiver import Receiver, stored

SEEDED = {"seed_from": datetime(2026, 1, 1, tzinfo=UTC), "seed_to": datetime(2026, 3, 1, tzinfo=UTC)}
SCENARIO = Scenario(
    campaigns=(Campaign(responses=25, unprocessed=5, **SEEDED),),
    calls_per_minute=None,
    portal=Portal(campaigns=(PortalCampaign(leads=12, activities=15, **SEEDED),), queues=2),
)


def webhooks(receiver: Receiver, **section: Any) -> dict[str, Any]:
    return {"webhooks": {**receiver.config["webhooks"], **section}}


ACCEPTED = {
    "SquadStack v4": (configs.source, {}),
    "SquadStack v1": (configs.source, {"api_version": "v1"}),
    "contact center": (configs.contact_center, {}),
    "webhooks": (webhooks, {}),
}
REFUSED = {
    "wrong token": (configs.source, {"token": "wrong-token"}),
    "unknown campaign": (configs.source, {"campaign_ids": ["UNKNOWN"]}),
    "wrong password": (configs.contact_center, {"password": "wrong-password"}),
    "wrong pull token": (webhooks, {"token": "wrong-token"}),
}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(SCENARIO) as emulator:
        yield emulator
        emulator.assert_clean()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver(stored(30)) as receiver:
        yield receiver


class TestSource(DeclarativeSourceTestSuite):
    # The suite's tests of an image ask for Docker; ours are built by `make image` and hold the same console script.
    locals().update({name: None for name in dir(DeclarativeSourceTestSuite) if name.startswith("test_docker_image_")})

    # Not the suite's get_scenarios(): it is asked before any test runs, when the emulator has no address yet.
    @pytest.fixture(params=ACCEPTED)
    def scenario(self, request, emulator, receiver, tmp_path) -> ConnectorTestScenario:
        return scenario_of(ACCEPTED[request.param], "succeed", emulator, receiver, tmp_path)

    @classmethod
    def create_connector(cls, scenario: ConnectorTestScenario | None) -> SourceSquadstack:
        """Build the package's own source: the suite would run the manifest without `source.py`."""
        return SourceSquadstack(config=json.loads(scenario.config_path.read_text()) if scenario else None)


class TestRefusedSource(TestSource):
    test_spec = None  # takes no scenario, so it would be the same again
    test_discover = None  # asks nothing of the API, so there is nothing to refuse

    @pytest.fixture(params=REFUSED)
    def scenario(self, request, emulator, receiver, tmp_path) -> ConnectorTestScenario:
        return scenario_of(REFUSED[request.param], "failed", emulator, receiver, tmp_path)


def scenario_of(asked, status: str, emulator: Emulator, receiver: Receiver, directory: Path) -> ConnectorTestScenario:
    """Return a scenario of the suite with its config in a file, as the suite's own have it."""
    section, changes = asked
    path = directory / "config.json"
    path.write_text(json.dumps(section(receiver if section is webhooks else emulator, **changes)))
    return ConnectorTestScenario(config_path=path, status=status)
