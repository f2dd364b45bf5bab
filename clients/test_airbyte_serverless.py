"""airbyte-serverless: it reads stdout and stderr as one, so a line that is no message would show."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from squadstack_emulator import Fault, FaultKind

READ = Path(__file__).with_name("airbyte_serverless") / "read.py"


@pytest.fixture
def serverless(client):
    return client("airbyte_serverless")


def read(path: Path) -> Counter[tuple[str, str]]:
    """Return how often each row was read, by stream and key."""
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return Counter(
        (record["stream"], record["data"].get("lead_id") or record["data"]["activity_id"]) for record in records
    )


def test_every_line_is_a_message_and_the_next_run_goes_on_from_the_states(
    serverless, kept, source_config, emulator, tmp_path
):
    config, rows, states = kept("source.json", source_config), tmp_path / "rows.jsonl", tmp_path / "states.json"
    # Whatever the source has to say of retries, it says in messages.
    emulator.change(
        page_size_cap=100,
        faults=(
            Fault(FaultKind.HTTP_502, on="read", skip=2, times=1),
            Fault(FaultKind.RESET, on="portal", skip=1, times=1),
        ),
    )
    first = serverless.run(READ, config, rows, states)

    called = {name for name, lead in emulator.leads().items() if lead.processed_at}
    happened = len(emulator.portal_activities())
    assert Counter(stream for stream, _ in read(rows)) == {
        "lead_responses": len(called),
        "contact_center_activity": happened,
    }
    assert set(read(rows).values()) == {1}
    emulator.call_leads(last_at=datetime(2026, 3, 2, tzinfo=UTC))
    second = serverless.run(READ, config, rows, states)

    again = Counter(stream for (stream, _), times in read(rows).items() if times == 2)
    assert again["lead_responses"] == 1  # the last one, by the lookback
    assert {name for stream, name in read(rows) if stream == "lead_responses"} == set(emulator.leads())
    for run in (first, second):
        assert "NOT JSON" not in run.stdout
        assert run.stderr == ""


def test_a_wrong_token_ends_with_the_sources_own_sentence(serverless, kept, source_config, tmp_path):
    source_config["squadstack"]["token"] = "another-token-canary"
    refused = serverless.run(READ, kept("source.json", source_config), tmp_path / "r", tmp_path / "s", code=1)

    assert refused.stderr.startswith("SquadStack refuses the token (HTTP 403). Verify `squadstack.token`")
    assert "another-token-canary" not in refused.stdout + refused.stderr
    assert "NOT JSON" not in refused.stdout
