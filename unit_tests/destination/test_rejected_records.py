"""Rejected rows: whole, safe before the state that covers them, and nothing else beside them."""

import asyncio
import gzip
import json
import os
from pathlib import Path

import fsspec
import pytest
from s3fs.errors import translate_boto_error

from destination_squadstack.config import LocalStore, parse_config
from destination_squadstack.engine.rejection import Rejection
from destination_squadstack.errors import ConfigError, SyncError, TransientError
from destination_squadstack.rejected_records.storage import (
    ATTEMPT_SECONDS,
    LocalFolderStorage,
    ObjectStorage,
    bucket_problem,
    problem,
)
from destination_squadstack.rejected_records.writer import RejectedRecordWriter
from destination_squadstack.routing import plan

KEYS = [
    "run_id", "sync_id", "stream", "namespace", "operation", "lead_id", "status_code", "reason", "retryable",
    "attempts", "emitted_at", "rejected_at", "data",
]  # fmt: skip


@pytest.fixture
def route(kit):
    def build(name="leads", namespace=None, sync_id=None):
        stream = {
            "stream": {"name": name, "namespace": namespace},
            "destination_sync_mode": "append",
            "sync_id": sync_id,
        }
        return plan(parse_config(kit.config()), {"streams": [stream]})[0]

    return build


def rejection(route, data, **changes):
    line = json.dumps({"type": "RECORD", "record": {"stream": route.stream, "emitted_at": 77, "data": data}}).encode()
    fields = {
        "operation": "upsert",
        "lead_id": "L1",
        "status": 400,
        "reason": "phone_number: no",
        "retryable": False,
        "attempts": 2,
    }
    return Rejection(**{"route": route, "number": 1, "line": line, **fields, **changes})


def files(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def rows(path):
    return [json.loads(line) for line in gzip.open(path).read().splitlines()]


def store(tmp_path, kit):
    return RejectedRecordWriter(LocalFolderStorage(str(tmp_path), "run-1"), run_id="run-1", clock=kit.clock())


def test_a_rejected_row_holds_exactly_the_documented_keys_and_the_record_as_it_came(tmp_path, kit, route):
    rejected_records = store(tmp_path, kit)
    data = {"lead_id": "L1", "n": None, "_airbyte_raw_id": "x", "big": 10**30, "deep": {"a": [1.5]}}
    rejected_records.add(rejection(route(sync_id=42, namespace="crm"), data))
    rejected_records.commit()
    assert files(tmp_path) == ["42/crm/leads/run-1-000000.jsonl.gz"]
    (row,) = rows(tmp_path / "42/crm/leads/run-1-000000.jsonl.gz")
    assert list(row) == KEYS
    assert row == {
        "run_id": "run-1",
        "sync_id": 42,
        "stream": "leads",
        "namespace": "crm",
        "operation": "upsert",
        "lead_id": "L1",
        "status_code": 400,
        "reason": "phone_number: no",
        "retryable": False,
        "attempts": 2,
        "emitted_at": 77,
        "rejected_at": 1_700_000_000_000,
        "data": data,
    }


@pytest.mark.parametrize(
    "data",
    [
        b'{"score": 1700000000.12345678901234567890, "n": 1E3, "big": 1e400}',
        b'{ "a" :[1.0,{"data": {"x":-0.0}}] , "a": "\\u00e9\\ud83d \\"}{" }',
        b'{"deep": ' + b"[" * 900 + b"]" * 900 + b"}",
    ],
    ids=["digits", "spelling", "depth"],
)
def test_the_data_of_a_rejected_row_is_the_text_of_the_record(tmp_path, kit, route, data):
    rejected_records = store(tmp_path, kit)
    line = b'{"record": {"data": 1, "data": %b , "emitted_at": 7.10, "stream": "leads"}, "type": "RECORD"}' % data
    rejected_records.add(rejection(route(), {}, line=line))
    rejected_records.commit()
    (row,) = gzip.decompress((tmp_path / "run-1/_/leads/run-1-000000.jsonl.gz").read_bytes()).splitlines()
    assert row.endswith(b',"emitted_at":7.10,"rejected_at":1700000000000,"data":%b}' % data)


def test_without_sync_id_and_namespace_the_run_and_a_dash_stand_in(tmp_path, kit, route):
    rejected_records = store(tmp_path, kit)
    rejected_records.add(rejection(route(), {}, lead_id=None, status=None))
    rejected_records.commit()
    assert files(tmp_path) == ["run-1/_/leads/run-1-000000.jsonl.gz"]
    (row,) = rows(tmp_path / "run-1/_/leads/run-1-000000.jsonl.gz")
    assert (row["sync_id"], row["namespace"], row["lead_id"], row["status_code"]) == ("run-1", None, None, None)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("../../etc", "..%2F..%2Fetc"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("a/b", "a%2Fb"),
        ("Ünï cödé", "Ünï cödé"),
        ("", "%"),
        ("n" * 255, "n" * 255),
        ("n" * 256, "n" * 238 + "~81219d0ff494282d"),
        ("ü" * 128, "ü" * 119 + "~76f171c3b90ca463"),
    ],
)
def test_no_stream_name_leads_out_of_the_folder_or_is_too_long_for_one(tmp_path, kit, route, name, folder):
    rejected_records = store(tmp_path, kit)
    rejected_records.add(rejection(route(name), {}))
    rejected_records.commit()
    assert files(tmp_path) == [f"run-1/_/{folder}/run-1-000000.jsonl.gz"]


def test_nothing_is_written_before_a_commit_and_a_file_is_whole_after_each(tmp_path, kit, route):
    rejected_records, path = store(tmp_path, kit), tmp_path / "run-1/_/leads/run-1-000000.jsonl.gz"
    for number in range(3):
        rejected_records.add(rejection(route(), {"n": number}))
        assert len(rows(path)) == number if number else not path.exists()
        rejected_records.commit()
        assert [row["data"]["n"] for row in rows(path)] == list(range(number + 1))
    assert len(files(tmp_path)) == 1


def test_a_commit_without_news_touches_nothing(tmp_path, kit):
    store(tmp_path, kit).commit()
    assert files(tmp_path) == []


def test_many_rows_are_cut_into_files_and_written_before_they_fill_the_memory(tmp_path, kit, route):
    rejected_records = store(tmp_path, kit)
    for number in range(3_000):
        rejected_records.add(rejection(route(), {"n": number, "note": os.urandom(300).hex()}))
    assert len(files(tmp_path)) >= 2, "a source without states must not pile rows up"
    rejected_records.commit()
    found = [row["data"]["n"] for name in files(tmp_path) for row in rows(tmp_path / name)]
    assert found == list(range(3_000))


def test_rows_are_on_the_disk_when_the_commit_returns(tmp_path, kit, route, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(
        os,
        "fsync",
        lambda descriptor: (synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink())), real(descriptor)),
    )
    rejected_records = store(tmp_path, kit)
    rejected_records.add(rejection(route(), {}))
    rejected_records.commit()
    folder = tmp_path / "run-1/_/leads"
    assert synced == [
        str(tmp_path / ".run-1.squadstack-draft"),
        *map(str, (folder, folder.parent, folder.parent.parent, tmp_path)),
    ]
    synced.clear()
    rejected_records.add(rejection(route(), {}))
    rejected_records.commit()
    assert synced == [str(tmp_path / ".run-1.squadstack-draft"), str(folder)], "the folders' own names are safe"


class FailingStorage:
    """A place that fails so many times."""

    def __init__(self, error, times):
        self.error, self.times, self.written = error, times, {}

    def put(self, path, content):
        self.times -= 1
        if self.times >= 0:
            raise self.error
        self.written[path] = content

    def field(self, error):
        return f"field_of_{type(error).__name__}"


def test_a_storage_that_fails_for_a_moment_is_tried_again(kit, route):
    clock, place = kit.clock(), FailingStorage(OSError("EndpointConnectionError"), 4)
    rejected_records = RejectedRecordWriter(place, run_id="run-1", clock=clock)
    rejected_records.add(rejection(route(), {"n": 1}))
    rejected_records.commit()
    assert clock.now - 1_000.0 == 15.0
    assert list(place.written) == ["run-1/_/leads/run-1-000000.jsonl.gz"]


@pytest.mark.parametrize(
    ("error", "kind", "waited"),
    [
        (OSError(5, "EndpointConnectionError"), "transient_error", 15.0),
        (OSError(28, "No space left on device"), "transient_error", 15.0),
        (OSError(30, "Read-only file system"), "config_error", 0.0),
        (PermissionError(13, "Access Denied"), "config_error", 0.0),
        (FileNotFoundError(2, "The specified bucket does not exist"), "config_error", 0.0),
    ],
)
def test_a_storage_that_stays_unreachable_fails_the_sync_and_one_that_refuses_at_once(kit, route, error, kind, waited):
    clock = kit.clock()
    rejected_records = RejectedRecordWriter(FailingStorage(error, 99), run_id="run-1", clock=clock)
    rejected_records.add(rejection(route(), {"n": 1}))
    with pytest.raises(SyncError) as raised:
        rejected_records.commit()
    assert (raised.value.failure_type, clock.now - 1_000.0) == (kind, waited)
    field, says = str(raised.value).split(": ", 1)
    assert field == f"object_storage_config.field_of_{type(error).__name__}"
    assert says.startswith(f"rejected records cannot be stored there ({error.strerror}).")


def test_a_storage_that_does_not_answer_holds_the_sync_for_a_minute_at_most(kit, route):
    class Unanswering(FailingStorage):
        def put(self, path, content):
            clock.sleep(ATTEMPT_SECONDS)
            super().put(path, content)

    clock = kit.clock()
    rejected_records = RejectedRecordWriter(
        Unanswering(OSError(110, "no answer in 15 s"), 99), run_id="run-1", clock=clock
    )
    rejected_records.add(rejection(route(), {"n": 1}))
    with pytest.raises(TransientError, match="no answer in 15 s"):
        rejected_records.commit()
    assert clock.now - 1_000.0 == 3 * 15.0 + 1.0 + 2.0


class Mute(fsspec.asyn.AsyncFileSystem):
    """An object store that takes a connection and says nothing."""

    protocol = "mute"

    async def _pipe_file(self, *_, **__):
        await asyncio.Event().wait()

    _call_s3 = _pipe_file


def test_a_try_to_reach_an_object_storage_ends(kit):
    fsspec.register_implementation("mute", Mute, clobber=True)
    bucket = ObjectStorage("mute://bucket/rejects", seconds=0.01)
    for attempt in (lambda: bucket.put("a", b""), bucket.try_out):
        with pytest.raises(OSError, match="no answer in 0 s") as raised:
            attempt()
        assert bucket.field(raised.value) == "s3_endpoint"
    clock = kit.clock()
    said = bucket_problem(bucket, clock)
    assert isinstance(said, TransientError)
    assert (str(said), clock.now) == (
        (
            "object_storage_config.s3_endpoint: the bucket cannot be reached (no answer in 0 s). "
            "If the address and the network are right, try again later."
        ),
        1_001.0,
    )


def refused_by_s3(code, status):
    error = Exception("refused")
    error.response = {"Error": {"Code": code, "Message": "it says"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return translate_boto_error(error)


@pytest.mark.parametrize(
    ("code", "status", "kind", "field"),
    [
        ("NoSuchBucket", 404, ConfigError, "s3_bucket_name"),
        ("InvalidBucketName", 400, ConfigError, "s3_bucket_name"),
        ("AccessDenied", 403, ConfigError, "access_key_id"),
        ("InvalidAccessKeyId", 403, ConfigError, "access_key_id"),
        ("SignatureDoesNotMatch", 403, ConfigError, "access_key_id"),
        ("PermanentRedirect", 301, ConfigError, "s3_bucket_region"),
        ("AuthorizationHeaderMalformed", 400, ConfigError, "s3_bucket_region"),
        ("QuotaExceeded", 400, ConfigError, "s3_endpoint"),
        ("RequestTimeout", 400, TransientError, "s3_endpoint"),
        ("SlowDown", 503, TransientError, "s3_endpoint"),
        ("InternalError", 500, TransientError, "s3_endpoint"),
        ("TooManyRequests", 429, TransientError, "s3_endpoint"),
    ],
)
def test_an_error_of_s3_is_transient_or_names_the_field_to_change(kit, code, status, kind, field):
    tries = []

    class Refusing(ObjectStorage):
        def try_out(self):
            tries.append(1)
            raise refused_by_s3(code, status)

    said = bucket_problem(Refusing("memory://bucket"), kit.clock())
    assert type(said) is kind
    assert str(said).startswith(f"object_storage_config.{field}")
    assert len(tries) == (1 if kind is ConfigError else 2)


def test_a_storage_that_has_failed_is_not_tried_again_on_the_way_out(kit, route):
    clock, place = kit.clock(), FailingStorage(OSError("EndpointConnectionError"), 99)
    rejected_records = RejectedRecordWriter(place, run_id="run-1", clock=clock)
    rejected_records.add(rejection(route(), {"n": 1}))
    for _ in range(3):
        with pytest.raises(SyncError):
            rejected_records.commit()
    assert (clock.now - 1_000.0, place.times) == (15.0, 99 - 5)


def test_a_folder_that_is_full_is_named_by_its_field(tmp_path, kit, route, monkeypatch):
    rejected_records = store(tmp_path, kit)
    rejected_records.add(rejection(route(), {"n": 1}))
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(SyncError, match=r"^object_storage_config.bucket_path: .* \(No space left on device\)"):
        rejected_records.commit()


# -- what a killed run leaves behind


KILLED = ".20250101T000000Z-0badcafe.squadstack-draft"


def test_the_draft_of_a_run_that_was_killed_is_cleared_away_by_the_next(tmp_path):
    (tmp_path / KILLED).write_bytes(b"half a row")
    (tmp_path / ".keep").touch()
    LocalFolderStorage(str(tmp_path), "run-1").close()
    assert files(tmp_path) == [".keep"]


def test_the_draft_of_a_run_that_is_still_at_work_is_left_alone(tmp_path):
    first = LocalFolderStorage(str(tmp_path), "run-1")
    (tmp_path / KILLED).write_bytes(b"about to be moved into place")
    second = LocalFolderStorage(str(tmp_path), "run-2")
    second.put("7/_/leads/a.jsonl.gz", b"")
    assert files(tmp_path) == [KILLED, "7/_/leads/a.jsonl.gz"]
    for each in (first, second):
        each.close()
    LocalFolderStorage(str(tmp_path), "run-3").close()
    assert files(tmp_path) == ["7/_/leads/a.jsonl.gz"]


def test_a_folder_that_a_run_makes_itself_is_its_own_from_then_on(tmp_path):
    root = tmp_path / "new"
    first = LocalFolderStorage(str(root), "run-1")
    assert not root.exists()
    first.put("a", b"")
    (root / KILLED).write_bytes(b"about to be moved into place")
    LocalFolderStorage(str(root), "run-2").close()
    assert files(root) == [KILLED, "a"]
    first.close()


# -- whether a store can be used at all


@pytest.mark.parametrize("below", ["", "not/there/yet"])
def test_a_folder_is_tried_and_nothing_stays_behind(tmp_path, kit, below):
    assert problem(LocalStore(str(tmp_path / below)), kit.clock()) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "why"),
    [("file", "Not a directory"), ("file/below", "Not a directory"), ("/proc/x", "No such file or directory")],
)
def test_a_folder_that_cannot_be_written_to_is_found_out_even_by_root(tmp_path, kit, path, why):
    (tmp_path / "file").touch()
    said = problem(LocalStore(str(tmp_path / path)), kit.clock())
    assert isinstance(said, ConfigError)
    assert str(said) == f"object_storage_config.bucket_path names a folder that cannot be written to ({why})."


def test_an_object_storage_gets_whole_objects(kit, route):
    rejected_records = RejectedRecordWriter(ObjectStorage("memory://bucket/rejects"), run_id="run-1", clock=kit.clock())
    rejected_records.add(rejection(route(), {"n": 1}))
    rejected_records.commit()
    content = fsspec.filesystem("memory").cat_file("/bucket/rejects/run-1/_/leads/run-1-000000.jsonl.gz")
    assert json.loads(gzip.decompress(content))["data"] == {"n": 1}


def test_without_a_storage_rows_are_only_counted_elsewhere(kit, route):
    rejected_records = RejectedRecordWriter(None, run_id="run-1", clock=kit.clock())
    rejected_records.add(rejection(route(), {}))
    rejected_records.commit()


def test_a_row_that_was_to_be_disabled_names_the_operation_of_its_stream_as_well(tmp_path, kit, route):
    store_of_rows = store(tmp_path, kit)
    store_of_rows.add(rejection(route(), {"lead_id": "L1"}, operation="disable"))
    store_of_rows.commit()
    (name,) = files(tmp_path)
    (row,) = rows(tmp_path / name)
    assert (row["operation"], row["stream_operation"]) == ("disable", "upsert")
