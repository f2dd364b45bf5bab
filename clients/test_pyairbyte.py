"""PyAirbyte: into DuckDB through its cache, and out through destination-squadstack."""

import csv
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from squadstack_emulator import Emulator, Fault, FaultKind
from tools.builder_manifest import main as write_builder_files

HERE = Path(__file__).with_name("pyairbyte")
REF = "ref-0PT711"
LOOKBACK = timedelta(minutes=60)
COLUMNS = (
    "campaign_id, lead_id, phone_number, contact_name, lead_outcome, processed_at, latest_called_at, created_at, "
    "latest_recording_url, lead_responses"
)


@pytest.fixture
def pyairbyte(client):
    return client("pyairbyte")


def rows(warehouse: Path) -> list[tuple]:
    """Return the table as it is, but for the columns that PyAirbyte adds."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        found = connection.execute(f"SELECT {COLUMNS} FROM squadstack.lead_responses ORDER BY lead_id").fetchall()
    return [(*row[:-1], json.loads(row[-1])) for row in found]


def responses(emulator: Emulator) -> list[tuple]:
    """Return what the table has to hold: each lead whose journey has ended. The API shows times to the second."""
    return [
        (
            "0PT711",
            lead.lead_id,
            lead.phone_number,
            lead.contact_name,
            lead.lead_outcome,
            shown(lead.processed_at),
            shown(lead.latest_called_at),
            shown(lead.created_at),
            lead.latest_recording_url,
            dict(lead.lead_responses),
        )
        for _, lead in sorted(emulator.leads().items())
        if lead.processed_at
    ]


def shown(at: datetime | None) -> datetime | None:
    return at and at.replace(microsecond=0, tzinfo=None)


def test_a_second_read_takes_only_what_is_new_and_duckdb_holds_every_response_once(
    pyairbyte, kept, source_config, emulator, tmp_path
):
    config, warehouse = kept("source.json", source_config), tmp_path / "warehouse.duckdb"
    first = pyairbyte.run(HERE / "read.py", config, warehouse)
    assert first.stdout.endswith("250 records read\n")
    assert rows(warehouse) == responses(emulator)
    since = max(lead.processed_at for lead in emulator.leads().values() if lead.processed_at) - LOOKBACK

    assert emulator.call_leads(last_at=datetime(2026, 3, 2, tzinfo=UTC)) == 5
    emulator.reprocess(None, ["seed-0000000"], at=datetime(2026, 3, 3, tzinfo=UTC))
    second = pyairbyte.run(HERE / "read.py", config, warehouse)

    due = sum(1 for lead in emulator.leads().values() if lead.processed_at and lead.processed_at > since)
    assert due == 5 + 1 + 1  # called, called again, and the last one of the first read by the lookback
    assert second.stdout.endswith(f"{due} records read\n")
    assert rows(warehouse) == responses(emulator)


def test_the_builders_files_are_read_without_the_connector(pyairbyte, kept, source_config, emulator, tmp_path):
    write_builder_files(tmp_path / "builder")
    arguments = (kept("source.json", source_config), tmp_path / "warehouse.duckdb", tmp_path / "builder/manifest.yaml")
    unsafe = {"AIRBYTE_ENABLE_UNSAFE_CODE": "true"}
    first = pyairbyte.run(HERE / "read_from_manifest.py", *arguments, **unsafe)
    assert first.stdout.endswith("250 records read\n")
    assert rows(tmp_path / "warehouse.duckdb") == responses(emulator)

    assert emulator.call_leads(last_at=datetime(2026, 3, 2, tzinfo=UTC)) == 5
    second = pyairbyte.run(HERE / "read_from_manifest.py", *arguments, **unsafe)
    # PyAirbyte hands no state to a source that it runs from a manifest.
    assert second.stdout.endswith("255 records read\n")
    assert rows(tmp_path / "warehouse.duckdb") == responses(emulator)


def test_leads_go_out_once_each_and_the_next_run_goes_on_after_a_failure(
    pyairbyte, kept, destination_config, emulator, tmp_path, rejected
):
    # One call at a time, so that it is known which of them fails.
    config = kept("destination.json", {**destination_config, "workers": 1})
    leads, state = tmp_path / "leads.csv", tmp_path / "state.duckdb"
    write_leads(leads, 250, bad=17)
    # The check and the first call of a hundred leads pass, then the token is refused.
    emulator.change(faults=(Fault(FaultKind.FORBIDDEN_403, on="write", skip=2),))
    failed = pyairbyte.run(HERE / "write.py", config, leads, state, code=1)
    emulator.change(faults=())
    assert "AirbyteConnectorWriteError" in failed.stderr
    (log,) = (tmp_path / "home/logs/destination-squadstack").glob("*.log")
    assert "squadstack.token" in log.read_text()
    assert sent(emulator) == Counter(lead_id(number) for number in range(100) if number != 17)

    second = pyairbyte.run(HERE / "write.py", config, leads, state)
    assert second.stdout.endswith("150 records sent\n")
    assert sent(emulator) == Counter(lead_id(number) for number in range(250) if number != 17)
    assert [row["data"]["lead_id"] for row in rejected()] == [lead_id(17)]

    before = sent(emulator)
    write_leads(leads, 260, bad=17)
    third = pyairbyte.run(HERE / "write.py", config, leads, state)
    assert third.stdout.endswith("10 records sent\n")
    assert sent(emulator) - before == Counter(lead_id(number) for number in range(250, 260))
    assert not emulator.request_log.overlapping


def test_a_cache_is_sent_whole_each_time_which_does_no_harm_to_upserted_leads(
    pyairbyte, kept, destination_config, emulator, tmp_path
):
    config, leads, cache = kept("destination.json", destination_config), tmp_path / "leads.csv", tmp_path / "c.duckdb"
    for count in (120, 130):
        write_leads(leads, count)
        done = pyairbyte.run(HERE / "write_from_cache.py", config, leads, cache)
        assert done.stdout.endswith(f"{count} records sent\n")

    written = {name: lead for name, lead in emulator.leads().items() if not name.startswith("seed")}
    assert set(written) == {lead_id(number) for number in range(130)}
    # What the cache adds to each row is the cache's own.
    assert {frozenset(lead.custom) for lead in written.values()} == {frozenset({"updated_at"})}
    assert sent(emulator) == Counter({lead_id(number): 2 if number < 120 else 1 for number in range(130)})


def lead_id(number: int) -> str:
    return f"py-{number:04d}"


def write_leads(path: Path, count: int, bad: int | None = None) -> None:
    """Write leads, each a second newer than the one above, one of them without a good phone number."""
    started = datetime(2026, 11, 21, tzinfo=UTC)
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(("lead_id", "phone_number", "contact_name", "updated_at"))
        for number in range(count):
            phone_number = "12345" if number == bad else f"98{number:08d}"
            out.writerow((lead_id(number), phone_number, f"Name {number}", started + timedelta(seconds=number)))


def sent(emulator: Emulator) -> Counter[str]:
    """Return how often each lead was upserted."""
    return Counter(each.lead_id for each in emulator.request_log.applied if each.ref_id == REF)
