"""`source-squadstack` by its console script against the emulator: the rules that decide whether data is lost."""

import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from squadstack_emulator import Campaign, Emulator, Fault, FaultKind, Scenario
from test_support import configs
from test_support.catalogs import configured
from test_support.clock import SleptClock

TOKEN = "emulator-token-canary"
SEEDED = Campaign(responses=250, seed_from=datetime(2026, 1, 1, tzinfo=UTC), seed_to=datetime(2026, 3, 1, tzinfo=UTC))
CATALOG = configured("lead_responses", incremental=["lead_responses"])


def scenario(*campaigns: Campaign, **fields) -> Scenario:
    return Scenario(token=TOKEN, campaigns=campaigns or (SEEDED,), **fields)


def config(emulator: Emulator, **section) -> dict:
    """The allowance is the documented one: of one campaign, whatever others there are."""
    return configs.source(emulator, **{"campaign_ids": ["0PT711"], "calls_per_minute": 100, **section})


def keys(records) -> Counter:
    return Counter((record["campaign_id"], record["lead_id"]) for record in records)


def expected(emulator: Emulator, campaign: str = "0PT711") -> Counter:
    return Counter((campaign, lead_id) for lead_id in emulator.leads(campaign))


# -- every record once ------------------------------

EDGES = [
    datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=days, microseconds=microseconds)
    for days in (0, 5, 10, 15)
    for microseconds in (-1_000_000, -1000, -1, 0, 1, 1000, 1_000_000)
]


@pytest.mark.parametrize(
    ("unit", "after_inclusive", "before_inclusive"),
    [*product(["milliseconds", "seconds"], [True, False], [True, False])],
)
def test_each_record_comes_once_whatever_the_unit_the_bounds_the_order_and_the_page_cap(
    source, unit, after_inclusive, before_inclusive
):
    faulty = scenario(
        Campaign(),
        timestamp_unit=unit,
        after_inclusive=after_inclusive,
        before_inclusive=before_inclusive,
        page_size_cap=5,
        order="shuffled",
        calls_per_minute=None,
    )
    with Emulator(faulty) as emulator:
        for number, at in enumerate(EDGES):
            emulator.put_response("0PT711", {"lead_id": f"edge-{number}", "processed_at": at.isoformat()})
        read = source.run(
            "read",
            config=config(emulator, timestamp_unit=unit, window_days=5, calls_per_minute=100_000),
            catalog=CATALOG,
        )
        emulator.assert_clean()
    assert read.code == 0, read.errors
    inside = [number for number, at in enumerate(EDGES) if at >= EDGES[3]]
    assert keys(read.records) == Counter(("0PT711", f"edge-{number}") for number in inside)


def test_a_capped_page_size_an_http_next_and_a_bare_429_lose_nothing(source):
    faulty = scenario(
        page_size_cap=50,
        next_scheme="http",
        throttle_answer="bare",
        faults=(Fault(kind=FaultKind.THROTTLE, on="read", every=3, times=2),),
    )
    with Emulator(faulty) as emulator:
        read = source.run("read", config=config(emulator), catalog=CATALOG)
        emulator.assert_clean()
        assert keys(read.records) == expected(emulator)
    assert read.code == 0


def test_rows_as_odd_as_they_come_are_emitted_and_do_not_move_the_cursor(source):
    rows = [
        {"lead_id": "good", "processed_at": "2026-01-02T00:00:00+00:00"},
        {"lead_id": "null", "processed_at": None},
        {"lead_id": "odd", "processed_at": "soon, says Zed Canary"},
        {"lead_id": "object", "processed_at": {"at": "noon"}},
        {
            "lead_id": 7,
            "processed_at": 1767312000000,
            "phone_number": 919899550412,
            "huge": 2**80,
            "nested": {"a": [1]},
        },
    ]
    with Emulator(scenario(Campaign(), order="lead_id")) as emulator:
        for row in rows:
            emulator.put_response("0PT711", row)
        read = source.run("read", config=config(emulator, window_days=3650), catalog=CATALOG)
    assert read.code == 0, read.errors
    by_id = {record["lead_id"]: record for record in read.records}
    assert by_id["7"] == {
        "campaign_id": "0PT711",
        "lead_id": "7",
        "processed_at": "2026-01-02T00:00:00Z",
        "phone_number": "919899550412",
        "huge": 2**80,
        "nested": {"a": [1]},
    }
    states = read.states[-1]["stream"]["stream_state"]["states"]
    assert states == [
        {"partition": {"campaign_id": "0PT711"}, "cursor": {"processed_at": "2026-01-02T00:00:00.000000Z"}}
    ]
    assert "Canary" not in "".join(line for line in read.stdout.splitlines() if '"RECORD"' not in line)


# -- state ------------------------------


def test_the_next_sync_reads_the_lookback_again_and_nothing_else(source):
    with Emulator(scenario()) as emulator:
        asked = config(emulator, lookback_minutes=60)
        first = source.run("read", config=asked, catalog=CATALOG)
        emulator.put_response("0PT711", {"lead_id": "new", "processed_at": "2026-03-02T00:00:00+00:00"})
        second = source.run("read", config=asked, catalog=CATALOG, state=[first.states[-1]])
    assert first.code == second.code == 0
    newest = max(datetime.fromisoformat(record["processed_at"]) for record in first.records)
    within = {
        record["lead_id"]
        for record in first.records
        if datetime.fromisoformat(record["processed_at"]) >= newest - timedelta(minutes=60)
    }
    assert keys(second.records) == Counter(("0PT711", lead) for lead in {"new", *within})


def test_a_campaign_added_later_is_read_from_the_start_date(source):
    other = Campaign(id="LATER", ref_id="ref-later", responses=20, seed_from=SEEDED.seed_from, seed_to=SEEDED.seed_to)
    with Emulator(scenario(SEEDED, other)) as emulator:
        first = source.run("read", config=config(emulator), catalog=CATALOG)
        both = config(emulator, campaign_ids=["0PT711", "LATER"])
        second = source.run("read", config=both, catalog=CATALOG, state=[first.states[-1]])
        assert keys(record for record in second.records if record["campaign_id"] == "LATER") == expected(
            emulator, "LATER"
        )


@pytest.mark.parametrize("lines", [12, 60, 200])
def test_kill_9_and_resume_lose_nothing(source, lines):
    with Emulator(scenario(latency_seconds=0.02)) as emulator:
        asked = config(emulator, window_days=10, page_size=20, calls_per_minute=100_000)
        emulator.change(calls_per_minute=None)
        killed = source.killed_after(lines, "read", config=asked, catalog=CATALOG)
        assert killed.code == -9
        state = [killed.states[-1]] if killed.states else None
        resumed = source.run("read", config=asked, catalog=CATALOG, state=state)
        assert resumed.code == 0
        assert set(keys(killed.records)) | set(keys(resumed.records)) == set(expected(emulator))


# -- a set that changes while it is paged ------------------------------


def test_leads_reprocessed_while_their_window_is_paged_are_seen_over_this_sync_and_the_next(source):
    faulty = scenario(page_size_cap=20, drift_leads_per_page=2, drift_pages=6, calls_per_minute=None)
    with Emulator(faulty) as emulator:
        asked = config(emulator, window_days=3650, calls_per_minute=100_000, page_size=20)
        first = source.run("read", config=asked, catalog=CATALOG)
        emulator.change(drift_leads_per_page=0)
        assert first.code == 0, first.errors
        latest = {record["lead_id"]: record["processed_at"] for record in first.records}
        moved = {lead_id for lead_id, lead in emulator.leads().items() if lead.processed_at > SEEDED.seed_to}
        assert set(latest) | moved == set(emulator.leads())
        # Those that moved belong to the next sync: their new time lies behind this one's upper bound.
        assert moved


# -- failures ------------------------------


def test_html_for_ever_ends_with_a_clear_transient_error_and_a_state_that_has_not_moved(source):
    faulty = scenario(faults=(Fault(kind=FaultKind.HTML_200, on="read", skip=1),))
    with Emulator(faulty) as emulator:
        read = source.run("read", config={**config(emulator), "num_workers": 1}, catalog=CATALOG)
    assert read.code == 1
    assert read.errors[-1]["failure_type"] == "transient_error"
    assert "the body is not JSON" in read.errors[-1]["message"]
    (state,) = read.states[-1]["stream"]["stream_state"]["states"]
    assert state["cursor"] == {"processed_at": "2026-01-01T00:00:00.000000Z"}
    assert read.records == []


@pytest.mark.parametrize(
    ("section", "field"),
    [({"token": "wrong-canary"}, "`squadstack.token`"), ({"campaign_ids": ["UNKNOWN"]}, "`squadstack.campaign_ids`")],
)
def test_a_wrong_token_or_campaign_is_named_by_check_and_read_alike(source, section, field):
    with Emulator(scenario()) as emulator:
        asked = config(emulator, **section)
        checked = source.run("check", config=asked)
        read = source.run("read", config=asked, catalog=CATALOG)
    assert (checked.code, checked.status["status"]) == (0, "FAILED")
    assert field in checked.status["message"]
    assert read.code == 1
    # Once for the stream, though every window fails, and once to close.
    assert [error["failure_type"] for error in read.errors] == ["config_error", "config_error"]
    assert field in read.errors[-1]["message"]
    assert "canary" not in checked.stdout + checked.stderr + read.stdout + read.stderr


@pytest.mark.parametrize("token", ["canary\n", "Bearer canary", "canary\u2028"])
def test_a_token_that_no_header_can_hold_is_refused_before_it_is_sent(source, token):
    with Emulator(scenario()) as emulator:
        checked = source.run("check", config=config(emulator, token=token))
        read = source.run("read", config=config(emulator, token=token), catalog=CATALOG)
        assert not emulator.request_log.calls
    assert "`squadstack.token`" in checked.status["message"]
    assert [error["failure_type"] for error in read.errors] == ["config_error"]
    assert "canary" not in checked.stdout + checked.stderr + read.stdout + read.stderr


@pytest.mark.parametrize("option", ["config", "catalog", "state"])
def test_a_file_that_is_something_else_is_named_and_not_shown(source, option):
    with Emulator(scenario()) as emulator:
        files = {"config": config(emulator), "catalog": CATALOG, "state": [], option: ["canary"]}
        read = source.run("read", **files)
    assert read.code == 1
    assert [(error["failure_type"], option in error["message"]) for error in read.errors] == [("config_error", True)]
    assert "canary" not in read.stdout + read.stderr


def test_a_redirect_is_not_followed(source):
    faulty = scenario(faults=(Fault(kind=FaultKind.REDIRECT_302, on="read"),))
    with Emulator(faulty) as emulator:
        checked = source.run("check", config=config(emulator))
        assert len(emulator.request_log.calls) == 1
    assert checked.status["status"] == "FAILED"
    assert "`squadstack.base_url`" in checked.status["message"]


def test_campaigns_are_read_although_another_one_is_refused(source):
    with Emulator(scenario()) as emulator:
        read = source.run("read", config=config(emulator, campaign_ids=["UNKNOWN", "0PT711"]), catalog=CATALOG)
        assert keys(read.records) == expected(emulator)
    assert read.code == 1
    assert "UNKNOWN" in read.errors[-1]["message"]


def test_a_stream_that_the_config_lacks_is_refused_not_skipped(source):
    catalog = {
        "streams": [{**CATALOG["streams"][0], "stream": {**CATALOG["streams"][0]["stream"], "name": "webhook_events"}}]
    }
    with Emulator(scenario()) as emulator:
        read = source.run("read", config=config(emulator), catalog=catalog)
    assert read.code == 1
    assert (read.errors[-1]["failure_type"], "webhook_events" in read.errors[-1]["message"]) == ("config_error", True)


# -- check ------------------------------


@pytest.mark.parametrize(("real", "other"), [("seconds", "milliseconds"), ("milliseconds", "seconds")])
def test_check_proves_the_time_unit_and_says_which_to_set(source, real, other):
    empty = Campaign(id="EMPTY", ref_id="ref-empty")
    with Emulator(scenario(empty, SEEDED, timestamp_unit=real)) as emulator:
        ids = ["EMPTY", "0PT711"]
        right = source.run("check", config=config(emulator, campaign_ids=ids, timestamp_unit=real))
        wrong = source.run("check", config=config(emulator, campaign_ids=ids, timestamp_unit=other))
        emulator.assert_clean()
    assert right.status == {"status": "SUCCEEDED"}
    assert wrong.status["status"] == "FAILED"
    assert f"Set it to {real}." in wrong.status["message"]


def test_check_does_not_take_a_lead_of_the_future_for_proof(source):
    with Emulator(scenario(Campaign(), timestamp_unit="seconds")) as emulator:
        emulator.put_response("0PT711", {"lead_id": "1", "processed_at": "2090-01-01T00:00:00+00:00"})
        checked = source.run("check", config=config(emulator, timestamp_unit="seconds"))
    assert checked.status == {"status": "SUCCEEDED"}
    assert "could not be proven" in checked.stdout


def test_check_tries_each_campaign_and_names_the_one_that_fails(source):
    with Emulator(scenario()) as emulator:
        checked = source.run("check", config=config(emulator, campaign_ids=["0PT711", "TYPO"]))
    assert checked.status["status"] == "FAILED"
    assert "TYPO" in checked.status["message"]


def test_check_of_a_host_that_is_not_there_says_so(source):
    asked = {
        "squadstack": {
            "token": TOKEN,
            "campaign_ids": ["0PT711"],
            "start_date": "2026-01-01",
            "base_url": "http://127.0.0.1:9",
        }
    }
    checked = source.run("check", config=asked)
    assert checked.status["status"] == "FAILED"
    assert "`squadstack.base_url`" in checked.status["message"]


def test_a_config_with_nothing_but_a_forms_shell_is_refused_by_name(source):
    checked = source.run("check", config={"squadstack": {"page_size": 100, "api_version": "v4"}})
    assert checked.status["status"] == "FAILED"
    assert "`squadstack` (token, campaign_ids, start_date)" in checked.status["message"]


# -- budget ------------------------------


def test_a_hundred_calls_a_minute_meet_no_429_and_use_nine_tenths_of_the_allowance(source):
    clock = SleptClock()
    with Emulator(scenario(), clock=clock.now, monotonic=clock.monotonic) as emulator:
        # One thread calls: while one sleeps and moves the clock, another's call would be late.
        asked = {**config(emulator, page_size=2), "num_workers": 1}
        read = source.run("read", config=asked, catalog=CATALOG, clock=clock)
        assert keys(read.records) == expected(emulator)
        calls = [call.at for call in emulator.request_log.calls]
        assert emulator.request_log.throttled == 0
    assert read.code == 0
    within_a_minute = max(sum(1 for at in calls if start <= at < start + 60) for start in calls)
    assert 90 <= within_a_minute <= 100
    # A minute's wait is a hundred more calls: the hundred-and-first goes out within 61 s of the first.
    assert calls[100] - calls[0] < 63
    assert "All calls of this minute are used" in read.stdout


# -- being stopped ------------------------------


def test_sigterm_ends_a_read_at_once_with_143(source):
    with Emulator(scenario(latency_seconds=0.2)) as emulator:
        process = source.start("read", config=config(emulator, page_size=5), catalog=CATALOG)
        with process:
            assert process.stdout.readline()
            while b'"RECORD"' not in process.stdout.readline():
                pass
            emulator.change(latency_seconds=3600)  # it would wait for an answer for ever
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 143
            assert process.stderr.read() == b""
