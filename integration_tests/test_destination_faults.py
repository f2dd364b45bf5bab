"""The whole destination in this process, with short timeouts, and an emulator that does everything wrong."""

import itertools
import random
from collections import Counter

import pytest

from destination_squadstack.api.squadstack import SquadStackClient
from destination_squadstack.config import parse_config
from destination_squadstack.protocol import Emitter
from destination_squadstack.routing import plan
from destination_squadstack.sync import Sync
from squadstack_common.clock import SystemClock
from squadstack_emulator import Campaign, Emulator, Fault, FaultKind, Scenario
from test_support import catalogs, configs
from test_support.messages import global_state, kept_rows, lines, outcome, record

TOKEN = "emulator-token-canary"
REF = "ref-0PT711"


def run(emulator, config, messages, streams=("leads",)):
    """Run a sync; return how it ended and what it printed."""
    settings = parse_config({**configs.destination(emulator), **config})
    catalog = catalogs.written(*streams)
    text = lines(*messages)
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
    return outcome(code, b"".join(printed))


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
        messages.append(record(data, stream))
        if number % 10 == 9:
            messages.append(global_state(number))
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
            "object_storage_config": configs.local_store(tmp_path),
        }
        done = run(emulator, config, messages, ("upserts", "creates"))
        leads, log = emulator.leads(), emulator.request_log
        emulator.assert_clean()

    assert done.code == 0
    rows = kept_rows(tmp_path)
    assert {row["data"]["n"] for row in rows} == bad
    assert len(rows) == len(bad)
    assert {lead_id: lead.custom["n"] for lead_id, lead in leads.items()} == last
    assert log.overlapping == []
    applied = Counter(each.lead_id for each in log.applied if each.operation == "create")
    assert applied == Counter(f"lead{number}" for number in created - bad)
    states = done.states
    assert done.marks == list(range(9, 1_200, 10))
    assert sum(state["destinationStats"]["recordCount"] for state in states) == 1_200 - len(bad)
    assert sum(state["destinationStats"]["rejectedRecordCount"] for state in states) == len(bad)
    done.assert_no_leak("Canary", "98000", "lead1", "hot1", TOKEN)


def test_a_token_that_expires_fails_the_sync_and_acknowledges_only_what_was_done():
    scenario = Scenario(
        token=TOKEN, calls_per_minute=None, faults=(Fault(FaultKind.UNAUTHORIZED_401, on="write", skip=3),)
    )
    messages = []
    for number in range(1_000):
        messages.append(record({"lead_id": f"L{number}", "phone_number": "9876543210", "contact_name": "A"}))
        if number % 100 == 99:
            messages.append(global_state(number))
    with Emulator(scenario) as emulator:
        done = run(emulator, {"workers": 1}, messages)
        assert len(emulator.leads()) == 300
    assert done.code == 1
    assert done.marks == [99, 199, 299]
    assert done.error["failure_type"] == "config_error"
    assert done.error["message"].startswith("squadstack.token is not accepted by SquadStack (Token expired).")


@pytest.mark.parametrize("operation", ["upsert", "create"])
def test_a_lead_that_this_run_made_active_itself_proves_nothing_about_a_lost_answer(operation):
    # The second write of the lead is lost before it is applied; "still active" then speaks of the first one.
    scenario = Scenario(
        token=TOKEN,
        calls_per_minute=None,
        reactivates=True,
        faults=(Fault(FaultKind.RESET, on="write", skip=1, times=1),),
    )
    messages = [record({"lead_id": "X", "phone_number": "9876543210", "contact_name": name}) for name in ("old", "new")]
    with Emulator(scenario) as emulator:
        config = {"default": {"operation": operation, "ref_id": REF}}
        done = run(emulator, config, [*messages, global_state(1)])
        assert emulator.leads()["X"].contact_name == "old"
    assert done.code == 0
    (state,) = done.states
    assert state["destinationStats"] == {"recordCount": 1, "rejectedRecordCount": 1}


def test_a_list_whose_answer_was_lost_is_sent_again_and_is_known_to_be_written():
    scenario = Scenario(token=TOKEN, calls_per_minute=None, faults=(Fault(FaultKind.RESET_AFTER, on="write", times=1),))
    message = record({"lead_id": "X", "phone_number": "9876543210", "contact_name": "A"})
    with Emulator(scenario) as emulator:
        config = {"default": {"operation": "create", "api": "v4", "campaign_id": "0PT711"}}
        done = run(emulator, config, [message, global_state(1)])
        assert len(emulator.request_log.calls) == 2
        assert [(each.operation, each.lead_id) for each in emulator.request_log.applied] == [("create", "X")]
        emulator.assert_clean()
    assert done.code == 0
    (state,) = done.states
    assert state["destinationStats"] == {"recordCount": 1, "rejectedRecordCount": 0}
