"""Every fault, over every stream at once, by the console script: what the docs' table says is what happens."""

from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from squadstack_emulator import Emulator, Fault, FaultKind, v1_lead_id
from test_support.catalogs import configured
from test_support.source_faults import (
    FROM,
    HARMLESS,
    INCREMENTAL,
    PASSWORD,
    PORTAL,
    SQUADSTACK,
    TO,
    TOKEN,
    config,
    scenario,
)


def read(source, emulator, *streams: str, **files):
    catalog = configured(*(streams or SQUADSTACK + PORTAL), incremental=INCREMENTAL)
    return source.run("read", "--debug", config=config(emulator), catalog=catalog, **files)


def keys(done) -> dict[str, Counter]:
    """Return the keys of the records of each stream."""
    names = ("campaign_id", "lead_id", "event_id", "queue_id", "id", "activity_id")
    found: dict[str, Counter] = {}
    for record in done.of("RECORD"):
        key = tuple(record["data"].get(name) for name in names)
        found.setdefault(record["stream"], Counter())[key] += 1
    return found


@pytest.fixture(scope="module")
def all_of_it(source):
    """Return the keys that a read without faults finds: each once, of every stream."""
    with Emulator(scenario()) as emulator:
        done = read(source, emulator)
        emulator.assert_clean()
    assert done.code == 0, done.errors
    found = keys(done)
    assert set(found) == set(SQUADSTACK + PORTAL)
    assert {count for counts in found.values() for count in counts.values()} == {1}
    return found


def assert_no_leak(done, emulator) -> None:
    """Check that no lead and no secret is in a run's logs."""
    leads = emulator.leads().values()
    people = [*emulator.portal_leads("c1"), *emulator.portal_activities()]
    private = {TOKEN, PASSWORD} | {lead.phone_number for lead in leads} | {lead.contact_name for lead in leads}
    private |= {str(row[key]) for row in people for key in ("number", "lead_number", "lead_name") if row.get(key)}
    told = "".join(line for line in done.stdout.splitlines() if not line.startswith('{"type":"RECORD"')) + done.stderr
    assert not [secret for secret in private if secret in told]


@pytest.mark.parametrize("name", HARMLESS)
def test_no_row_is_lost_or_doubled_or_logged_under_a_passing_fault(source, all_of_it, name):
    with Emulator(scenario(**HARMLESS[name])) as emulator:
        done = read(source, emulator)
        assert done.code == 0, done.errors
        assert keys(done) == all_of_it
        emulator.assert_clean()
        assert_no_leak(done, emulator)


def test_leads_that_change_while_they_are_read_are_in_this_sync_or_the_next(source, all_of_it):
    with Emulator(scenario(drift_leads_per_page=2, drift_pages=3)) as emulator:
        first = read(source, emulator, "lead_responses")
        leads = emulator.leads().items()
        moved = {str(v1_lead_id(name)) for name, lead in leads if lead.processed_at and lead.processed_at > TO}
        assert_no_leak(first, emulator)
    assert first.code == 0
    seen = {record["lead_id"] for record in first.records}
    assert moved
    assert seen | moved == {key[1] for key in all_of_it["lead_responses"]}


def test_a_page_past_the_end_has_the_pages_read_again(source, all_of_it):
    with Emulator(scenario(drift_leads_per_page=10, drift_pages=3)) as emulator:
        first = read(source, emulator, "leads")
        assert_no_leak(first, emulator)
    assert first.code == 0, first.errors
    assert {record["lead_id"] for record in first.records} == {key[1] for key in all_of_it["leads"]}


@pytest.mark.parametrize("kind", [FaultKind.UNAUTHORIZED_401, FaultKind.FORBIDDEN_403, FaultKind.REDIRECT_302])
def test_a_refusal_in_the_middle_is_a_config_error_with_the_state_of_what_was_read(source, kind):
    with Emulator(scenario(faults=(Fault(kind=kind, on="read", skip=4),))) as emulator:
        done = read(source, emulator, "lead_responses")
        assert_no_leak(done, emulator)
    assert done.code == 1
    assert {error["failure_type"] for error in done.errors} == {"config_error"}
    (state,) = done.states[-1]["stream"]["stream_state"]["states"]
    newest = max((datetime.fromisoformat(record["processed_at"]) for record in done.records), default=FROM)
    assert datetime.fromisoformat(state["cursor"]["processed_at"]) <= newest


def test_a_401_of_the_portal_logs_in_again_and_loses_nothing(source, all_of_it):
    with Emulator(scenario(portal_token_uses=4)) as emulator:
        done = read(source, emulator, *PORTAL)
        assert_no_leak(done, emulator)
    assert done.code == 0, done.errors
    assert keys(done) == {stream: all_of_it[stream] for stream in PORTAL}


def test_a_repeated_next_start_key_fails_its_stream_and_no_other(source, all_of_it):
    streams = [name for name in SQUADSTACK + PORTAL if name != "contact_center_activity"]
    with Emulator(scenario(portal_repeats_key=True)) as emulator:
        done = read(source, emulator, *streams)
        assert_no_leak(done, emulator)
    assert done.code == 1
    assert {error["stream_descriptor"]["name"] for error in done.errors} == {"contact_center_leads"}
    found = keys(done)
    others = [name for name in streams if name != "contact_center_leads"]
    assert {name: found[name] for name in others} == {name: all_of_it[name] for name in others}


def test_kill_9_and_resume_lose_nothing_of_any_stream(source, all_of_it):
    catalog = configured(*SQUADSTACK, *PORTAL, incremental=INCREMENTAL)
    with Emulator(scenario(latency_seconds=0.01)) as emulator:
        killed = source.killed_after(150, "read", config=config(emulator), catalog=catalog)
        assert killed.code == -9
        newest = {state["stream"]["stream_descriptor"]["name"]: state for state in killed.states}
        resumed = read(source, emulator, state=list(newest.values()))
    assert resumed.code == 0, resumed.errors
    before, after = keys(killed), keys(resumed)
    assert {name: set(before.get(name, ())) | set(after.get(name, ())) for name in all_of_it} == {
        name: set(found) for name, found in all_of_it.items()
    }


def test_an_outage_for_ever_is_a_transient_error_and_no_empty_stream(source):
    with Emulator(scenario(faults=(Fault(kind=FaultKind.HTML_200, on="any"),))) as emulator:
        done = read(source, emulator, "lead_responses", "contact_center_queues")
        assert_no_leak(done, emulator)
    assert done.code == 1
    assert {error["failure_type"] for error in done.errors} == {"transient_error"}
    statuses = [trace["stream_status"]["status"] for trace in done.of("TRACE") if trace["type"] == "STREAM_STATUS"]
    assert "COMPLETE" not in statuses


def test_the_docs_table_of_faults_has_a_row_for_each_of_these():
    page = (Path(__file__).parents[1] / "docs/performance.md").read_text(encoding="utf-8")
    table = page.split("## Faults that were tried")[1].split("\n## ")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")][1:]
    others = [
        "leads processed while they are read, a page past the end",
        "HTTP 401, 403 or a redirect in the middle",
        "tokens of the portal that die in the middle",
        "`next_start_key` repeated",
        "`kill -9` and resume",
        "an outage for ever",
    ]
    assert rows == [*HARMLESS, *others]
