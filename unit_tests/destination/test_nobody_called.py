"""Whatever happens, nobody is called who must not be: no suppressed number and no deleted row leaves to be called.

The judge sees what goes over the wire and knows the input's rows, and nothing of how they came to be sent.
"""

import json
import random
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_squadstack.api.outcomes import ApiResponse, NoResponse
from destination_squadstack.engine.calls import Probe
from destination_squadstack.errors import SyncError
from destination_squadstack.record_rules.suppression import read_list

SUPPRESSED = ("9876500001", "9876500002")
SPELLINGS = ("{}", "+91 {}", "0{}", "0091-{}", "(91) {}", "{} ext 12", "\uff19\uff11{}", "{} / 9876511111")
CALLING = ("lead-created", "lead-upserted", "lead-updated", "leads/create", "leads/update")
# What may be done to leads in each API, by the stream `first` and by the stream `second`.
OPERATIONS = {
    "crm_v2": (["create", "upsert", "update"], "upsert"),
    "v4": (["create", "update"], "create"),
    "v1": (["create"], "create"),
}
# A contact center's campaign, to which leads are added.
ADDS = "/api/v2/config/campaigns/c1/lead"
DELETED = ("2026-01-01T00:00:00Z", True, 1, "true")
BUSY = '{"error_type":1,"detail":"Another request for the same lead is getting processed already"}'
MISSING = "Lead with ID 'x' does not exist in the campaign or lead has already been processed"
PORTAL = {
    "portal_url": "https://portal.example:9443",
    "username": "u",
    "password": "p",
    "domain": "d",
    "account_id": "a",
}
FAULTS = (
    "lost before", "lost after", "500 before", "500 after", "silent", "429", "no connection", "html", "400",
    "rows busy", "rows 500", "rows 404", "rows 400", "first row 500",
)  # fmt: skip


def a_config(kind, on_deleted, on_match, *, named, deleted_field):
    """Return a config of three streams: rows of a CRM, another of the same campaign, and a contact center's."""
    api, operation = kind
    target = "ref_id" if api == "crm_v2" else "campaign_id"
    where = {"api": api, target: "own"} | ({f"{target}_from": "crm.ref"} if named else {})
    on_deleted = "disable" if (api, on_deleted) == ("v1", "delete") else on_deleted
    rules = {**where, "on_deleted": on_deleted, "deleted_field": deleted_field}
    streams = [
        {"stream": "first", "operation": operation, **rules},
        {"stream": "second", "operation": OPERATIONS[api][1], **rules},
    ]
    config = {
        "squadstack": {"token": "t"},
        "streams": streams,
        "suppression": {"path": "list.txt", "on_match": on_match},
        "allow_delete": True,
        "linger_seconds": 5,
    }
    if on_match == "reject":
        entry = {"stream": "third", "operation": "add_lead", "api": "contact_center", "campaign_id": "c1"}
        streams.append({**entry, "deleted_field": deleted_field})
        config["contact_center"] = PORTAL
    return config


def leads_of(bodies):
    """Return the leads of a call to SquadStack; those of a contact center are told apart by their numbers."""
    return {str(lead["lead_id"]) for lead in map(json.loads, bodies) if lead.get("lead_id")}


class Wire:
    """Sees each call, and holds it against the rows of the input."""

    def __init__(self, rows):
        self.rows = rows
        self.begin()

    def begin(self):
        """Note that another process begins: it sends again what no state covers."""
        self.newest = defaultdict(lambda: -1)
        self.seen = set()
        self.under_way = []

    def answered(self, bodies):
        self.under_way.remove(leads_of(bodies))

    def sees(self, path, bodies):
        leads = leads_of(bodies)
        assert not any(leads & others for others in self.under_way), "two calls for one lead at once"
        self.under_way.append(leads)
        adds = path == ADDS
        calling = adds or any(name in path for name in CALLING)
        for body in bodies:
            lead = json.loads(body)
            if not calling:
                assert set(lead) <= {"lead_id"}, "a lead is stopped by its id alone"
                continue
            if set(lead) == {"lead_id"}:
                assert lead["lead_id"] == "", "a lead without its fields is a probe's"
                continue
            number = int(lead["note"])
            row = self.rows[number]
            assert not row["suppressed"], "a suppressed number leaves to be called"
            assert not row["deleted"], "a deleted row leaves to be called"
            told = str(lead.get("number")) + str(lead.get("phone_number"))
            assert not any(digits in told for digits in SUPPRESSED)
            if number not in self.seen and not adds:
                self.seen.add(number)
                assert number > self.newest[row["lead"]], "records of a lead out of order"
                self.newest[row["lead"]] = number


class Api:
    """Answers as chance decides, and keeps the order of what was carried out."""

    def __init__(self, wire, chance, fault_rate):
        self.wire, self.chance, self.fault_rate = wire, chance, fault_rate

    def answer(self, call):
        self.wire.sees(call.lane.path, call.bodies)
        fair = (call.call if isinstance(call, Probe) else call).stalled_tries >= 8
        fault = self.chance.choice(FAULTS) if self.chance.random() < self.fault_rate and not fair else None
        if isinstance(call, Probe):
            return ApiResponse(500, None, "no JSON") if fault == "500 before" else ApiResponse(400, {"detail": "no id"})
        whole = {
            "lost before": NoResponse("reset", may_be_applied=True),
            "lost after": NoResponse("reset", may_be_applied=True),
            "500 before": ApiResponse(500, None, "no JSON"),
            "500 after": ApiResponse(500, None, "no JSON"),
            "silent": NoResponse("timeout", may_be_applied=True, timed_out=True),
            "429": ApiResponse(429, None, "no JSON", retry_after=3.0),
            "no connection": NoResponse("no connection", may_be_applied=False),
            "html": ApiResponse(200, None, "a body that is not JSON"),
            "400": ApiResponse(400, {"error_msg": "x"}),
        }
        if fault in whole:
            return whole[fault]
        if call.lane.path == ADDS:
            return ApiResponse(200, {})
        rows = [self.row(record, index, fault) for index, record in enumerate(call.records)]
        if call.lane.operation.has_row_results:
            return ApiResponse(200, {"result": rows})
        # Of a list the API says one thing for all leads.
        return ApiResponse(rows[0]["status_code"], rows[0]["data"])

    def row(self, record, index, fault):
        status, said = {
            "rows busy": (409, BUSY),
            "rows 500": (500, "We're facing some technical issues."),
            "rows 404": (404, MISSING),
            "rows 400": (400, "phone_number: bad"),
            "first row 500": (500, "We're facing some technical issues.") if index == 0 else (200, ""),
        }.get(fault, (200, ""))
        data = {"lead_id": record.lead_id} if status == 200 else {"error_msg": said}
        return {"status_code": status, "data": data}


class Syncs:
    """Plays the rows through one process after another: killed, restarted behind its last state, then replayed."""

    def __init__(self, kit, config, rows, seed, fault_rate, *, kills):
        self.kit, self.config, self.kills = kit, config, kills
        self.chance = random.Random(seed)
        self.wire = Wire(rows)
        self.api = Api(self.wire, self.chance, fault_rate)
        self.streams = [entry["stream"] for entry in config["streams"]]
        self.kept = []

    def play(self, messages):
        acknowledged = 0
        for process in range(self.kills + 1):
            acknowledged += self.run(messages[acknowledged:], killed=process < self.kills)
        # As `replay` sorts them.
        kept, self.kept = sorted(self.kept, key=lambda rejection: rejection.number), []
        self.run([self.kit.message(json.loads(rejection.line), rejection.number) for rejection in kept], replay=True)

    def run(self, messages, *, killed=False, replay=False):
        """Play one process; return how many of its messages the states cover that left."""
        self.wire.begin()
        bench = self.kit.bench(
            self.config,
            self.kit.catalog(*self.streams),
            largest=4,
            open_bound=3,
            jitter=self.chance.random,
            suppression=read_list(["\n".join(SUPPRESSED).encode()]),
            tolerate_rejections=True,
        )
        covered = 0
        try:
            for mark in self.steps(bench, list(messages)):
                covered = mark + 1
                if killed and self.chance.random() < 0.5:
                    break
        except SyncError:
            pass  # the next process goes on where this one stopped
        finally:
            bench.engine.close()
        rejected = bench.rejected_records
        self.kept += rejected.rejections[: rejected.committed] if not replay else []
        first = messages[0].number if messages else 0
        return max(0, covered - first)

    def steps(self, bench, queue):
        """Feed, call and answer as chance decides; yield the marks of the states that leave."""
        engine, under_way = bench.engine, []
        for _ in range(20_000):
            if engine.finished:
                break
            choices = ["calls", *["feed"] * 3 * bool(queue and not engine.saturated), *["answer"] * 2 * bool(under_way)]
            choice = self.chance.choice(choices)
            if choice == "feed":
                bench.feed(queue.pop(0))
            elif choice == "answer":
                call, answer = under_way.pop(self.chance.randrange(len(under_way)))
                self.wire.answered(call.bodies)
                bench.answer(call, answer)
            else:
                if not queue and not engine.input_ended:
                    bench.end()
                under_way += [(call, self.api.answer(call)) for call in bench.calls()]
                if not queue and not under_way and not engine.finished:
                    bench.wait()
            yield from bench.marks()
        else:
            pytest.fail("the flow has come to a stop")
        bench.rejected_records.commit()
        yield from bench.marks()


ROW = st.fixed_dictionaries(
    {
        "stream": st.integers(0, 2),
        "lead": st.sampled_from("12345"),
        "ref": st.sampled_from([None, "", "one", "two"]),
        "kind": st.sampled_from(["plain", "plain", "plain", "deleted", "suppressed", "both", "no number"]),
        "number": st.sampled_from(SUPPRESSED),
        "spelling": st.sampled_from(SPELLINGS),
        "deleted": st.sampled_from(DELETED),
        # Without a name an upsert is sent alone, in the form for one lead.
        "name": st.sampled_from(["Asha", "Asha", None]),
    }
)
CONFIGS = st.builds(
    a_config,
    st.sampled_from([(api, operation) for api, (operations, _) in OPERATIONS.items() for operation in operations]),
    st.sampled_from(["skip", "disable", "delete"]),
    st.sampled_from(["reject", "disable"]),
    named=st.booleans(),
    deleted_field=st.sampled_from(["_ab_cdc_deleted_at", "crm.IsDeleted"]),
)


def a_message(kit, config, index, row):
    """Return a row as a RECORD, and what the judge knows of it."""
    streams = config["streams"]
    entry = streams[row["stream"] % len(streams)]
    deleted, suppressed = row["kind"] in ("deleted", "both"), row["kind"] in ("suppressed", "both")
    number = row["spelling"].format(row["number"]) if suppressed else "9876543210"
    data = {
        "lead_id": row["lead"],
        "note": str(index),
        "contact_name": row["name"],
        "state_code": "MH",
        "crm": {"ref": row["ref"]},
        "phone_number": None if row["kind"] == "no number" else number,
        "number": number,
    }
    if deleted and entry["deleted_field"] == "crm.IsDeleted":
        data["crm"]["IsDeleted"] = row["deleted"]
    elif deleted:
        data[entry["deleted_field"]] = row["deleted"]
    record = {"stream": entry["stream"], "emitted_at": 1, "data": data}
    message = kit.message({"type": "RECORD", "record": record}, index)
    return message, {"lead": row["lead"], "deleted": deleted, "suppressed": suppressed}


@given(
    CONFIGS,
    st.lists(ROW, min_size=20, max_size=40),
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.3, 0.6]),
    st.integers(0, 2),
)
def test_no_suppressed_number_and_no_deleted_row_is_ever_sent_to_be_called(
    kit_for_properties, config, rows, seed, fault_rate, kills
):
    kit = kit_for_properties
    messages, known = [], {}
    for row in rows:
        index = len(messages)
        message, known[index] = a_message(kit, config, index, row)
        messages.append(message)
        if index % 5 == 4:
            state = kit.state(len(messages), None)
            messages.append(state._replace(number=len(messages)))
    Syncs(kit, config, known, seed, fault_rate, kills=kills).play(messages)
