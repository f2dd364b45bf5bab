"""The destination's engine against a model of the API: whatever the API does, nothing is acknowledged that is not so.

The model (`test_support/crm_model.py`) follows the vendor's documents; the checks (`test_support/sync_checks.py`)
use its log, the states that left and the rejected records. The profile `endurance` tries a hundred times as many.
"""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from destination_squadstack.api.timeouts import READ_SECONDS
from test_support.crm_model import CALL_FAULTS, ROW_FAULTS, Server, Weather
from test_support.sync_checks import Read, Run, check_order, check_run

OPERATIONS = ("create", "upsert", "update", "convert", "disable", "delete")
STREAMS = {operation: f"leads_{operation}" for operation in OPERATIONS}
GENTLE = 0.25  # the largest share of faults under which a sync has to succeed

POISON = "lead-"


def blamed(lead, every):
    return lead["lead_id"].startswith(POISON) and int(lead["lead_id"].rpartition("-")[2]) % every == 0


shares = st.sampled_from([0.05, 0.1, 0.2, 0.5, 1.0])


class World(RuleBasedStateMachine):
    """A source, a server and one process of the destination after another."""

    kit: Any

    @initialize(
        seed=st.integers(0, 2**16),
        allowance=st.sampled_from([None, 100, 30]),
        retry_after=st.booleans(),
        workers=st.integers(1, 8),
        linger=st.sampled_from([1, 30, 120]),
        ignore=st.booleans(),
    )
    def begin(self, seed, allowance, retry_after, workers, linger, ignore):
        self.server = Server(seed, allowance=allowance, retry_after=retry_after)
        self.source: list[tuple[str, Any]] = []  # what the source has, in order; what was acknowledged is a prefix
        self.acknowledged = 0  # entries of the source that a state has covered
        self.harsh = False
        self.runs: list[Run] = []
        self.options = {"workers": workers, "linger_seconds": linger, "on_duplicate": "ignore" if ignore else "reject"}
        self.ignores = ignore
        self.calls_per_minute = allowance or 1_000_000
        self.next_id = 0
        self._start(0.0)

    def _start(self, now):
        kit = self.kit
        bench = kit.bench(
            kit.config(
                **self.options,
                allow_delete=True,
                streams=[{"stream": name, "operation": operation} for operation, name in STREAMS.items()],
            ),
            kit.catalog(*STREAMS.values(), mode="append"),
            calls_per_minute=self.calls_per_minute,
            read_timeout=READ_SECONDS,
        )
        self.run = Run(bench, self.server, now, ignores_duplicates=self.ignores)
        self.runs.append(self.run)
        self.base = self.acknowledged
        for entry in self.source[self.base :]:
            self._feed(entry)

    def _feed(self, entry):
        if self.run.dead:
            return
        kind, what = entry
        if kind == "state":
            self.run.feed(self.kit.state(what, None), mark=what)
            return
        operation, lead, broken = what
        number = len(self.run.reads)
        data: dict[str, Any] = {"seq": str(number)}
        if operation == "convert":
            data["detail"] = f"won {number}"
        if operation in {"create", "upsert"} and broken == "number":
            data["phone_number"] = "not a number"
        if operation == "upsert" and broken == "partial":
            data["contact_name"] = None
        name = STREAMS[operation]
        message = self.kit.record("" if broken == "id" else lead, stream=name, **data)
        key = None if broken == "id" else ("ref-1", lead)
        self.run.feed(message, Read(number, operation, key, message.line, valid=broken in (None, "partial")))

    def _add(self, entry):
        self.source.append(entry)
        self._feed(entry)

    @rule(
        operation=st.sampled_from(OPERATIONS),
        leads=st.lists(st.integers(0, 8), min_size=1, max_size=12),
        broken=st.sampled_from([None, None, None, None, "id", "number", "partial"]),
    )
    def few(self, operation, leads, broken):
        for index, lead in enumerate(leads):
            self._add(("record", (operation, f"hot-{lead}", broken if index == 0 else None)))

    @rule(operation=st.sampled_from(["create", "upsert"]), count=st.sampled_from([20, 150, 450]))
    def many(self, operation, count):
        for _ in range(count):
            self.next_id += 1
            self._add(("record", (operation, f"lead-{self.next_id}", None)))

    @rule()
    def state(self):
        self.next_id += 1
        self._add(("state", self.next_id))

    @rule(seconds=st.sampled_from([0.2, 5.0, 40.0, 100.0, 400.0]))
    def wait(self, seconds):
        self.run.pass_time(seconds)

    @rule(
        calls=st.dictionaries(st.sampled_from(CALL_FAULTS), shares, max_size=3),
        rows=st.dictionaries(st.sampled_from(ROW_FAULTS), shares, max_size=2),
        latency=st.sampled_from([(0.05, 0.3), (0.05, 0.3), (1.0, 20.0), (20.0, 90.0)]),
    )
    def weather(self, calls, rows, latency):
        self.server.weather = Weather(calls, rows, latency)
        if sum(calls.values()) + sum(rows.values()) > GENTLE:
            self.harsh = True

    @rule()
    def fair(self):
        self.server.weather = Weather()

    @rule(poison=st.sampled_from([("poisoned", 11), ("reset before", 97), ("reset before", 11), ("silent lost", 97)]))
    def poison(self, poison):
        """Have the API fail over certain leads, whatever else is in the call."""
        how, every = poison
        self.server.poison = lambda lead, how=how, every=every: how if blamed(lead, every) else None
        self.harsh = True

    @precondition(lambda self: len(self.runs) < 5)
    @rule()
    def kill(self):
        """End the process like `kill -9` and start the next from the last state that left."""
        now = self.run.now
        self._end_of_run()
        self._start(now + 1.0)

    def _end_of_run(self):
        check_run(self.run)
        check_order(self.run)
        self.acknowledged = self.base + self._entries_covered()
        self._raise()

    def _entries_covered(self):
        left = len(self.run.states_left)
        if not left:
            return 0
        seen = 0
        for index, (kind, _) in enumerate(self.source[self.base :]):
            seen += kind == "state"
            if seen == left:
                return index + 1
        raise AssertionError("more states left than there were")

    def _raise(self):
        complaints = [sentence for run in self.runs for sentence in run.complaints]
        if self.run.failure is not None and not self.harsh:
            complaints.append(f"failed in gentle weather: {self.run.failure}")
        assert not complaints, "\n".join(complaints[:5])

    def teardown(self):
        if not hasattr(self, "run"):
            return
        try:
            self._add(("state", 10**9))
            self.run.pass_time(30.0)
            self.server.weather = Weather()
            self.run.finish()
            self._end_of_run()
            if self.run.failure is not None:
                # The next attempt of the platform, in fair weather, brings everything home.
                self._start(self.run.now + 600.0)
                self.run.finish()
                self._end_of_run()
            assert self.run.ended, f"a sync in fair weather failed: {self.run.failure}"
        finally:
            for run in self.runs:
                run.bench.engine.close()


def test_whatever_the_api_does_nothing_is_acknowledged_that_is_not_so(kit_for_properties):
    class Machine(World):
        kit = kit_for_properties

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=settings().max_examples * 6 // 10,
            stateful_step_count=25,
        ),
    )
