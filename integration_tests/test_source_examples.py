"""The example records of the docs are what the source reads from the emulator."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from squadstack_emulator import Campaign, Emulator, Portal, PortalCampaign, Scenario, Webhook
from test_support import configs
from test_support.catalogs import configured
from test_support.receiver_process import KEY, ReceiverProcess

PAGE = (Path(__file__).parents[1] / "docs/sources/squadstack.md").read_text(encoding="utf-8")
FROM, TO = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
SCENARIO = Scenario(
    campaigns=(Campaign(responses=3, unprocessed=1, seed_from=FROM, seed_to=TO),),
    portal=Portal(
        campaigns=(PortalCampaign(id="c1", leads=2, activities=3, seed_from=FROM, seed_to=TO),),
        queues=1,
    ),
)
OF_V4 = ("lead_responses",)
OF_V1_AND_PORTAL = (
    "outreach_events",
    "contact_center_campaigns",
    "contact_center_leads",
    "contact_center_activity",
    "contact_center_queues",
    "contact_center_queue_agents",
)


@pytest.fixture(scope="module")
def first_event(source, tmp_path_factory):
    """Return the first event that the webhook receiver was posted."""
    campaign = Campaign(unprocessed=1, seed_from=FROM, seed_to=TO)
    folder = tmp_path_factory.mktemp("webhooks")
    with ReceiverProcess(f"sqlite:///{folder}/webhooks.db", log=folder / "log") as receiver:
        webhook = Webhook(f"{receiver.url}/events/{KEY}")
        with Emulator(Scenario(campaigns=(campaign,), webhook=webhook)) as emulator:
            emulator.call_leads(last_at=FROM)
            assert emulator.wait_for_posts()
        read = source.run("read", config=receiver.config, catalog=configured("webhook_events"))
    assert read.code == 0, read.errors
    return read.records[0]


def test_the_example_of_the_webhook_events_is_the_first_that_was_posted(first_event):
    assert example_of("webhook_events") == {**first_event, "received_at": "2026-09-01T00:00:01.234567Z"}


@pytest.fixture(scope="module")
def first_records(source):
    """Return the first record of each stream."""
    found: dict[str, dict] = {}
    with Emulator(SCENARIO) as emulator:
        for version, streams in (("v4", OF_V4), ("v1", OF_V1_AND_PORTAL)):
            read = source.run(
                "read",
                config=configs.both_accounts(emulator, api_version=version, start_date="2026-09-01T00:00:00Z"),
                catalog=configured(*streams),
            )
            assert read.code == 0, read.errors
            for record in read.of("RECORD"):
                found.setdefault(record["stream"], record["data"])
    return found


@pytest.mark.parametrize("stream", [*OF_V4, *OF_V1_AND_PORTAL])
def test_the_example_of_a_stream_is_its_first_record(first_records, stream):
    record = first_records[stream]
    if "read_at" in record:
        record = {**record, "read_at": "2026-11-21T00:00:00Z"}
    assert example_of(stream) == record
    assert list(example_of(stream)) == list(record)


def example_of(stream: str) -> dict:
    """Return the example in a stream's section of the page; nothing where it lacks one."""
    section = re.split(r"^##+ ", PAGE.split(f"\n### {stream}\n")[1], flags=re.MULTILINE)[0]
    example = re.search(r"```json\n(.*?)\n```", section, re.DOTALL)
    return json.loads(example[1]) if example else {}
