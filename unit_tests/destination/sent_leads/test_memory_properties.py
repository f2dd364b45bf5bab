"""Whatever runs are killed, what SquadStack has after a whole one is what the source says."""

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from destination_squadstack.engine.tracking import Outcome
from destination_squadstack.rejected_records.part_files import StorageWriter
from destination_squadstack.sent_leads.memory_files import MemoryFiles
from destination_squadstack.sent_leads.missing_leads import MissingLeads

LEADS = [f"L{number}" for number in range(4)]
BODIES = [b"a", b"b"]
# Two streams on one campaign, always read in this order.
NOW = 1_700_000_000_000
STREAMS = ["first", "second"]

leads = st.dictionaries(st.sampled_from(LEADS), st.sampled_from(BODIES))
models = st.fixed_dictionaries(dict.fromkeys(STREAMS, leads))
# After how many steps a run is killed; how many records are on their way at once; when the journal is written anew.
how = st.tuples(st.none() | st.integers(0, 16), st.integers(1, 3), st.integers(1, 4))


@st.composite
def histories(draw):
    """Return some runs, and what the source says in the end. A source often says again what it has said before."""
    said = st.sampled_from(draw(st.lists(models, min_size=1, max_size=3)))
    return draw(st.lists(st.tuples(said, how), max_size=5)), draw(said)


class Killed(Exception):  # noqa: N818 - it is what happens to a run
    """The run is killed here."""


class Still:
    """A clock that stands."""

    def wall(self):
        return NOW / 1000

    monotonic = wall


class Files:
    """A storage in memory. Whatever changes it is a step, at which a run may be killed."""

    def __init__(self):
        self.files = {}
        self.steps = None

    def step(self):
        if self.steps is not None:
            if not self.steps:
                raise Killed
            self.steps -= 1

    def put(self, path, content):
        self.step()
        self.files[path] = content

    def read(self, path):
        try:
            return self.files[path]
        except KeyError:
            raise FileNotFoundError from None

    def names(self, folder):
        return sorted(path for path in self.files if path.startswith(folder))

    def remove(self, path):
        self.step()
        del self.files[path]


class World:
    """A storage, a server, and runs that may be killed."""

    def __init__(self):
        self.storage = Files()
        self.server = {}
        self.runs = 0

    @property
    def active(self):
        return {lead_id: body for lead_id, body in self.server.items() if body is not None}

    def run(self, model, steps=None, at_once=1, commit_every=2):
        self.runs += 1
        self.storage.steps = steps
        run = Run(self, f"run-{self.runs}", at_once, commit_every)
        with contextlib.suppress(Killed):
            run.whole(model)
        run.files.close()


class Run:
    """What a sync does with the memory."""

    def __init__(self, world, run_id, at_once, commit_every):
        self.world, self.at_once, self.commit_every = world, at_once, commit_every
        self.files = MemoryFiles(
            StorageWriter(world.storage, Still(), what="the memory"),
            run_id=run_id,
            clock=Still(),
            log=lambda *_: None,
            resend_after_days=30,
            new_salt=lambda: b"0123456789abcdef",
        )
        self.memory = self.files.memory
        self.missing = MissingLeads(self.memory)
        self.scopes = {stream: self.memory.scope("ref-1", None, stream) for stream in STREAMS}
        self.waiting = []

    def whole(self, model):
        for stream, scope in self.scopes.items():
            for lead_id, body in model[stream].items():
                if self.memory.look(scope, lead_id, self.memory.fingerprint("upsert", body), NOW) is None:
                    self.send(scope, lead_id, body, "upsert", Outcome.ACCEPTED)
        self.answer_until(0)
        complete = {("", stream) for stream in STREAMS}
        for scope in self.scopes.values():
            for lead_id in list(self.missing.of(scope, complete)):
                self.send(scope, lead_id, b"{}", "disable", Outcome.ENDED)
            self.missing.hand_over(scope, complete, NOW)
        self.answer_until(0)
        self.files.store()

    def send(self, scope, lead_id, body, operation, outcome):
        self.memory.sending(scope, lead_id, NOW)
        self.waiting.append((scope, lead_id, body, operation, outcome))
        self.answer_until(self.at_once - 1)

    def answer_until(self, left):
        while len(self.waiting) > left:
            scope, lead_id, body, operation, outcome = self.waiting.pop(0)
            self.files.before_sending([(scope.id, lead_id)])
            self.world.storage.step()
            self.world.server[lead_id] = body if operation == "upsert" else None
            self.world.storage.step()
            self.memory.settled(scope, lead_id, self.memory.fingerprint(operation, body), outcome, NOW)
            if len(self.memory.events) % self.commit_every == 0:
                self.files.commit()


@settings(max_examples=60, deadline=None)
@given(histories(), st.integers(1, 3))
def test_after_a_whole_run_the_server_has_what_the_only_stream_says(history, at_once):
    before, model = history
    world = World()
    for each, how in before:
        world.run({"first": each["first"], "second": {}}, *how)
    world.run({"first": model["first"], "second": {}}, at_once=at_once)
    assert world.active == model["first"]


@settings(max_examples=60, deadline=None)
@given(histories(), st.integers(1, 3))
def test_after_two_whole_runs_the_server_has_what_the_later_of_two_streams_says(history, at_once):
    before, model = history
    world = World()
    for each, how in before:
        world.run(each, *how)
    world.run(model, at_once=at_once)
    assert set(world.active) == {*model["first"], *model["second"]}
    world.run(model, at_once=at_once)
    assert world.active == {**model["first"], **model["second"]}


@settings(max_examples=30, deadline=None)
@given(histories(), st.integers(1, 3))
def test_a_source_that_does_not_change_is_sent_no_more_after_some_runs(history, at_once):
    before, model = history
    world = World()
    for each, how in before:
        world.run(each, *how)
    for _ in range(4):
        world.run(model, at_once=at_once)
    world.server = {}
    world.run(model, at_once=at_once)
    assert world.server == {}
