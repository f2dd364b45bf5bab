"""The whole destination in this process, with short timeouts, and an emulator that does everything wrong."""

import gzip
import itertools
import json
import random
from collections import Counter

import orjson
import pytest

from destination_squadstack.api.squadstack import SquadStackClient
from destination_squadstack.config import parse_config
from destination_squadstack.protocol import Emitter
from destination_squadstack.routing import plan
from destination_squadstack.sync import Sync
from squadstack_common.clock import SystemClock
from squadstack_emulator import Campaign, Emulator, Fault, FaultKind, Scenario

TOKEN = "emulator-token-canary"
REF = "ref-0PT711"


def run(emulator, config, messages, streams=("leads",)):
    """Run a sync; return its exit code and what it printed."""
    settings = parse_config(
        {
            "squadstack": {"token": TOKEN, "base_url": emulator.url, "calls_per_minute": 1_000_000},
            "default": {"operation": "upsert", "ref_id": REF},
            **config,
        }
    )
    catalog = {"streams": [{"stream": {"name": name}, "destination_sync_mode": "append_dedup"} for name in streams]}
    text = b"".join(orjson.dumps(message) + b"\n" for message in messages)
    pieces = itertools.chain(
        (text[start : start + 65_536] for start in range(0, len(text), 65_536)), itertools.repeat(b"")
    )
    printed = []
    sync = Sync(
        settings,
        plan(settings, catalog),
        api=SquadStackClient(emulator.url, TOKEN, connect_seconds=300.0, read_seconds=3.0),
        read=lambda _size: next(pieces),
        emitter=Emitter(printed.append),
        clock=SystemClock(),
        run_id="run",
    )
    code = sync.run()
    return code, [json.loads(line) for line in b"".join(printed).splitlines()]


def a_record(stream, **data):
    return {"type": "RECORD", "record": {"stream": stream, "emitted_at": 1, "data": data}}


def a_state(mark):
    return {"type": "STATE", "state": {"type": "GLOBAL", "global": {"mark": mark}, "id": mark}}


# Two each: three calls of one record without an answer, and it is given up. Who is struck is for the threads to say.
UNANSWERED = {
    "an answer lost, half of a list": {FaultKind.RESET_AFTER: {}, FaultKind.HALF_HANG: {"seconds": 0.1}},
    "silence, an answer cut off": {FaultKind.HANG: {"seconds": 0.1}, FaultKind.CUT_OFF: {}},
    "a reset, half of a list and silence": {FaultKind.RESET: {}, FaultKind.HALF_HANG: {"seconds": 3600.0}},
}


@pytest.mark.parametrize("name", UNANSWERED)
def test_everything_goes_wrong_at_once_and_every_record_has_a_true_account(tmp_path, name):
    unanswered = UNANSWERED[name]
    chance = random.Random(name)
    hot = [f"hot{number}" for number in range(5)]
    messages, last, bad, created = [], {}, set(), set()
    for number in range(1_200):
        data = {
            "lead_id": f"lead{number}",
            "phone_number": f"98{number:08d}",
            "contact_name": "Canary Name",
            "n": number,
        }
        stream = "upserts"
        if chance.random() < 0.02:
            data["lead_id"] = chance.choice(hot)
        elif chance.random() < 0.3:
            stream = "creates"
            created.add(number)
        if chance.random() < 0.02:
            data["phone_number"] = "12"
            bad.add(number)
        else:
            last[data["lead_id"]] = number
        messages.append(a_record(stream, **data))
        if number % 10 == 9:
            messages.append(a_state(number))
    faults = (
        Fault(FaultKind.HTTP_500, on="write", every=5, times=2),
        Fault(FaultKind.THROTTLE, on="write", every=11, times=1),
        *(
            Fault(kind, on="write", every=4 + number, times=1, **more)
            for number, (kind, more) in enumerate(unanswered.items())
        ),
    )
    scenario = Scenario(
        token=TOKEN,
        campaigns=(Campaign(),),
        calls_per_minute=None,
        faults=faults,
        throttle_answer="bare",
        busy_leads={"lead7": 2, "hot1": 1, "lead900": 1},
    )
    with Emulator(scenario) as emulator:
        config = {
            "workers": 8,
            "streams": [{"stream": "upserts"}, {"stream": "creates", "operation": "create"}],
            "object_storage_config": {"storage_type": "Local", "bucket_path": str(tmp_path)},
        }
        code, printed = run(emulator, config, messages, ("upserts", "creates"))
        leads, log = emulator.leads(), emulator.request_log
        emulator.assert_clean()

    assert code == 0
    rows = [
        json.loads(line) for path in tmp_path.rglob("*.gz") for line in gzip.decompress(path.read_bytes()).splitlines()
    ]
    assert {row["data"]["n"] for row in rows} == bad
    assert len(rows) == len(bad)
    assert {lead_id: lead.custom["n"] for lead_id, lead in leads.items()} == last
    assert log.overlapping == []
    applied = Counter(each.lead_id for each in log.applied if each.operation == "create")
    assert applied == Counter(f"lead{number}" for number in created - bad)
    states = [message["state"] for message in printed if message["type"] == "STATE"]
    assert [state["id"] for state in states] == list(range(9, 1_200, 10))
    assert sum(state["destinationStats"]["recordCount"] for state in states) == 1_200 - len(bad)
    assert sum(state["destinationStats"]["rejectedRecordCount"] for state in states) == len(bad)
    said = [message for message in printed if message["type"] != "STATE"]
    assert not any(secret in json.dumps(said) for secret in ("Canary", "98000", "lead1", "hot1", TOKEN))


def test_a_token_that_expires_fails_the_sync_and_acknowledges_only_what_was_done():
    scenario = Scenario(
        token=TOKEN, calls_per_minute=None, faults=(Fault(FaultKind.UNAUTHORIZED_401, on="write", skip=3),)
    )
    messages = []
    for number in range(1_000):
        messages.append(a_record("leads", lead_id=f"L{number}", phone_number="9876543210", contact_name="A"))
        if number % 100 == 99:
            messages.append(a_state(number))
    with Emulator(scenario) as emulator:
        code, printed = run(emulator, {"workers": 1}, messages)
        assert len(emulator.leads()) == 300
    assert code == 1
    assert [message["state"]["id"] for message in printed if message["type"] == "STATE"] == [99, 199, 299]
    (trace,) = [message["trace"]["error"] for message in printed if message["type"] == "TRACE"]
    assert trace["failure_type"] == "config_error"
    assert trace["message"].startswith("squadstack.token is not accepted by SquadStack (Token expired).")


@pytest.mark.parametrize("operation", ["upsert", "create"])
def test_a_lead_that_this_run_made_active_itself_proves_nothing_about_a_lost_answer(operation):
    # The second write of the lead is lost before it is applied; "still active" then speaks of the first one.
    scenario = Scenario(
        token=TOKEN,
        calls_per_minute=None,
        reactivates=True,
        faults=(Fault(FaultKind.RESET, on="write", skip=1, times=1),),
    )
    messages = [a_record("leads", lead_id="X", phone_number="9876543210", contact_name=name) for name in ("old", "new")]
    with Emulator(scenario) as emulator:
        config = {"default": {"operation": operation, "ref_id": REF}}
        code, printed = run(emulator, config, [*messages, a_state(1)])
        assert emulator.leads()["X"].contact_name == "old"
    assert code == 0
    (state,) = [message["state"] for message in printed if message["type"] == "STATE"]
    assert state["destinationStats"] == {"recordCount": 1, "rejectedRecordCount": 1}


def test_a_list_whose_answer_was_lost_is_sent_again_and_is_known_to_be_written():
    scenario = Scenario(token=TOKEN, calls_per_minute=None, faults=(Fault(FaultKind.RESET_AFTER, on="write", times=1),))
    message = a_record("leads", lead_id="X", phone_number="9876543210", contact_name="A")
    with Emulator(scenario) as emulator:
        config = {"default": {"operation": "create", "api": "v4", "campaign_id": "0PT711"}}
        code, printed = run(emulator, config, [message, a_state(1)])
        assert len(emulator.request_log.calls) == 2
        assert [(each.operation, each.lead_id) for each in emulator.request_log.applied] == [("create", "X")]
        emulator.assert_clean()
    assert code == 0
    (state,) = [message["state"] for message in printed if message["type"] == "STATE"]
    assert state["destinationStats"] == {"recordCount": 1, "rejectedRecordCount": 0}
