"""The stream `call_recordings`, read as the console script reads it, from the emulator."""

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.cli import PagedSource
from source_squadstack.components import recordings as module
from source_squadstack.components.log import LOGGER, warn_once
from source_squadstack.source import SourceSquadstack
from squadstack_emulator import Campaign, Emulator, Fault, FaultKind, Recordings, Scenario, recording_chunks
from test_support import configs
from test_support.catalogs import configured

AT = datetime(2026, 1, 5, tzinfo=UTC)
SIZE = 20_000


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    for name in [each for each in os.environ if each.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(module, "get_files_directory", lambda: str(tmp_path / "staging"))
    warn_once.cache_clear()


@pytest.fixture
def emulator():
    with Emulator(Scenario(calls_per_minute=None, token="token-canary")) as running:
        yield running
    running.assert_clean()


@pytest.fixture
def no_waiting(monkeypatch):
    slept = []
    monkeypatch.setattr("squadstack_common.clock.SystemClock.sleep", lambda _, seconds: slept.append(seconds))
    return slept


def put(emulator, lead_id, url, at=AT, **fields):
    """Add a lead; a path is one of the emulator's recordings."""
    url = f"{emulator.url}/recordings{url}" if isinstance(url, str) and url.startswith("/") else url
    row = {
        "lead_id": lead_id,
        "phone_number": "+919876543210",
        "contact_name": "Meera Canary",
        "latest_recording_url": url,
        "latest_called_at": "2026-01-04T10:00:00+00:00",
        "processed_at": at.isoformat(),
        **fields,
    }
    emulator.put_response(None, row)
    return url


def read(emulator, *, files=True, kind=PagedSource, state=(), privacy=None, workers=10, **squadstack):
    """Read the stream; return its records by lead, its messages as printed, and the error at the end."""
    catalog = configured("call_recordings", incremental=["call_recordings"])
    if files is not None:
        catalog["streams"][0]["include_files"] = files
    catalog = ConfiguredAirbyteCatalogSerializer.load(catalog)
    config = {**configs.source(emulator, **squadstack), "num_workers": workers}
    if privacy:
        config["privacy"] = privacy
    states = kind.read_state(state) if state else []
    source = kind(config=config, catalog=catalog, state=states)
    printed, failed = [], None
    try:
        messages = source.read(LOGGER, source.configure(config, ""), catalog, states)
        printed.extend(map(AirbyteEntrypoint.airbyte_message_to_string, messages))
    except AirbyteTracedException as error:
        failed = error
    messages = list(map(json.loads, printed))
    records = [message["record"] for message in messages if message["type"] == "RECORD"]
    return SimpleNamespace(
        records={record["data"]["lead_id"]: record for record in records},
        count=len(records),
        text="\n".join(printed),
        states=[message["state"]["stream"]["stream_state"] for message in messages if message["type"] == "STATE"],
        failed=failed,
    )


def content(name, size=SIZE):
    return b"".join(recording_chunks(name, size))


def staged(tmp_path):
    return sorted(path for path in (tmp_path / "staging").rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", [PagedSource, SourceSquadstack], ids=["by pages", "by the CDK alone"])
def test_a_record_tells_of_the_lead_and_of_the_file_that_it_refers_to(emulator, tmp_path, kind):
    url = put(emulator, "L", "/small/a.mp3")
    put(emulator, "none", None)
    put(emulator, "blank", "  ")
    record = read(emulator, kind=kind).records
    assert list(record) == ["L"]
    sha256 = hashlib.sha256(content("a.mp3")).hexdigest()
    assert record["L"]["data"] == {
        "campaign_id": emulator.scenario.campaigns[0].id,
        "lead_id": "L",
        "recording_url": url,
        "called_at": "2026-01-04T10:00:00Z",
        "processed_at": "2026-01-05T00:00:00Z",
        "bytes": SIZE,
        "sha256": sha256,
        "status": "downloaded",
    }
    (path,) = staged(tmp_path)
    assert path.read_bytes() == content("a.mp3")
    assert record["L"]["file_reference"] == {
        "staging_file_url": str(path),
        "source_file_relative_path": f"call_recordings/{path.name.partition('.')[2]}",
        "file_size_bytes": SIZE,
    }
    assert path.name.partition(".")[2].startswith(f"{sha256}-")


STATUSES = {
    "/small/a.mp3": "downloaded",
    "/slow/b.mp3": "downloaded",
    "/redirect/c.mp3": "downloaded",
    "/other_host/d.mp3": "downloaded",
    "/small/..%2F..%2Fetc%2Fpasswd": "downloaded",
    "/expired/e.mp3": "expired",
    "/missing/f.mp3": "missing",
    "/gone/g.mp3": "missing",
    "/empty/h.mp3": "empty",
    "/page/i.mp3": "web_page",
    "/loop/j.mp3": "refused",
    "https://10.0.0.1/k.mp3": "host_refused",
    "http://169.254.169.254/latest/meta-data": "host_refused",
    "no address": "host_refused",
}


def test_whatever_becomes_of_a_recording_its_lead_has_a_row_and_the_sync_goes_on(emulator, tmp_path):
    for path in STATUSES:
        put(emulator, path, path)
    sync = read(emulator)
    assert sync.failed is None
    assert {lead: record["data"]["status"] for lead, record in sync.records.items()} == STATUSES
    for record in sync.records.values():
        is_there = record["data"]["status"] == "downloaded"
        assert ("sha256" in record["data"], "bytes" in record["data"]) == (is_there,) * 2
    assert [str(path) for path in staged(tmp_path)] == sorted(
        record["file_reference"]["staging_file_url"] for record in sync.records.values()
    )


def test_a_link_that_is_no_text_is_a_row_that_tells_nothing_of_what_it_holds(emulator):
    person = {"phone_number": "+919876543210", "contact_name": "Asha Verma"}
    links = {"list": ["https://a/b"], "object": person, "number": 7, "true": True, "empty": []}
    for lead, link in links.items():
        put(emulator, lead, link)
    sync = read(emulator)
    assert sync.failed is None
    rows = {lead: record["data"] for lead, record in sync.records.items()}
    assert {lead: (row["recording_url"], row["status"]) for lead, row in rows.items()} == dict.fromkeys(
        links, ("(not a text)", "host_refused")
    )


def test_the_token_goes_to_no_host_of_recordings_and_no_address_of_one_to_the_log(emulator, caplog):
    for path in STATUSES:
        put(emulator, path, path)
    sync = read(emulator)
    # The emulator calls a token that is sent with a download a violation: `assert_clean`.
    assert {call.api for call in emulator.request_log.calls} == {"squadstack", "recordings"}
    assert "token-canary" not in sync.text + caplog.text
    assert not [path for path in STATUSES if path in caplog.text]


def test_without_include_files_the_rows_come_without_their_files(emulator, tmp_path):
    put(emulator, "L", "/small/a.mp3")
    for files in (None, False):
        record = read(emulator, files=files).records["L"]
        assert record["data"]["status"] == "not_requested"
        assert "file_reference" not in record
    assert staged(tmp_path) == []
    assert {call.api for call in emulator.request_log.calls} == {"squadstack"}


def test_every_row_has_a_file_unless_placeholders_are_off(emulator):
    for path in STATUSES:
        put(emulator, path, path)
    records = read(emulator).records
    for record in records.values():
        found = Path(record["file_reference"]["staging_file_url"]).read_bytes()
        assert len(found) == record["file_reference"]["file_size_bytes"]
        if record["data"]["status"] != "downloaded":
            assert found.decode() == f"No recording: {record['data']['status']}\n"
            assert "sha256" not in record["data"]


def test_rows_without_files_are_warned_of_once_and_counted(emulator, caplog):
    for path in ("/expired/e.mp3", "/missing/f.mp3"):
        put(emulator, path, path)
    records = read(emulator, recording_placeholders=False).records
    assert not any("file_reference" in record for record in records.values())
    assert len([log for log in caplog.messages if "`squadstack.recording_placeholders`" in log]) == 1
    assert "Stream call_recordings: recordings of campaign 0PT711: 1 expired, 1 missing." in caplog.messages


def test_downloads_go_on_while_pages_are_read_and_come_in_the_pages_order(emulator):
    leads = [f"lead-{number:03}" for number in range(60)]
    for number, lead in enumerate(leads):
        put(emulator, lead, f"/small/{lead}.mp3", at=AT.replace(second=number))
    sync = read(emulator, page_size=10, workers=3)
    assert sync.count == len(leads)
    assert list(sync.records) == leads
    for lead, record in sync.records.items():
        assert record["data"]["sha256"] == hashlib.sha256(content(f"{lead}.mp3")).hexdigest()


def test_a_recording_that_fails_for_a_while_is_not_missed(emulator, no_waiting):
    for number in range(6):
        put(emulator, str(number), f"/small/{number}.mp3")
    kinds = (FaultKind.HTTP_503, FaultKind.RESET, FaultKind.CUT_OFF, FaultKind.THROTTLE)
    emulator.change(faults=tuple(Fault(kind=kind, on="recording", times=1, skip=1) for kind in kinds))
    sync = read(emulator)
    assert {record["data"]["status"] for record in sync.records.values()} == {"downloaded"}
    assert sync.count == 6
    assert sum(call.fault is not None for call in emulator.request_log.calls) == len(kinds)


def test_one_recording_that_always_fails_is_a_row_that_says_so(emulator, no_waiting):
    put(emulator, "good", "/small/good.mp3")
    put(emulator, "bad", "/small/bad.mp3")
    emulator.change(faults=(Fault(kind=FaultKind.HTTP_500, on="recording", path="/bad.mp3"),))
    sync = read(emulator, workers=1)
    assert {lead: record["data"]["status"] for lead, record in sync.records.items()} == {
        "good": "downloaded",
        "bad": "unavailable",
    }


def test_an_outage_of_the_host_moves_no_state_past_a_recording_and_the_next_sync_has_it(emulator, no_waiting, tmp_path):
    for day in range(1, 21):
        put(emulator, str(day), f"/small/{day}.mp3", at=AT.replace(day=day))
    # All but the first few, which no longer come either: the host is asked for one of them.
    emulator.change(faults=(Fault(kind=FaultKind.HTTP_503, on="recording", skip=5),))
    sync = read(emulator, workers=1, window_days=10)
    assert sync.failed is not None
    assert sync.failed.failure_type.value == "transient_error"
    assert "kept failing: HTTP 503" in sync.failed.message
    read_first = set(sync.records)
    referred = {record["file_reference"]["staging_file_url"] for record in sync.records.values()}
    assert {str(path) for path in staged(tmp_path)} == referred
    emulator.change(faults=())
    state = [
        {
            "type": "STREAM",
            "stream": {"stream_descriptor": {"name": "call_recordings"}, "stream_state": sync.states[-1]},
        }
    ]
    path = tmp_path / "state.json"
    path.write_text(json.dumps(state))
    resumed = read(emulator, state=str(path), workers=1, window_days=10)
    assert resumed.failed is None
    assert read_first | set(resumed.records) == {str(day) for day in range(1, 21)}
    assert {record["data"]["status"] for record in resumed.records.values()} == {"downloaded"}


def test_with_a_list_of_hosts_other_recordings_are_rows_without_a_file(emulator):
    put(emulator, "listed", "/small/a.mp3")
    put(emulator, "other", f"{emulator.url.replace('127.0.0.1', 'localhost')}/recordings/small/b.mp3")
    put(emulator, "leads elsewhere", "/other_host/c.mp3")
    records = read(emulator, recording_hosts=["127.0.0.1"]).records
    assert {lead: record["data"]["status"] for lead, record in records.items()} == {
        "listed": "downloaded",
        "other": "host_refused",
        "leads elsewhere": "host_refused",
    }


def test_nothing_that_privacy_keeps_back_is_in_a_row_or_in_the_name_of_a_file(emulator, tmp_path):
    put(emulator, "919876543210", "/small/MeeraCanary.9876543210")
    privacy = {
        "phone_numbers": "drop",
        "names": "drop",
        "fields": ["lead_id"],
        "fields_action": "hash",
        "salt": "a long secret",
    }
    sync = read(emulator, privacy=privacy)
    ((lead_id, record),) = sync.records.items()
    assert lead_id != "919876543210"
    assert record["data"]["status"] == "downloaded"
    # The address is a key of the record: it stays, and nothing of it is in the file's name.
    (path,) = staged(tmp_path)
    name = path.name
    assert "9876543210" not in name
    assert "Meera" not in name
    key = name.rpartition("-")[2]
    plain = read(emulator, privacy=None).records["919876543210"]["file_reference"]["source_file_relative_path"]
    assert key != plain.rpartition("-")[2]


@pytest.mark.parametrize(("version", "there"), [("v4", True), ("v1", False)])
def test_the_stream_is_one_of_files_and_of_api_v4(emulator, version, there):
    config = configs.source(emulator, api_version=version)
    source = SourceSquadstack(config=config)
    found = [stream for stream in source.discover(LOGGER, config).streams if stream.name == "call_recordings"]
    assert [(stream.is_file_based, stream.default_cursor_field) for stream in found] == (
        [(True, ["processed_at"])] if there else []
    )
    files = {stream.name for stream in source.discover(LOGGER, config).streams if stream.is_file_based}
    assert files == ({"call_recordings"} if there else set())


def test_leads_of_a_campaign_link_to_the_emulators_recordings(tmp_path):
    scenario = Scenario(
        campaigns=(Campaign(responses=30, seed_from=AT, seed_to=AT.replace(day=20)),),
        calls_per_minute=None,
        recordings=Recordings(kinds=("small", "odd_name", "expired")),
    )
    with Emulator(scenario) as emulator:
        sync = read(emulator, start_date="2026-01-01")
        connected = [lead for lead in emulator.leads().values() if lead.latest_recording_url]
        emulator.assert_clean()
    assert sync.count == len(connected) > 0
    assert {record["data"]["status"] for record in sync.records.values()} == {"downloaded", "expired"}
