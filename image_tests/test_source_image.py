"""The source's image reads from the emulator: read-only root, no rights, an unknown user, a mounted config."""

import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from squadstack_emulator import Campaign, Emulator, Scenario
from test_support import configs
from test_support.catalogs import configured
from tools.images.container import LIMIT_OF_256_MIB, Image

TOKEN = "emulator-token-canary"


def scenario(responses: int = 250, **fields: Any) -> Scenario:
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    campaign = Campaign(responses=responses, seed_from=begin, seed_to=end)
    return Scenario(**{"token": TOKEN, "campaigns": (campaign,), "calls_per_minute": None, **fields})


def config(emulator: Emulator, **section: Any) -> dict[str, Any]:
    return configs.source(emulator, **{"page_size": 1000, **section})


CATALOG = configured("lead_responses", incremental=["lead_responses"])


def test_check_succeeds_with_a_mounted_config(source: Image):
    with Emulator(scenario()) as emulator:
        checked = source.run("check", config=config(emulator))
        emulator.assert_clean()

    assert (checked.code, checked.status["status"]) == (0, "SUCCEEDED")


def test_check_names_the_field_of_a_refused_token(source: Image):
    with Emulator(scenario()) as emulator:
        checked = source.run("check", config=config(emulator, token="another"))

    assert (checked.code, checked.status["status"]) == (0, "FAILED")
    assert "squadstack.token" in checked.status["message"]


def test_discover_lists_the_streams_of_the_configured_section(source: Image):
    with Emulator(scenario()) as emulator:
        discovered = source.run("discover", config=config(emulator))

    (catalog,) = discovered.of("catalog")
    assert discovered.code == 0
    assert {stream["name"] for stream in catalog["streams"]} == {"leads", "lead_responses", "call_recordings"}


def test_read_gives_every_record_and_goes_on_from_a_mounted_state(source: Image):
    with Emulator(scenario()) as emulator:
        first = source.run("read", config=config(emulator), catalog=CATALOG)
        expected = set(emulator.leads())
        states = [{"type": state["type"], "stream": state["stream"]} for state in first.of("state")]
        second = source.run("read", config=config(emulator), catalog=CATALOG, state=states[-1:])
        emulator.assert_clean()

    assert (first.code, second.code) == (0, 0)
    assert sorted(record["lead_id"] for record in first.records) == sorted(expected)
    # The lookback of an hour reads the newest lead again, and next to nothing else.
    assert 1 <= len(second.records) < 10


def test_sigterm_ends_a_read_at_once(source: Image):
    # As the first process of a container the connector gets no signal that it does not ask for.
    with Emulator(scenario(2_000, latency_seconds=0.5)) as emulator:
        container = source.start("read", config=config(emulator, page_size=10), catalog=CATALOG)
        for line in container.stdout:
            if b'"RECORD"' in line:
                break
        container.send(signal.SIGTERM)
        began = time.monotonic()
        ended = container.rest()

    assert ended.code == 143
    assert time.monotonic() - began < 5


def test_200_000_records_are_read_within_256_mib(source: Image, figure: Callable[[str], None]):
    with Emulator(scenario(200_000)) as emulator:
        began = time.monotonic()
        container = source.start("read", *LIMIT_OF_256_MIB, config=config(emulator), catalog=CATALOG)
        records, peak = 0, 0.0
        for line in container.stdout:
            records += line.startswith(b'{"type":"RECORD"')
            # The kernel forgets the figure with the process: it is looked at while records still come.
            if records % 25_000 == 0 and 0 < records < 200_000:
                peak = container.peak_megabytes()
        ended = container.rest()
        emulator.assert_clean()

    figure(f"source: 200,000 records read in {time.monotonic() - began:.0f} s, {peak:.0f} MB of 256 MiB at most")
    assert (ended.code, records) == (0, 200_000), ended.stderr.decode()
