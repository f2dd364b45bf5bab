"""The allowance of calls against the machine's clock: a minute takes a minute."""

from datetime import UTC, datetime

from squadstack_emulator import Campaign, Emulator, Scenario
from test_support import configs
from test_support.catalogs import configured
from test_support.connectors import Connector

SEEDED = Campaign(responses=250, seed_from=datetime(2026, 1, 1, tzinfo=UTC), seed_to=datetime(2026, 3, 1, tzinfo=UTC))


def test_a_hundred_calls_a_minute_meet_no_429_of_a_server_that_counts_by_its_own_clock(tmp_path):
    source = Connector("source-squadstack", tmp_path, waits=True)
    with Emulator(Scenario(campaigns=(SEEDED,))) as emulator:
        read = source.run(
            "read",
            config=configs.source(emulator, page_size=2, calls_per_minute=100),
            catalog=configured("lead_responses"),
        )
        assert {record["lead_id"] for record in read.records} == set(emulator.leads())
        calls = [call.at for call in emulator.request_log.calls]
        assert emulator.request_log.throttled == 0
    assert read.code == 0
    assert calls[100] - calls[0] >= 60
