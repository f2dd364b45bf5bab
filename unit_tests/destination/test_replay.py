"""Rejected rows, read back: in the order of their runs, as the records they were, and never half of a file."""

import gzip
import json

import pytest

from destination_squadstack.config import parse_config
from destination_squadstack.errors import SyncError
from destination_squadstack.replay import RejectedRows
from destination_squadstack.routing import plan


def row(number, **changes):
    kept = {"stream": "leads", "namespace": None, "operation": "upsert", "retryable": False, "emitted_at": number}
    return {**kept, "data": {"n": number}, **changes}


def keep(folder, name, *rows):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(b"".join(json.dumps(each).encode() + b"\n" for each in rows)))
    return path


def records(rejected, size=1 << 16):
    reader = rejected.reader()
    return [json.loads(line)["record"] for piece in iter(lambda: reader(size), b"") for line in piece.splitlines()]


def test_rows_come_back_as_the_records_they_were_the_oldest_run_first(tmp_path):
    keep(tmp_path, "9/_/leads/20240102T000000Z-a-000000.jsonl.gz", row(3), row(4, namespace="crm"))
    keep(tmp_path, "10/_/leads/20240101T000000Z-b-000000.jsonl.gz", row(1))
    keep(tmp_path, "10/_/leads/20240101T000000Z-b-000001.jsonl.gz", row(2))
    (tmp_path / "notes.txt").write_text("not mine")
    rejected = RejectedRows(str(tmp_path), None)
    found = rejected.look()
    assert (found.rows, found.files) == (4, 3)
    assert records(rejected) == [
        {"stream": "leads", "emitted_at": 1, "data": {"n": 1}},
        {"stream": "leads", "emitted_at": 2, "data": {"n": 2}},
        {"stream": "leads", "emitted_at": 3, "data": {"n": 3}},
        {"stream": "leads", "emitted_at": 4, "data": {"n": 4}, "namespace": "crm"},
    ]
    assert records(rejected, size=1) == records(rejected)


def test_a_single_file_can_be_named(tmp_path):
    path = keep(tmp_path, "a.jsonl.gz", row(1))
    keep(tmp_path, "b.jsonl.gz", row(2))
    assert [record["data"]["n"] for record in records(RejectedRows(str(path), None))] == [1]


def test_what_would_be_refused_again_can_be_passed_over(tmp_path):
    keep(tmp_path, "a.jsonl.gz", row(1), row(2, retryable=True))
    rejected = RejectedRows(str(tmp_path), None, only_retryable=True)
    assert rejected.look().rows == 1
    assert [record["data"]["n"] for record in records(rejected)] == [2]


@pytest.mark.parametrize("operation", ["create", "upsert", "update", "disable"])
def test_each_stream_gets_the_operation_it_was_rejected_from(tmp_path, kit, operation):
    keep(tmp_path, "a.jsonl.gz", row(1, operation=operation))
    config = parse_config(
        {
            "squadstack": {"token": "t"},
            "default": {"ref_id": "r", **({"operation": "create"} if operation == "create" else {})},
        }
    )
    (route,) = plan(config, RejectedRows(str(tmp_path), None).look().catalog())
    assert (route.stream, route.lane.operation.name) == ("leads", operation)


def test_a_stream_rejected_from_two_operations_is_not_guessed_at(tmp_path):
    keep(tmp_path, "a.jsonl.gz", row(1), row(2, operation="create"))
    with pytest.raises(SyncError, match="'leads' has rows of upsert and of create"):
        RejectedRows(str(tmp_path), None).look()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(gzip.compress(b"canary\n"), "File 1 of 1 holds a line that is no rejected row.", id="no JSON"),
        pytest.param(
            gzip.compress(b'{"data": "canary"}\n'), "File 1 of 1 holds a line that is no rejected row.", id="no row"
        ),
        pytest.param(
            gzip.compress(json.dumps(row(1)).encode() * 99)[:-9], "File 1 of 1 is not whole.", id="cut in the middle"
        ),
        pytest.param(b"canary", "File 1 of 1 is not whole.", id="not compressed"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_by_its_number_and_nothing_is_sent(tmp_path, content, sentence):
    (tmp_path / "canary.jsonl.gz").write_bytes(content)
    with pytest.raises(SyncError) as raised:
        RejectedRows(str(tmp_path), None).look()
    assert str(raised.value) == sentence


def test_nothing_to_send_again_is_a_mistake_in_the_address(tmp_path):
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(SyncError, match="--from leads to no rejected rows"):
            RejectedRows(str(place), None).look()


def test_a_bucket_needs_a_config_that_leads_there():
    with pytest.raises(SyncError, match="--from names a bucket"):
        RejectedRows("s3://bucket/rejects", None)
