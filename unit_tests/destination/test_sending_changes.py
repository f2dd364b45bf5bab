"""Syncs one after the other over one store: only what changed is sent, and who left is disabled."""

import gzip
import json

import pytest

from destination_squadstack import sync as destination
from destination_squadstack.api.dry_run import DryRun
from destination_squadstack.api.outcomes import ApiResponse
from destination_squadstack.config import parse_config
from destination_squadstack.errors import ConfigError
from destination_squadstack.protocol import Emitter
from destination_squadstack.rejected_records.storage import LocalFolderStorage
from destination_squadstack.routing import plan
from destination_squadstack.sync import Sync
from destination_squadstack.sync_storage import memory_problem
from test_support.sync_clock import MovedClock, SyncEvents

DISABLED = "disabled"


class Server:
    """Bulk endpoints as their page describes them: a result for each lead, in order, always with HTTP 200."""

    read_timeout = 0.1

    def __init__(self):
        self.leads = {}
        self.calls = []
        self.refuse = {}

    def send(self, lane, bodies):
        leads = [json.loads(body) for body in bodies]
        self.calls.append((lane.operation.name, [lead["lead_id"] for lead in leads]))
        result = [self._one(lane.operation.name, lead) for lead in leads]
        return ApiResponse(200, {"status": "success", "result": result})

    def _one(self, operation, lead):
        lead_id = lead["lead_id"]
        if (refusal := self.refuse.get(lead_id)) is not None:
            return {"status_code": refusal[0], "data": {"error_msg": refusal[1]}}
        if operation == "disable":
            if lead_id not in self.leads:
                return {"status_code": 400, "data": {"error_msg": "Lead does not exist"}}
            self.leads[lead_id] = DISABLED
        else:
            self.leads[lead_id] = lead
        return {"status_code": 200, "data": {"lead_id": lead_id}}

    def close(self):
        pass

    @property
    def sent(self):
        """What was sent since it was last asked, by operation."""
        calls, self.calls = self.calls, []
        told = {}
        for operation, ids in calls:
            told.setdefault(operation, []).extend(ids)
        return {operation: sorted(ids) for operation, ids in told.items()}


class World:
    """A store, a server and a clock, and syncs that use them."""

    def __init__(self, kit, folder):
        self.kit, self.folder = kit, folder
        self.server, self.clock, self.syncs = Server(), MovedClock(), 0
        self.printed = []

    def config(self, **changes):
        default = {"operation": "upsert", "ref_id": "ref-1", "send": "changed", "when_gone": "disable"}
        return self.kit.config(
            **{
                "default": {**default, **changes.pop("default", {})},
                "object_storage_config": {"storage_type": "Local", "bucket_path": str(self.folder)},
                "linger_seconds": 1,
                "squadstack": {"token": "t", "calls_per_minute": 1_000_000},
                **changes,
            }
        )

    def sync(self, lines, *, config=None, streams=("leads",), mode="full_refresh", sync_id=None):
        self.syncs += 1
        parsed = parse_config(config or self.config())
        sync_id = sync_id or self.syncs
        catalog = {"streams": [{**self.configured(name, mode, "append_dedup"), "sync_id": sync_id} for name in streams]}
        printed, pieces = [], iter([b"".join(line + b"\n" for line in lines)])
        sync = Sync(
            parsed,
            plan(parsed, catalog),
            api=DryRun() if parsed.dry_run else self.server,
            read=lambda _: next(pieces, b""),
            emitter=Emitter(printed.append),
            clock=self.clock,
            run_id=f"20231114T{self.syncs:06d}Z-run{self.syncs}",
        )
        sync._events.sync = sync
        code = sync.run()
        self.printed = [json.loads(line) for line in b"".join(printed).splitlines()]
        return code

    @staticmethod
    def configured(name, mode, destination_mode):
        return {"stream": {"name": name}, "sync_mode": mode, "destination_sync_mode": destination_mode}

    def whole(self, *rows, **options):
        """A sync of a stream that is read to its end."""
        return self.sync([*self.records(rows), self.state(len(rows)), self.status("COMPLETE")], **options)

    def records(self, rows, stream="leads"):
        lines = []
        for row in rows:
            lead_id, data = (row, {}) if isinstance(row, str) else row
            lines.append(self.kit.record(lead_id, stream, **data).line)
        return lines

    def state(self, counted, stream="leads"):
        return self.kit.state(1, stream, counted=counted).line

    @staticmethod
    def status(status, stream="leads"):
        descriptor = {"name": stream}
        said = {"type": "STREAM_STATUS", "stream_status": {"stream_descriptor": descriptor, "status": status}}
        return json.dumps({"type": "TRACE", "trace": {**said, "emitted_at": 1}}).encode()

    @property
    def stats(self):
        return [message["state"]["destinationStats"] for message in self.printed if message["type"] == "STATE"]

    @property
    def error(self):
        return [message["trace"]["error"] for message in self.printed if message["type"] == "TRACE"][-1]

    def logged(self, text):
        return [log for message in self.printed if text in (log := message.get("log", {}).get("message", ""))]

    def deliveries(self):
        files = sorted((self.folder / ".squadstack/deliveries").rglob("*.jsonl.gz"))
        rows = [json.loads(line) for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]
        return [(row["sync_id"], row["lead_id"], row["operation"], row["verdict"]) for row in rows]


@pytest.fixture
def world(kit, tmp_path, monkeypatch):
    monkeypatch.setattr(destination, "SimpleQueue", SyncEvents)
    return World(kit, tmp_path)


LEADS = [f"L{number:03d}" for number in range(50)]


def test_a_second_sync_sends_what_changed_and_disables_who_left(world):
    assert world.whole(*LEADS) == 0
    assert world.server.sent == {"upsert": LEADS}
    changed = [("L000", {"city": "Pune"}), *LEADS[1:48], "L900"]
    assert world.whole(*changed) == 0
    assert world.server.sent == {"upsert": ["L000", "L900"], "disable": ["L048", "L049"]}
    assert world.stats == [{"recordCount": 49, "rejectedRecordCount": 0}]
    assert world.logged("unchanged 47")
    assert world.logged("2 leads that have left their stream were disabled")
    assert world.whole(*changed) == 0
    assert world.server.sent == {}


def test_a_lead_that_comes_back_is_sent(world):
    world.whole("L1", "L2")
    world.whole("L1")
    assert world.server.leads["L2"] == DISABLED
    assert world.server.sent
    world.whole("L1", "L2")
    assert world.server.sent == {"upsert": ["L2"]}


def test_a_record_that_was_rejected_for_good_is_not_sent_again_until_it_changes(world):
    world.server.refuse["L1"] = (400, "phone_number is invalid")
    world.whole("L1", "L2")
    assert world.server.sent == {"upsert": ["L1", "L2"]}
    world.whole("L1", "L2")
    assert world.server.sent == {}
    assert world.stats == [{"recordCount": 1, "rejectedRecordCount": 1}]
    assert world.logged("unchanged since it was rejected: ")
    world.server.refuse.clear()
    world.whole(("L1", {"city": "Pune"}), "L2")
    assert world.server.sent == {"upsert": ["L1"]}


def test_what_was_accepted_is_sent_again_after_the_days(world):
    world.whole(*LEADS)
    assert world.server.sent
    world.clock.now += 29 * 86_400
    world.whole(*LEADS)
    assert world.server.sent == {}
    world.clock.now += 8 * 86_400
    world.whole(*LEADS)
    assert 5 < len(world.server.sent["upsert"]) < 45
    world.clock.now += 9 * 86_400
    world.whole(*LEADS)
    assert world.server.sent["upsert"]


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ([], "sent no STREAM_STATUS COMPLETE"),
        (["INCOMPLETE"], "says INCOMPLETE"),
        (["COMPLETE", "INCOMPLETE"], "says INCOMPLETE"),
    ],
)
def test_nobody_is_disabled_when_the_stream_was_not_read_to_its_end(world, end, said):
    world.whole(*LEADS)
    assert world.server.sent
    lines = [*world.records(LEADS[:40]), world.state(40), *(world.status(status) for status in end)]
    assert world.sync(lines) == 1
    assert world.server.sent == {}
    assert said in world.error["message"]
    assert "10 of 50 leads" in world.error["message"]
    assert len(world.stats) == 1


def test_nobody_is_disabled_when_records_follow_what_was_said_to_be_complete(world):
    world.whole(*LEADS)
    assert world.server.sent
    lines = [world.status("COMPLETE"), *world.records(LEADS[:40]), world.state(40)]
    assert world.sync(lines) == 1
    assert world.server.sent == {}
    assert "says COMPLETE, and then sent more records" in world.error["message"]


def test_who_left_is_disabled_when_a_second_attempt_of_the_source_is_complete(world):
    world.whole(*LEADS)
    assert world.server.sent
    lines = [world.status("COMPLETE"), *world.records(LEADS[:49]), world.state(49), world.status("COMPLETE")]
    assert world.sync(lines) == 0
    assert world.server.sent == {"disable": LEADS[49:]}


def test_a_dry_run_does_not_say_that_who_left_was_disabled(world):
    world.whole(*LEADS)
    assert world.whole(*LEADS[:49], config=world.config(dry_run=True)) == 0
    assert world.logged("1 leads that have left would be disabled")
    assert not world.logged("were disabled")


def test_nobody_is_disabled_when_the_stream_is_empty(world):
    world.whole(*LEADS[:5])
    assert world.server.sent
    assert world.whole() == 1
    assert world.server.sent == {}
    assert "holds no lead: 5 of 5" in world.error["message"]
    assert world.error["failure_type"] == "config_error"


def test_nobody_is_disabled_when_too_many_are_missing(world):
    world.whole(*LEADS)
    assert world.server.sent
    assert world.whole(*LEADS[:29]) == 1
    assert world.server.sent == {}
    assert "21 of 50 leads" in world.error["message"]
    assert world.whole(*LEADS[:29], config=world.config(max_gone_percent=50)) == 0
    assert world.server.sent == {"disable": LEADS[29:]}


def test_nobody_is_disabled_when_the_key_has_another_name(world):
    world.whole("L1", "L2")
    assert world.server.sent
    lines = [line.replace(b'"lead_id"', b'"id"') for line in world.records(["L1", "L2"])]
    assert world.sync([*lines, world.state(2), world.status("COMPLETE")]) == 1
    assert world.server.sent == {}
    assert "2 of its 2 records do not say which lead they are about" in world.error["message"]


def test_nobody_is_disabled_when_nothing_passes_the_filter(world):
    world.whole("L1", "L2")
    assert world.server.sent
    config = world.config(default={"filter": [{"field": "city", "test": "equals", "value": "Pune"}]})
    assert world.whole("L1", "L2", config=config) == 1
    assert world.server.sent == {}
    assert "holds no lead" in world.error["message"]


def test_a_lead_whose_record_is_rejected_has_not_left(world):
    world.whole("L1", "L2")
    assert world.server.sent
    assert world.whole("L1", ("L2", {"phone_number": [1]})) == 0
    assert world.server.sent == {}
    assert world.server.leads["L2"] != DISABLED


def test_a_lead_that_another_stream_of_the_campaign_still_sends_has_not_left(world):
    streams = ("leads", "others")

    def both(first, second):
        lines = [*world.records(first), *world.records(second, "others")]
        return world.sync([*lines, *(world.status("COMPLETE", stream) for stream in streams)], streams=streams)

    both(["L1", "L2"], ["L2", "L3"])
    assert world.server.sent
    assert both(["L1"], ["L2", "L3"]) == 0
    assert world.server.sent == {}
    assert both(["L1"], ["L3"]) == 0
    assert world.server.sent == {"disable": ["L2"]}


def test_a_lead_that_squadstack_does_not_have_is_no_failure_when_it_leaves(world):
    world.whole("L1", "L2")
    del world.server.leads["L2"]
    assert world.server.sent
    assert world.whole("L1") == 0
    assert world.server.sent == {"disable": ["L2"]}
    assert world.whole("L1") == 0
    assert world.server.sent == {}


def test_a_sync_without_memory_still_tells_the_memory_what_it_sends(world):
    world.whole("L1")
    assert world.server.sent
    world.whole(("L1", {"city": "Pune"}), config=world.config(default={"send": "all", "when_gone": "keep"}))
    assert world.server.sent
    world.whole("L1")
    assert world.server.sent == {"upsert": ["L1"]}


def test_rows_of_a_busy_day_are_sent_first_by_the_next_sync_and_once(world):
    config = world.config(retry_rejected=True, default={"when_gone": "keep"})
    world.server.refuse["L1"] = (503, "Service Unavailable")
    assert world.whole("L1", "L2", config=config) == 0
    assert world.stats == [{"recordCount": 1, "rejectedRecordCount": 1}]
    assert world.server.sent
    world.server.refuse.clear()
    assert world.whole("L3", config=config) == 0
    assert world.server.sent == {"upsert": ["L1", "L3"]}
    assert world.stats == [{"recordCount": 1, "rejectedRecordCount": 0}]
    assert world.logged("1 records that earlier syncs rejected were written now")
    assert world.whole("L3", config=config) == 0
    assert world.server.sent == {}


def test_a_rejected_row_is_not_retried_after_a_later_record_of_its_lead(world):
    config = world.config(retry_rejected=False, default={"when_gone": "keep"})
    world.server.refuse["L1"] = (503, "Service Unavailable")
    world.whole(("L1", {"city": "Pune"}), config=config)
    world.server.refuse.clear()
    world.clock.now += 60
    world.whole(("L1", {"city": "Delhi"}), config=config)
    assert world.server.sent
    world.whole(config=world.config(retry_rejected=True, default={"when_gone": "keep"}))
    assert world.server.sent == {}
    assert world.server.leads["L1"]["city"] == "Delhi"


TOMBSTONE = ("L1", {"_ab_cdc_deleted_at": "2026-11-20T00:00:00Z"})
FILTERED = ("L1", {"contact_name": "Left"})


@pytest.mark.parametrize("last", [TOMBSTONE, FILTERED], ids=["deleted at its source", "filtered"])
@pytest.mark.parametrize("same_sync", [True, False], ids=["in the same sync", "in the next sync"])
def test_a_rejected_row_is_not_retried_after_a_record_that_keeps_its_lead_from_being_called(world, last, same_sync):
    keep = {"when_gone": "keep", "filter": [{"field": "contact_name", "test": "not_equals", "value": "Left"}]}
    config = world.config(retry_rejected=True, default=keep)
    world.server.refuse["L1"] = (503, "Service Unavailable")
    world.whole("L1", "L2", *[last] * same_sync, config=config)
    world.clock.now += 60
    if not same_sync:
        # Withdrawn while it would be retried: the retry goes first, and fails once more.
        world.whole(last, config=config)
    world.server.refuse.clear()
    assert world.server.sent
    world.clock.now += 60
    world.whole("L3", config=config)
    assert world.server.sent == {"upsert": ["L3"]}


def test_a_row_that_is_rejected_after_its_lead_came_back_is_retried(world):
    config = world.config(retry_rejected=True, default={"when_gone": "keep"})
    world.whole("L1", "L2", config=config)
    world.whole(TOMBSTONE, "L2", config=config)
    world.server.refuse["L1"] = (503, "Service Unavailable")
    world.clock.now += 60
    world.whole(("L1", {"city": "Delhi"}), config=config)
    world.server.refuse.clear()
    assert world.server.sent
    world.clock.now += 60
    world.whole("L3", config=config)
    assert world.server.sent == {"upsert": ["L1", "L3"]}


def test_every_record_of_a_run_has_one_row_in_the_delivery_log(world):
    config = world.config(
        delivery_log=True, default={"filter": [{"field": "city", "test": "not_equals", "value": "X"}]}
    )
    world.server.refuse["L4"] = (400, "phone_number is invalid")
    world.whole("L1", "L2", "L3", config=config)
    deleted = {"_ab_cdc_deleted_at": "2026-01-01"}
    assert (
        world.whole(
            "L1", ("L2", {"city": "Pune"}), "L4", ("L5", {"city": "X"}), ("L6", deleted), ("", {}), config=config
        )
        == 0
    )
    rows = [row[1:] for row in world.deliveries() if row[0] == 2]
    assert sorted(rows, key=str) == sorted(
        [
            ("L1", "upsert", "unchanged"),
            ("L2", "upsert", "written"),
            ("L4", "upsert", "rejected"),
            ("L5", "upsert", "filtered"),
            ("L6", "upsert", "deleted_at_source"),
            ("", "upsert", "rejected"),
            ("L3", "disable", "disabled_gone"),
        ],
        key=str,
    )


def test_a_dry_run_tells_what_would_happen_and_keeps_nothing(world):
    world.whole(*LEADS)
    before = {path: path.read_bytes() for path in world.folder.rglob("*") if path.is_file()}
    assert world.server.sent
    changed = [("L000", {"city": "Pune"}), *LEADS[1:48]]
    assert world.whole(*changed, config=world.config(dry_run=True)) == 0
    assert world.logged("47 are unchanged, 2 leads that have left would be disabled")
    assert {path: path.read_bytes() for path in world.folder.rglob("*") if path.is_file()} == before
    world.whole(*changed)
    assert world.server.sent == {"upsert": ["L000"], "disable": ["L048", "L049"]}


# --- the config


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"default": {"when_gone": "keep"}}, "default.send"),
        ({"default": {"send": "all"}}, "default.when_gone"),
        ({"default": {"send": "all", "when_gone": "keep"}, "retry_rejected": True}, "retry_rejected"),
        ({"default": {"send": "all", "when_gone": "keep"}, "delivery_log": True}, "delivery_log"),
    ],
)
def test_what_is_kept_from_sync_to_sync_needs_a_store(world, changes, field):
    config = {**world.config(**changes), "object_storage_config": {"storage_type": "None"}}
    with pytest.raises(ConfigError, match=f"object_storage_config.storage_type is None, but {field} needs a store"):
        parse_config(config)


def test_leads_that_are_gone_are_deleted_only_where_that_is_allowed(world):
    with pytest.raises(ConfigError, match=r"default\.when_gone is delete.*set allow_delete to true"):
        parse_config(world.config(default={"when_gone": "delete"}))
    assert parse_config(world.config(default={"when_gone": "delete"}, allow_delete=True)).needs_memory


def test_an_api_that_cannot_delete_deletes_nobody_who_is_gone(world):
    default = {"api": "v1", "operation": "create", "campaign_id": "C1", "when_gone": "delete"}
    with pytest.raises(ConfigError, match=r"default\.when_gone is delete, which the api v1 does not have"):
        parse_config(world.config(default=default, allow_delete=True))


def test_a_stream_that_is_read_incrementally_says_nothing_about_who_left(world):
    with pytest.raises(
        ConfigError, match=r"default\.when_gone is disable, but the stream 'leads' is read incrementally"
    ):
        world.sync([], mode="incremental")


def test_an_entry_keeps_what_the_default_disables(world):
    entry = {"stream": "leads", "when_gone": "keep", "send": "all"}
    config = parse_config(world.config(streams=[entry]))
    (route,) = plan(config, {"streams": [world.configured("leads", "incremental", "append_dedup")]})
    assert (route.gone, route.sends_changed) == (None, False)


def test_overwrite_means_that_leads_which_are_gone_are_disabled(world):
    config = parse_config(world.config(default={"operation": "by_sync_mode"}))
    (route,) = plan(config, {"streams": [world.configured("leads", "full_refresh", "overwrite")]})
    assert (route.lane.operation.name, route.gone.operation.name) == ("upsert", "disable")
    kept = parse_config(world.config(default={"when_gone": "keep"}))
    with pytest.raises(ConfigError, match="set to overwrite, but leads cannot be replaced as a whole"):
        plan(kept, {"streams": [world.configured("leads", "full_refresh", "overwrite")]})


def test_check_says_that_what_was_kept_cannot_be_read(world, monkeypatch):
    config = parse_config(world.config())
    assert memory_problem(config) is None
    denied = PermissionError(13, "Permission denied")
    monkeypatch.setattr(LocalFolderStorage, "names", lambda *_: (_ for _ in ()).throw(denied))
    said = str(memory_problem(config))
    assert said == (
        "object_storage_config.bucket_path: what earlier syncs have kept cannot be read (Permission denied). "
        "Nothing was sent."
    )
