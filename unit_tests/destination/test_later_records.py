"""A replay knows what came after the rows that it sends: nobody is called who must not be."""

import gzip
import json

import pytest

from destination_squadstack import sync as destination
from destination_squadstack.api.outcomes import ApiResponse
from destination_squadstack.config import parse_config
from destination_squadstack.errors import ConfigError, SyncError
from destination_squadstack.protocol import Emitter
from destination_squadstack.record_rules.suppression import read_list
from destination_squadstack.rejected_records.later_records import find_left_out
from destination_squadstack.rejected_records.replay import RejectedRows
from destination_squadstack.rejected_records.row_file import pack
from destination_squadstack.rejected_records.storage import LocalFolderStorage
from destination_squadstack.routing import plan
from destination_squadstack.sync import Sync
from test_support.sync_clock import MovedClock, SyncEvents

DELETED = {"_ab_cdc_deleted_at": "2026-01-01"}
CALLABLE = {"filter": [{"field": "dnc", "test": "not_equals", "value": "true"}]}
MEMORY = {"retry_rejected": True}
LOG = {"delivery_log": True}
NEITHER = {}


class Server:
    """Bulk endpoints: a result for each lead. It refuses the leads that it is told to."""

    read_timeout = 0.1

    def __init__(self):
        self.refuses, self.calls = set(), []

    def send(self, lane, bodies):
        leads = [json.loads(body) for body in bodies]
        self.calls += [(lane.operation.name, lead["lead_id"], lead.get("n")) for lead in leads]
        return ApiResponse(200, {"status": "success", "result": [self.answer(lead) for lead in leads]})

    def answer(self, lead):
        if lead["lead_id"] in self.refuses:
            return {"status_code": 400, "data": {"error_msg": "phone_number: Invalid value provided."}}
        return {"status_code": 200, "data": {"lead_id": lead["lead_id"]}}

    def close(self):
        pass

    def sent(self):
        calls, self.calls = self.calls, []
        return calls


class Store:
    """Syncs and replays over one store, an hour apart."""

    def __init__(self, kit, folder):
        self.kit, self.folder, self.runs = kit, folder, 0
        self.server, self.clock = Server(), MovedClock()

    def config(self, *, default=None, **more):
        where = {"operation": "upsert", "ref_id": "ref-1", **(default or {})}
        store = {"storage_type": "Local", "bucket_path": str(self.folder)}
        return parse_config(self.kit.config(default=where, object_storage_config=store, linger_seconds=1, **more))

    def sync(self, *records, config=None, streams=("leads",), **more):
        """Sync records, each in a line of its own; return the run's id."""
        config = config or self.config()
        catalog = self.kit.catalog(*streams)
        lines = [record.line for record in records]
        return self.run(config, plan(config, catalog), iter([b"".join(line + b"\n" for line in lines)]), **more)

    def run(self, config, routes, pieces, left_out=None, suppressed=None, printed=None, **more):
        self.runs += 1
        self.clock.now += 3600.0
        run_id = f"20231114T{self.runs:06d}Z-{self.runs:08x}"
        sync = Sync(
            config,
            routes,
            api=self.server,
            read=lambda _: next(pieces, b""),
            emitter=Emitter(printed or (lambda _: None)),
            clock=self.clock,
            run_id=run_id,
            suppression=suppressed,
            **more,
        )
        sync._events.sync = sync
        try:
            if left_out is not None:
                left_out(sync)
            assert sync.run() == 0
        finally:
            sync._engine.close()
            sync._storage.close()
        return run_id

    def replay(self, run_id="", *, config=None, suppressed=None):
        """Replay the rows of a run, or all of them; return how many are left out as withheld, and as overtaken."""
        config = config or self.config()
        self.server.sent()
        rejected = RejectedRows(str(self.folder / run_id), config.store)
        routes = plan(config, rejected.look().catalog(), whole=False)
        found = []

        def leave_out(sync):
            found.append(find_left_out(config, routes, rejected.rows(), suppressed, knows_later=sync.knows_later))
            rejected.leave_out(found[0].places)

        reader = rejected.reader()
        self.run(
            config,
            routes,
            iter(reader, b""),
            left_out=leave_out,
            suppressed=suppressed,
            is_replay=True,
        )
        return found[0].withheld, found[0].newer

    def rows_kept(self, folder):
        """Return the leads of the rows in a folder of the connector's own."""
        files = sorted((self.folder / ".squadstack" / folder).rglob("*.gz"))
        return [
            json.loads(line)["lead_id"] for file in files for line in gzip.decompress(file.read_bytes()).splitlines()
        ]

    def rejected(self, *records, **options):
        """Sync records that SquadStack refuses."""
        self.server.refuses = {json.loads(record.line)["record"]["data"]["lead_id"] for record in records}
        run_id = self.sync(*records, **options)
        self.server.refuses = set()
        return run_id


@pytest.fixture
def store(kit, tmp_path, monkeypatch):
    monkeypatch.setattr(destination, "SimpleQueue", SyncEvents)
    return Store(kit, tmp_path)


EACH = pytest.mark.parametrize("kept", [MEMORY, LOG, NEITHER], ids=["memory", "delivery log", "neither"])


@EACH
@pytest.mark.parametrize("later", [DELETED, {"dnc": True}], ids=["deleted", "filtered"])
def test_a_row_is_not_sent_again_if_a_later_sync_read_that_its_lead_is_not_to_be_called(store, kit, kept, later):
    config = store.config(default=CALLABLE, **kept)
    run = store.rejected(kit.record("L1"), kit.record("L2", number=2), config=config)
    store.sync(kit.record("L1", **later), config=config)
    assert store.replay(run, config=config) == (1, 0)
    assert store.server.sent() == [("upsert", "L2", None)]


@EACH
def test_a_row_is_not_sent_again_if_its_lead_was_disabled_since(store, kit, kept):
    config = store.config(default={"on_deleted": "disable"}, **kept)
    run = store.rejected(kit.record("L1"), config=config)
    store.sync(kit.record("L1", **DELETED), config=config)
    assert store.replay(run, config=config) == (1, 0)
    assert store.server.sent() == []


def test_a_lead_that_another_stream_of_the_campaign_disabled_or_converted_is_not_called_again(store, kit):
    for operation in ("disable", "convert"):
        streams = [{"stream": "ended", "operation": operation}, {"stream": "elsewhere", "ref_id": "ref-2"}]
        config = store.config(streams=streams)
        all_of_them = ("leads", "ended", "elsewhere")
        run = store.rejected(kit.record("L1"), kit.record("L2", number=2), config=config, streams=all_of_them)
        ended = kit.record("L1", "ended", detail="won")
        filtered = kit.record("L2", "elsewhere", number=2, **DELETED)
        store.sync(ended, filtered, config=config, streams=all_of_them)
        assert store.replay(run, config=config) == (1, 0)
        assert store.server.sent() == [("upsert", "L2", None)], "another campaign's lead of that id is another lead"


def test_a_lead_is_told_apart_by_the_campaign_that_its_own_record_names(store, kit):
    streams = [{"stream": "ended", "operation": "disable", "ref_id_from": "campaign"}]
    config = store.config(default={"ref_id_from": "campaign"}, streams=streams)
    names = ("leads", "ended")
    rows = [kit.record("L1", campaign="a"), kit.record("L2", number=2, campaign="b")]
    run = store.rejected(*rows, config=config, streams=names)
    ended = [kit.record("L1", "ended", campaign="a"), kit.record("L2", "ended", number=2, campaign="c")]
    store.sync(*ended, config=config, streams=names)
    assert store.replay(run, config=config) == (1, 0)
    assert store.server.sent() == [("upsert", "L2", None)]


def test_a_deleted_row_withholds_its_lead_whatever_white_space_is_around_its_id(store, kit):
    run = store.rejected(kit.record("L1"))
    store.sync(kit.record(" L1 ", **DELETED))
    assert store.replay(run) == (1, 0)
    assert store.server.sent() == []


@pytest.mark.parametrize("kept", [LOG, NEITHER], ids=["delivery log", "neither"])
@pytest.mark.parametrize("later", [DELETED, {"dnc": True}], ids=["deleted", "filtered"])
def test_nothing_is_retried_whose_lead_a_sync_without_a_memory_read_is_not_to_be_called(
    store, kit, monkeypatch, kept, later
):
    config = store.config(default={**CALLABLE, "ref_id_from": "campaign"}, **kept)
    rows = [kit.record(lead, number=number, campaign="a") for number, lead in enumerate(("L1", "L2", "L3"), 1)]
    with monkeypatch.context() as full:
        full.setattr("destination_squadstack.campaigns.MAX_IDS_OF_RECORDS", 0)
        store.sync(*rows, config=config)
    assert store.server.sent() == []
    store.sync(kit.record("L1", campaign="a", **later), config=config)
    retrying = store.config(default={**CALLABLE, "ref_id_from": "campaign"}, **MEMORY)
    store.sync(kit.record("L9", campaign="a"), config=retrying)
    assert [lead for _, lead, _ in store.server.sent()] == ["L2", "L3", "L9"]


def test_a_store_that_cannot_be_looked_up_retries_nobody_and_fails_no_sync(store, kit, monkeypatch):
    config = store.config(default={"ref_id_from": "campaign"}, **MEMORY)
    with monkeypatch.context() as full:
        full.setattr("destination_squadstack.campaigns.MAX_IDS_OF_RECORDS", 0)
        store.sync(kit.record("L1", campaign="a"), config=config)
    store.sync(kit.record("L2", campaign="b", **DELETED))
    (kept,) = (store.folder / ".squadstack/withheld").rglob("*.gz")
    whole = kept.read_bytes()
    kept.write_bytes(b"no rows")
    printed = []
    store.sync(kit.record("L3", campaign="a"), config=config, printed=printed.append)
    assert [lead for _, lead, _ in store.server.sent()] == ["L3"]
    assert any(b"No rejected record of an earlier sync is sent again." in line for line in printed)
    kept.write_bytes(whole)
    store.sync(kit.record("L4", campaign="a"), config=config)
    assert [lead for _, lead, _ in store.server.sent()] == ["L1", "L4"]


def test_what_the_same_sync_read_before_the_row_keeps_nobody_back_and_what_it_read_after_it_does(store, kit):
    config = store.config(default=CALLABLE)
    before = kit.record("L1", number=1, dnc=True)
    run = store.rejected(before, kit.record("L1", number=2), kit.record("L2", number=3), config=config)
    assert store.replay(run, config=config) == (0, 0)
    assert [lead for _, lead, _ in store.server.sent()] == ["L1", "L2"]
    after = kit.record("L1", number=2, dnc=True)
    run = store.rejected(kit.record("L1", number=1), after, kit.record("L2", number=3), config=config)
    assert store.replay(run, config=config) == (1, 0)
    assert [lead for _, lead, _ in store.server.sent()] == ["L2"]


def test_a_lead_that_a_later_sync_may_call_again_is_called(store, kit):
    config = store.config(default=CALLABLE)
    store.sync(kit.record("L1", dnc=True), config=config)
    run = store.rejected(kit.record("L1"), config=config)
    assert store.replay(run, config=config) == (0, 0)
    assert store.server.sent() == [("upsert", "L1", None)]


def test_todays_rules_say_whom_a_later_rejected_row_withholds(store, kit):
    first = store.rejected(kit.record("L1", n=1), kit.record("L2", number=2, n=1))
    store.rejected(kit.record("L1", n=2, dnc=True, contact_name=5), kit.record("L2", number=2, n=2))
    config = store.config(default=CALLABLE)
    assert store.replay(first, config=config) == (1, 0)
    assert store.server.sent() == [("upsert", "L2", 1)]
    assert store.replay(config=config)[0] == 1
    assert store.server.sent() == [("upsert", "L2", 1), ("upsert", "L2", 2)]


def test_a_suppressed_row_withholds_what_its_lead_said_before_as_long_as_its_number_is_listed(store, kit):
    run = store.rejected(kit.record("L1", n=1))
    store.rejected(kit.record("L1", n=2, phone_number="98765 00000"))
    listed = read_list([b"9876500000"])
    assert store.replay(run, suppressed=listed) == (1, 0)
    assert store.server.sent() == []
    assert store.replay(run) == (0, 0)
    assert store.server.sent() == [("upsert", "L1", 1)]


def test_the_delivery_log_shows_which_rows_newer_values_have_overtaken(store, kit):
    config = store.config(**LOG)
    run = store.rejected(kit.record("L1", n=1), kit.record("L2", number=2, n=1), config=config)
    store.sync(kit.record("L1", n=2), config=config)
    assert store.replay(run, config=config) == (0, 1)
    assert store.server.sent() == [("upsert", "L2", 1)]
    # What the replay itself sent is no newer value.
    later = store.rejected(kit.record("L2", n=3), config=config)
    assert store.replay(run, config=config) == (0, 1)
    assert store.replay(later, config=config) == (0, 0)
    assert store.server.sent() == [("upsert", "L2", 3)]


def test_a_row_that_a_replay_withheld_is_no_news_of_its_lead(store, kit):
    config = store.config(default=CALLABLE, **MEMORY)
    old = store.rejected(kit.record("L1", n=1, dnc=True))
    new = store.rejected(kit.record("L1", n=2), config=config)
    store.replay(old, config=config)
    assert store.replay(new, config=config) == (0, 0)
    assert store.server.sent() == [("upsert", "L1", 2)]


def test_a_retried_row_goes_through_the_rules_of_its_stream(store, kit):
    store.rejected(kit.record("L1", stage="customer"), kit.record("L2", number=2, stage="lead"))
    rows = [*(store.folder).rglob("*.jsonl.gz")]
    for file in rows:
        text = gzip.decompress(file.read_bytes()).replace(b'"retryable":false', b'"retryable":true')
        file.write_bytes(pack([line + b"\n" for line in text.splitlines()], [1, 2]))
    store.server.sent()
    only_leads = {"filter": [{"field": "stage", "test": "equals", "value": "lead"}]}
    store.sync(config=store.config(default=only_leads, **MEMORY))
    assert store.server.sent() == [("upsert", "L2", None)]


def test_a_state_leaves_after_the_rows_of_whom_its_records_withhold(store, kit):
    seen = []

    def printed(line):
        if b'"STATE"' in line:
            seen.append(store.rows_kept("withheld"))

    config = store.config(default=CALLABLE)
    lines = [kit.record("L1", dnc=True).line, kit.state(1).line]
    store.run(
        config, plan(config, kit.catalog("leads")), iter([b"".join(line + b"\n" for line in lines)]), printed=printed
    )
    assert seen == [["L1"]]


def test_rows_that_call_nobody_are_sent_whatever_came_later(store, kit):
    config = store.config(default={"operation": "disable"})
    run = store.rejected(kit.record("L1"), config=config)
    store.sync(kit.record("L1", **DELETED), config=config)
    assert store.replay(run, config=config) == (0, 0)
    assert store.server.sent() == [("disable", "L1", None)]


def test_a_sync_keeps_a_row_of_each_lead_that_it_withholds_unless_the_delivery_log_has_it(store, kit):
    records = (kit.record("L1", dnc=True), kit.record("L2", number=2, **DELETED), kit.record("L3", number=3))
    store.sync(*records, config=store.config(default=CALLABLE))
    assert store.rows_kept("withheld") == ["L1", "L2"]
    assert store.rows_kept("deliveries") == []
    assert list(store.folder.rglob("*.jsonl.gz")) == []  # which others read as rejected records
    store.sync(*records, config=store.config(default=CALLABLE, **LOG))
    assert store.rows_kept("withheld") == ["L1", "L2"]
    assert store.rows_kept("deliveries") == ["L1", "L2", "L3"]


def test_states_that_come_many_times_a_second_share_a_commit_of_whom_they_withhold(store, kit, monkeypatch):
    config, written = store.config(default=CALLABLE), []
    put = LocalFolderStorage.put
    monkeypatch.setattr(
        LocalFolderStorage, "put", lambda self, path, content: (written.append(path), put(self, path, content))
    )
    lines = [
        kit.record(f"L{number}", number=number, dnc=True).line + b"\n" + kit.state(number).line + b"\n"
        for number in range(1, 100)
    ]
    store.run(config, plan(config, kit.catalog("leads")), iter(lines))
    # The first leaves at once; time does not move, so the others wait for the end.
    assert len(written) <= 2
    assert store.rows_kept("withheld") == [f"L{number}" for number in range(1, 100)]


def test_what_cannot_be_read_of_later_syncs_ends_the_replay_before_anything_is_sent(store, kit):
    run = store.rejected(kit.record("L1"))
    (store.folder / ".squadstack/withheld/9").mkdir(parents=True)
    damaged = store.folder / ".squadstack/withheld/9/20231114T000009Z-00000009-000000.withheld.gz"
    damaged.write_bytes(pack([b'{"verdict": "filtered"}\n'], [1])[:-9])
    with pytest.raises(SyncError, match="is damaged or holds other lines, and nobody can tell whom it withholds"):
        store.replay(run)
    assert store.server.sent() == []
    damaged.unlink()
    damaged.parent.rmdir()
    damaged.parent.write_text("not a folder")
    assert store.replay(run) == (0, 0)


def test_files_that_no_sync_has_kept_are_not_read(store, kit):
    run = store.rejected(kit.record("L1"))
    (store.folder / "others").mkdir()
    for name in ("export.jsonl.gz", "20231114T000009Z-export-0.jsonl.gz", "99999999T999999Z-0-0.jsonl.gz"):
        (store.folder / "others" / name).write_bytes(b"of another program")
    assert store.replay(run) == (0, 0)
    assert store.server.sent() == [("upsert", "L1", None)]


def test_a_store_that_may_not_be_listed_ends_the_replay(store, kit, monkeypatch):
    def refused(*_):
        raise PermissionError(13, "Permission denied")

    run = store.rejected(kit.record("L1"))
    monkeypatch.setattr(LocalFolderStorage, "names", refused)
    with pytest.raises(ConfigError) as raised:
        store.replay(run)
    assert str(raised.value) == (
        "object_storage_config.bucket_path: what later syncs have read of these leads cannot be looked up "
        "(Permission denied). Nothing was sent."
    )
