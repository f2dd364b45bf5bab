"""Syncs killed at any moment, and one that is not: the server has what the source says, and no more."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from destination_squadstack import sync as destination
from destination_squadstack import sync_storage
from test_support.killed_syncs import (
    BAD_CITY,
    FILTERED_CITY,
    World,
    acknowledged,
    expected,
    verdicts,
    verdicts_of_books,
)
from test_support.sync_clock import SyncEvents

LEADS = [f"L{number}" for number in range(4)]
records = st.tuples(st.sampled_from(LEADS), st.sampled_from(["Pune", "Delhi", BAD_CITY, FILTERED_CITY]))
models = st.lists(records, max_size=6)
# Enough for a sync of six records: each file and each call is a step or two.
kills = st.none() | st.integers(0, 16)
lost_answers = st.frozensets(st.integers(1, 4), max_size=2)


@st.composite
def histories(draw):
    """Return some syncs, and the last one."""
    said = draw(st.lists(models, min_size=1, max_size=3))
    which = st.sampled_from(said)
    return draw(st.lists(st.tuples(which, kills, lost_answers), max_size=4)), draw(which)


@st.composite
def changes_taken_back(draw):
    """Return a sync, another that is killed, and the first again: what the killed one has sent must not stay."""
    first = draw(st.lists(records, min_size=1, max_size=4))
    other = [(lead_id, draw(st.sampled_from(["Pune", "Delhi"]))) for lead_id, _ in first]
    return [(first, None, frozenset()), (other, draw(st.integers(0, 9)), frozenset())], first


@pytest.fixture(scope="module")
def patched():
    patch = pytest.MonkeyPatch()
    patch.setattr(destination, "SimpleQueue", SyncEvents)
    yield patch
    patch.undo()


@pytest.fixture
def world(patched):
    world = World()
    patched.setattr(sync_storage, "open_storage", lambda *_: world)
    return world


AS_FIXTURES_STAY = [HealthCheck.function_scoped_fixture]


@settings(max_examples=40, deadline=None, suppress_health_check=AS_FIXTURES_STAY)
@given(history=histories() | changes_taken_back())
def test_after_a_whole_sync_the_server_has_what_the_source_says(kit_for_properties, patched, history):
    before, model = history
    world = World()
    patched.setattr(sync_storage, "open_storage", lambda *_: world)
    for number, (each, steps, lost) in enumerate(before):
        world.run(kit_for_properties, number, each, steps=steps, lost_answers=lost)
    held = {**world.leads}
    code, _ = world.run(kit_for_properties, len(before), model)
    active, unsure = expected(model, held)
    assert {lead_id: city for lead_id, city in world.active.items() if lead_id not in unsure} == active
    assert code == 0


@settings(max_examples=25, deadline=None, suppress_health_check=AS_FIXTURES_STAY)
@given(history=histories(), steps=kills, lost=lost_answers)
def test_each_record_is_in_the_delivery_log_once_as_the_servers_books_have_it(
    kit_for_properties, patched, history, steps, lost
):
    before, model = history
    world = World()
    patched.setattr(sync_storage, "open_storage", lambda *_: world)
    runs = [*before, (model, steps, lost), (model, None, frozenset())]
    for number, (each, left, unanswered) in enumerate(runs):
        code, printed = world.run(kit_for_properties, number, each, steps=left, lost_answers=unanswered)
        rows, told = world.deliveries(number), verdicts_of_books(world.books)
        from_source = [row for row in rows if row["verdict"] != "disabled_gone"]
        assert len(from_source) >= acknowledged(printed, each), "a state leaves after the rows of its records"
        for row in rows:
            assert (row["calls"] > 0) == (row["status_code"] is not None)
        sent = verdicts([row for row in rows if row["calls"]])
        assert sent <= told, "what was committed is so, whatever happened to the run"
        count = {lead_id: sum(lead == lead_id for lead, _ in each) for lead_id in LEADS}
        logged = {lead_id: sum(row["lead_id"] == lead_id for row in from_source) for lead_id in LEADS}
        assert all(logged[lead_id] <= count[lead_id] for lead_id in LEADS)
        filtered = sum(row["verdict"] == "filtered" for row in rows)
        assert filtered <= sum(city == FILTERED_CITY for _, city in each)
        if code == 0:
            assert (logged, sent) == (count, told)
            assert filtered == sum(city == FILTERED_CITY for _, city in each)


@pytest.mark.parametrize("steps", range(14))
def test_what_a_killed_sync_has_sent_and_the_source_has_taken_back_is_taken_back(kit, world, steps):
    first = [("L0", "Pune"), ("L1", "Pune"), ("L2", "Pune")]
    world.run(kit, 0, first)
    world.run(kit, 1, [("L0", "Delhi"), ("L1", "Pune"), ("L3", "Delhi")], steps=steps)
    assert world.run(kit, 2, first)[0] == 0
    assert world.active == dict(first)
