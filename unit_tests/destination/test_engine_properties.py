"""Random interleavings of everything: whatever happens, nothing is lost, doubled or out of order."""

import random
import re
from collections import defaultdict
from contextlib import closing

from hypothesis import given, settings
from hypothesis import strategies as st

from destination_squadstack.api.outcomes import ApiResponse, NoResponse
from destination_squadstack.engine.calls import Probe

STREAMS = ("creates", "upserts", "elsewhere")
CONFIG = {
    "squadstack": {"token": "t"},
    "streams": [
        {"stream": "creates", "operation": "create", "ref_id": "one"},
        {"stream": "upserts", "operation": "upsert", "ref_id": "one"},
        {"stream": "elsewhere", "operation": "upsert", "ref_id": "two"},
    ],
    "linger_seconds": 5,
}
DUPLICATE = "Duplicate Lead ID shared: A lead with the given Lead ID: 'x' is already present in this campaign"
BUSY = '{"error_type":1,"detail":"Another request for the same lead is getting processed already"}'
FAULTS = (
    "lost before", "lost after", "500 before", "500 after", "half then silent", "wrong length", "html", "empty",
    "metadata", "429", "busy", "row 500 after", "no connection", "503", "400", "rows 500", "rows 503", "rows 429",
    "rows busy",
)  # fmt: skip

NOT_CARRIED_OUT = {
    "lost before": NoResponse("reset", may_be_applied=True),
    "no connection": NoResponse("no connection", may_be_applied=False),
    "500 before": ApiResponse(500, None, "no JSON"),
    "503": ApiResponse(503, None, "no JSON"),
    "400": ApiResponse(400, {"error_msg": "x"}),
    "429": ApiResponse(429, None, "no JSON", retry_after=3.0),
}
# An outage reported row by row.
ROWS = {
    "rows 500": (500, "We're facing some technical issues."),
    "rows 503": (503, "maintenance"),
    "rows 429": (429, "Request was throttled. Please try after 60 seconds"),
    "rows busy": (409, BUSY),
}


def number_of(text):
    return int(re.search(rb'"n":(\d+)', text)[1])


class Server:
    """Applies what it is sent as SquadStack does, and answers as the test wants."""

    def __init__(self, existing):
        self.leads = {("one", lead) for lead in existing}
        self.applied = defaultdict(list)
        self.applied_numbers = set()

    def apply(self, lane, record):
        """Return the row for one record."""
        ref = lane.path.split("/")[3]
        lead, number = record.lead_id, number_of(record.body)
        if lane.operation.name == "create" and (ref, lead) in self.leads:
            return {"status_code": 409, "data": {"error_msg": DUPLICATE}}
        self.leads.add((ref, lead))
        self.applied[ref, lead].append(number)
        self.applied_numbers.add(number)
        return {"status_code": 200, "data": {"lead_id": lead}}

    def arrive(self, call, fault):
        """Do the work of a call; return the answer that it will get."""
        records = call.records
        if fault in NOT_CARRIED_OUT:
            return NOT_CARRIED_OUT[fault]
        if fault in ROWS:
            status, said = ROWS[fault]
            rows = [{"status_code": status, "data": {"error_msg": said}} for _ in records or [None]]
            return ApiResponse(200, {"result": rows})
        if fault == "half then silent":
            for record in records[: len(records) // 2]:
                self.apply(call.lane, record)
            return NoResponse("timeout", may_be_applied=True, timed_out=True)
        busy = fault in ("busy", "row 500 after") and self.first_row_that_fails(call, fault)
        result = [self.apply(call.lane, record) for record in records[1 if busy else 0 :]]
        result = [busy, *result] if busy else result
        good = sum(row["status_code"] == 200 for row in result)
        body = {
            "result": result,
            "metadata": {"total_leads": len(result), "success": good, "failed": len(result) - good},
        }
        if fault == "wrong length":
            body["result"] = result[:-1]
        if fault == "metadata":
            body["metadata"]["success"] = good + 1
        answers = {
            "lost after": NoResponse("reset", may_be_applied=True),
            "500 after": ApiResponse(500, None, "no JSON"),
            "html": ApiResponse(200, None, "a body that is not JSON"),
            "empty": ApiResponse(200, None, "an empty body"),
        }
        return answers.get(fault, ApiResponse(200, body))

    def first_row_that_fails(self, call, fault):
        if fault == "busy":
            return {"status_code": 409, "data": {"error_msg": BUSY}}
        self.apply(call.lane, call.records[0])
        return {"status_code": 500, "data": {"error_msg": "We're facing some technical issues."}}


class Run:
    """Plays one input through an engine, in an order that chance decides."""

    def __init__(self, kit, events, existing, seed, fault_rate):
        self.chance = random.Random(seed)
        self.bench = kit.bench(CONFIG, kit.catalog(*STREAMS), largest=4, open_bound=3, jitter=self.chance.random)
        self.server = Server(existing)
        self.kit, self.fault_rate = kit, fault_rate
        self.under_way = []
        self.left = []
        self.before = {}  # what has to be done before a state may leave
        self.counts = defaultdict(lambda: [0, 0])
        # A create without a response, for a lead that was there before the run, looks like one of our own.
        self.unknowable = {at for at, event in enumerate(events) if event[:2] == ("record", 0) and event[2] in existing}
        self.messages = self.build(events)

    def build(self, events):
        messages, numbers = [], []
        for index, event in enumerate(events):
            if event[0] == "state":
                self.before[index] = list(numbers)
                messages.append(self.state(index, event[1]))
            else:
                _, stream, lead, bad = event
                numbers.append(index)
                fields = {"contact_name": 7} if bad else {}
                messages.append(self.kit.record(lead, STREAMS[stream], n=index, **fields))
        return messages

    def state(self, index, kind):
        if kind == "LEGACY":
            return self.kit.message({"type": "STATE", "state": {"data": {"cursor": index}, "id": index}})
        return self.kit.state(index, None if kind == "GLOBAL" else STREAMS[kind])

    def play(self):
        engine, queue = self.bench.engine, list(self.messages)
        steps = 0
        while not engine.finished:
            steps += 1
            assert steps < 20_000, "the flow has come to a stop"
            choices = ["calls"]
            choices += ["feed"] * 3 if queue and not engine.saturated else []
            choices += ["answer"] * 2 if self.under_way else []
            choice = self.chance.choice(choices)
            if choice == "feed":
                self.bench.feed(queue.pop(0))
            elif choice == "answer":
                self.answer()
            else:
                if not queue:
                    self.bench.end()
                self.call()
                if not queue and not self.under_way and not engine.finished:
                    self.bench.wait()
            if self.chance.random() < 0.2:
                self.bench.now += self.chance.random() * 10
            self.pass_on()
        self.pass_on()

    def call(self):
        for call in self.bench.calls():
            keys = {(call.lane.lead_namespace, record.lead_id) for record in call.records}
            assert len(keys) == len(call.records) <= 4, "a lead twice in one call, or too many leads"
            for other, _ in self.under_way:
                assert not keys & {(other.lane.lead_namespace, record.lead_id) for record in other.records}, (
                    "overlapping calls"
                )
            # Twelve in a row end the sync, which has tests of its own.
            fair = (call.call if isinstance(call, Probe) else call).stalled_tries >= 8
            fault = self.chance.choice(FAULTS) if self.chance.random() < self.fault_rate and not fair else None
            if fault == "400" and len(call.records) == 1:
                fault = None  # a refusal of that lead, which is final
            if not call.records:
                fault = self.chance.choice(("500 before", *ROWS)) if fault else None
            refused = ApiResponse(400, {"detail": "a lead without an id"})
            answer = self.server.arrive(call, fault) if call.records or fault else refused
            self.under_way.append((call, answer))

    def answer(self):
        call, answer = self.under_way.pop(self.chance.randrange(len(self.under_way)))
        self.bench.answer(call, answer)

    def pass_on(self):
        for state in self.bench.states():
            mark = state["id"]
            rejected_records = self.bench.rejected_records
            rejected = [number_of(rejection.line) for rejection in rejected_records.rejections]
            for number in set(self.before[mark]) - self.unknowable:
                assert number in rejected or number in self.server.applied_numbers, "a state left too early"
            unsafe = set(rejected[rejected_records.committed :])
            assert not unsafe & set(self.before[mark]), "a state left before the rejects were safe"
            self.left.append(state)


EVENTS = st.lists(
    st.one_of(
        st.tuples(
            st.just("record"), st.integers(0, 2), st.sampled_from("abcdefghij"), st.booleans().map(lambda _: False)
        ),
        st.tuples(
            st.just("record"),
            st.integers(0, 2),
            st.sampled_from("abcdefghijklmnopqrstuvw"),
            st.sampled_from([False, False, True]),
        ),
        st.tuples(st.just("state"), st.sampled_from([0, 1, 2, "GLOBAL", "LEGACY"])),
    ),
    max_size=80,
)


@given(EVENTS, st.sets(st.sampled_from("abcdefghij")), st.integers(0, 2**32), st.sampled_from([0.0, 0.3, 0.6]))
@settings(max_examples=settings.default.max_examples * 3 // 2)
def test_nothing_is_lost_doubled_or_out_of_order(kit_for_properties, events, existing, seed, fault_rate):
    run = Run(kit_for_properties, events, existing, seed, fault_rate)
    with closing(run.bench.engine):
        run.play()
        check_the_books(run, events)


def check_the_books(run, events):

    rejections = run.bench.rejected_records.rejections
    rejected = [number_of(rejection.line) for rejection in rejections]
    read = [index for index, event in enumerate(events) if event[0] == "record"]

    # each record ends in exactly one way, and "written" is the truth
    assert len(rejected) == len(set(rejected))
    assert run.bench.progress.written + len(rejected) == run.bench.progress.read == len(read)
    assert set(read) - set(rejected) - run.unknowable <= run.server.applied_numbers
    given_up = {number for number, rejection in zip(rejected, rejections, strict=True) if rejection.retryable}
    assert not set(rejected) - given_up & run.server.applied_numbers
    # each lead sees its records in the order in which they were read
    for numbers in run.server.applied.values():
        assert numbers == sorted(numbers)
    # each state leaves once, in order
    states = [index for index, event in enumerate(events) if event[0] == "state"]
    assert [state["id"] for state in run.left] == states
    assert stats(run) == expected_stats(events, set(rejected))


def stats(run):
    return [
        (state["destinationStats"]["recordCount"], state["destinationStats"]["rejectedRecordCount"])
        for state in run.left
    ]


def expected_stats(events, rejected):
    """Count the plain way: a STREAM state covers its stream since that stream's last count, others for all."""
    since = defaultdict(lambda: [0, 0])
    found = []
    for index, event in enumerate(events):
        if event[0] == "record":
            since[event[1]][index in rejected] += 1
        elif event[1] in (0, 1, 2):
            found.append(tuple(since.pop(event[1], (0, 0))))
        else:
            found.append((sum(each[0] for each in since.values()), sum(each[1] for each in since.values())))
            since.clear()
    return found
