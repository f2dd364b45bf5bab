"""Syncs killed at any moment, and one that is not: the server has what the source says, and no more."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from destination_squadstack import sync as destination
from destination_squadstack import sync_storage
from destination_squadstack.api.outcomes import ApiResponse
from destination_squadstack.config import parse_config
from destination_squadstack.protocol import Emitter
from destination_squadstack.routing import plan
from destination_squadstack.sync import Sync
from test_support.sync_clock import MovedClock, SyncEvents

LEADS = [f"L{number}" for number in range(6)]
models = st.dictionaries(st.sampled_from(LEADS), st.sampled_from(["Pune", "Delhi", "refused"]))


class Killed(Exception):  # noqa: N818 - it is what happens to a sync
    """The process is gone: nothing that it does from here on has an effect."""


class World:
    """A store and a server that outlive syncs. `left`: what a sync may still do before it is killed."""

    read_timeout = 0.1

    def __init__(self):
        self.files, self.leads, self.disabled = {}, {}, set()
        self.left = None
        self.clock = MovedClock()

    def step(self):
        if self.left is not None:
            if not self.left:
                raise Killed
            self.left -= 1

    # --- the store

    def put(self, path, content):
        try:
            self.step()
        except Killed:
            raise PermissionError(13, "the process is gone") from None
        self.files[path] = content

    def read(self, path):
        try:
            return self.files[path]
        except KeyError:
            raise FileNotFoundError(2, "No such file") from None

    def names(self, folder):
        return sorted(path for path in self.files if path.startswith(folder))

    def remove(self, path):
        try:
            self.step()
        except Killed:
            raise PermissionError(13, "the process is gone") from None
        del self.files[path]

    def field(self, _):
        return "bucket_path"

    def close(self):
        """Have nothing to let go of."""

    # --- the server

    def send(self, lane, bodies):
        self.step()
        result = [self._one(lane.operation.name, json.loads(body)) for body in bodies]
        # Applied, and killed before it heard of it.
        self.step()
        return ApiResponse(200, {"status": "success", "result": result})

    def _one(self, operation, lead):
        lead_id = lead["lead_id"]
        if operation == "disable":
            if lead_id not in self.leads:
                return {"status_code": 400, "data": {"error_msg": "Lead does not exist"}}
            self.disabled.add(lead_id)
        elif lead["city"] == "refused":
            return {"status_code": 400, "data": {"error_msg": "phone_number is invalid"}}
        else:
            self.leads[lead_id] = lead["city"]
            self.disabled.discard(lead_id)
        return {"status_code": 200, "data": {"lead_id": lead_id}}

    @property
    def active(self):
        return {lead_id: city for lead_id, city in self.leads.items() if lead_id not in self.disabled}


def run(world, kit, number, model, steps):
    world.left = steps
    config = parse_config(
        kit.config(
            default={"operation": "upsert", "ref_id": "ref-1", "send": "changed", "when_gone": "disable"},
            object_storage_config={"storage_type": "Local", "bucket_path": "/none"},
            max_gone_percent=100,
            delivery_log=True,
            squadstack={"token": "t", "calls_per_minute": 1_000_000, "records_per_minute": 2},
        )
    )
    stream = {"stream": {"name": "leads"}, "sync_mode": "full_refresh", "destination_sync_mode": "append_dedup"}
    status = {"stream_descriptor": {"name": "leads"}, "status": "COMPLETE"}
    trace = {"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1, "stream_status": status}}
    lines = [kit.record(lead_id, city=city).line for lead_id, city in model.items()]
    lines += [kit.state(1, counted=len(model)).line, json.dumps(trace).encode()]
    pieces, printed = iter([b"".join(line + b"\n" for line in lines)]), []
    try:
        sync = Sync(
            config,
            plan(config, {"streams": [{**stream, "sync_id": number}]}),
            api=world,
            read=lambda _: next(pieces, b""),
            emitter=Emitter(printed.append),
            clock=world.clock,
            run_id=f"run-{number}",
        )
    except Killed:
        return None, printed
    sync._events.sync = sync
    return sync.run(), printed


@pytest.fixture(scope="module")
def patched():
    patch = pytest.MonkeyPatch()
    patch.setattr(destination, "SimpleQueue", SyncEvents)
    yield patch
    patch.undo()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.lists(st.tuples(models, st.none() | st.integers(0, 25)), max_size=4), model=models)
def test_after_a_whole_sync_the_server_has_what_the_source_says(kit_for_properties, patched, before, model):
    world = World()
    patched.setattr(sync_storage, "open_storage", lambda *_: world)
    for number, (each, steps) in enumerate(before):
        run(world, kit_for_properties, number, each, steps)
    held = {**world.leads}
    code, _ = run(world, kit_for_properties, len(before), model, None)
    # A record that is refused leaves its lead as it was.
    expected = {lead_id: city for lead_id, city in model.items() if city != "refused"}
    refused = {lead_id for lead_id, city in model.items() if city == "refused" and lead_id in held}
    assert {lead_id: city for lead_id, city in world.active.items() if lead_id not in refused} == expected
    assert code == 0


@pytest.mark.parametrize("steps", range(14))
def test_what_a_killed_sync_has_sent_and_the_source_has_taken_back_is_taken_back(kit, patched, steps):
    world = World()
    patched.setattr(sync_storage, "open_storage", lambda *_: world)
    first = {"L0": "Pune", "L1": "Pune", "L2": "Pune"}
    run(world, kit, 0, first, None)
    run(world, kit, 1, {"L0": "Delhi", "L1": "Pune", "L3": "Delhi"}, steps)
    assert run(world, kit, 2, first, None)[0] == 0
    assert world.active == first
