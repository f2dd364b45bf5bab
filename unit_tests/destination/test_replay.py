"""Rejected rows, read back: in the order of their runs, as the records they were, and never half of a file."""

import errno
import gzip
import json

import fsspec
import pytest

from destination_squadstack.config import S3Store, parse_config
from destination_squadstack.engine.rejection import Rejection
from destination_squadstack.errors import ConfigError, SyncError, TransientError
from destination_squadstack.input_messages import read_messages
from destination_squadstack.rejected_records import replay
from destination_squadstack.rejected_records.replay import RejectedRows
from destination_squadstack.rejected_records.row_file import pack
from destination_squadstack.rejected_records.storage import LocalFolderStorage
from destination_squadstack.rejected_records.writer import RejectedRecordWriter
from destination_squadstack.routing import plan


def row(number, **changes):
    kept = {"stream": "leads", "namespace": None, "operation": "upsert", "retryable": False, "emitted_at": number}
    return {**kept, "data": {"n": number}, **changes}


def keep(folder, name, *rows):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(b"".join(json.dumps(each).encode() + b"\n" for each in rows)))
    return path


def keep_noted(folder, name, *numbered):
    """Keep rows as a sync does: with the lines of the input that they stood in."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(each).encode() + b"\n" for _, each in numbered]
    before = path.read_bytes() if path.exists() else b""
    path.write_bytes(before + pack(lines, [number for number, _ in numbered]))


def records(rejected, size=1 << 16):
    rejected.look()
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


RUN, LATER, LATEST = "20240101T000000Z-a", "20240102T000000Z-b", "20240103T000000Z-c"


def sent(place, **options):
    return [record["data"]["n"] for record in records(RejectedRows(str(place), None, **options))]


def test_rows_of_a_run_come_in_the_order_in_which_they_were_read_whatever_their_streams_and_times(tmp_path):
    def of(stream, number, emitted=5):
        return number, row(number, stream=stream, run_id=RUN, emitted_at=emitted, rejected_at=9)

    keep_noted(tmp_path, f"7/_/b/{RUN}-000000.jsonl.gz", of("b", 7, emitted=3), of("b", 2))
    keep_noted(tmp_path, f"7/_/a/{RUN}-000000.jsonl.gz", of("a", 6), of("a", 1))
    keep_noted(tmp_path, f"7/_/a/{RUN}-000000.jsonl.gz", of("a", 3))
    keep_noted(tmp_path, f"7/crm/a/{RUN}-000001.jsonl.gz", of("a", 5, emitted=None), of("a", 4, emitted="?"))
    assert sent(tmp_path) == [1, 2, 3, 4, 5, 6, 7]


def test_a_row_that_a_replay_kept_again_is_as_old_as_at_first(tmp_path):
    keep_noted(tmp_path, f"7/_/a/{RUN}.jsonl.gz", (1, row(1, run_id=RUN, emitted_at=10, rejected_at=90)))
    keep_noted(tmp_path, f"8/_/a/{LATER}.jsonl.gz", (1, row(2, run_id=LATER, emitted_at=100, rejected_at=190)))
    again = (
        (1, row(1, run_id=LATEST, emitted_at=10, rejected_at=290)),
        (2, row(3, run_id=LATEST, emitted_at=200, rejected_at=291)),
    )
    keep_noted(tmp_path, f"9/_/a/{LATEST}.jsonl.gz", *again)
    assert sent(tmp_path) == [1, 1, 2, 3]


def test_over_runs_a_row_is_never_put_before_one_that_its_own_run_read_earlier(tmp_path):
    first = (
        (1, row(1, run_id=RUN, emitted_at=150, rejected_at=160)),
        (2, row(2, run_id=RUN, emitted_at=10, rejected_at=161)),
    )
    keep_noted(tmp_path, f"7/_/a/{RUN}.jsonl.gz", *first)
    keep_noted(tmp_path, f"8/_/a/{LATER}.jsonl.gz", (1, row(3, run_id=LATER, emitted_at=155, rejected_at=190)))
    assert sent(tmp_path) == [1, 2, 3]


def test_a_time_in_another_unit_does_not_put_a_run_behind_all_others(tmp_path):
    keep_noted(tmp_path, f"7/_/a/{RUN}.jsonl.gz", (1, row(1, run_id=RUN, emitted_at=10**18, rejected_at=100)))
    keep_noted(tmp_path, f"8/_/a/{LATER}.jsonl.gz", (1, row(2, run_id=LATER, emitted_at=150, rejected_at=200)))
    assert sent(tmp_path) == [1, 2]


def test_a_file_that_was_packed_anew_goes_by_its_times(tmp_path):
    keep(tmp_path, f"7/_/b/{RUN}.jsonl.gz", row(4, run_id=RUN), row(1, run_id=RUN))
    keep(tmp_path, f"7/_/a/{RUN}.jsonl.gz", row(3, run_id=RUN), row(2, run_id=RUN))
    assert sent(tmp_path) == [1, 2, 3, 4]


def test_a_replayed_record_is_the_text_that_was_kept(tmp_path):
    data = b'{ "n":1700000000.12345678901234567890, "big":1e400 }'
    line = b'{"stream":"leads","operation":"upsert","namespace":"crm","emitted_at":7.10,"data":%b}\n' % data
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(line, mtime=0))
    rejected = RejectedRows(str(tmp_path), None)
    rejected.look()
    record = b'{"stream":"leads","namespace":"crm","emitted_at":7.10,"data":%b}' % data
    assert rejected.reader()() == b'{"type":"RECORD","record":%b}\n' % record


def test_other_files_of_the_connector_are_no_rejected_rows(tmp_path):
    keep(tmp_path, "7/_/a/x.jsonl.gz", row(1))
    keep(tmp_path, ".squadstack/deliveries/7/y.jsonl.gz", {"verdict": "written"})
    assert sent(tmp_path) == [1]


def test_a_storage_that_is_unreachable_is_a_transient_error(tmp_path):
    fsspec.register_implementation("away", Away, clobber=True)
    with pytest.raises(TransientError, match=r"^--from cannot be read \(ConnectionRefusedError\)"):
        RejectedRows("away://bucket", None)


class Bucket:
    """An object storage as a replay uses it."""

    def __init__(self, url, *, seconds, **_):
        assert (url, seconds) == ("s3://rejected", 60.0)

    def names(self, folder):
        assert folder == "7"
        return ["7/_/leads/a.jsonl.gz", "7/_/leads/notes.txt", ".squadstack/deliveries/b.jsonl.gz"]

    def pieces(self, name):
        assert name == "7/_/leads/a.jsonl.gz"
        packed = gzip.compress(json.dumps(row(1)).encode() + b"\n" + json.dumps(row(2)).encode() + b"\n", mtime=0)
        yield from (packed[at : at + 3] for at in range(0, len(packed), 3))


S3 = S3Store(
    s3_bucket_name="rejected",
    s3_bucket_region="ap-south-1",
    access_key_id="k",
    secret_access_key="s",
    bucket_path="",
    s3_endpoint=None,
)


def test_rows_of_a_bucket_are_read_in_pieces_each_of_which_has_its_time(monkeypatch):
    monkeypatch.setattr(replay, "ObjectStorage", Bucket)
    assert [record["data"]["n"] for record in records(RejectedRows("s3://rejected/7", S3))] == [1, 2]


def test_a_bucket_that_does_not_answer_in_time_is_a_transient_error(monkeypatch):
    def too_late(*_):
        raise OSError(errno.ETIMEDOUT, "no answer in 60 s")

    monkeypatch.setattr(replay, "ObjectStorage", Bucket)
    monkeypatch.setattr(Bucket, "pieces", too_late)
    with pytest.raises(TransientError, match=r"^File 1 of 1 cannot be read \(no answer in 60 s\)"):
        RejectedRows("s3://rejected/7", S3).look()
    monkeypatch.setattr(Bucket, "names", too_late)
    with pytest.raises(TransientError, match=r"^--from cannot be read \(no answer in 60 s\)"):
        RejectedRows("s3://rejected/7", S3)


class Away(fsspec.AbstractFileSystem):
    protocol = "away"

    def isfile(self, path):
        raise ConnectionRefusedError


def test_rows_of_a_stream_that_the_catalog_lacks_are_counted_and_nothing_is_sent(tmp_path):
    keep(
        tmp_path, "a.jsonl.gz", row(1), row(2, stream="other", namespace="crm"), row(3, stream="other", namespace="crm")
    )
    found = RejectedRows(str(tmp_path), None).look()
    found.expect({(None, "leads"), ("crm", "other")})
    with pytest.raises(ConfigError) as raised:
        found.expect({(None, "leads"), (None, "other")})
    assert str(raised.value) == (
        "--catalog lacks the stream 'other' of the namespace 'crm', to which 2 of the rejected records belong. "
        "Add it, or leave --catalog out."
    )


def test_with_no_row_that_is_retryable_the_others_are_counted(tmp_path):
    keep(tmp_path, "a.jsonl.gz", row(1), row(2))
    found = RejectedRows(str(tmp_path), None, only_retryable=True).look()
    assert (found.rows, found.passed_over) == (0, 2)


def test_a_replay_takes_a_single_file(tmp_path):
    path = keep(tmp_path, "a.jsonl.gz", row(1))
    keep(tmp_path, "b.jsonl.gz", row(2))
    assert [record["data"]["n"] for record in records(RejectedRows(str(path), None))] == [1]


def test_a_replay_can_pass_over_rows_that_would_be_refused_again(tmp_path):
    keep(tmp_path, "a.jsonl.gz", row(1), row(2, retryable=True))
    rejected = RejectedRows(str(tmp_path), None, only_retryable=True)
    assert rejected.look().rows == 1
    assert [record["data"]["n"] for record in records(rejected)] == [2]


@pytest.mark.parametrize("operation", ["create", "upsert", "update", "disable"])
def test_each_replayed_stream_gets_the_operation_it_was_rejected_from(tmp_path, kit, operation):
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
        pytest.param(gzip.compress(b"canary\n"), "File 1 of 1 holds a line that is no rejected record.", id="no JSON"),
        pytest.param(
            gzip.compress(b'{"data": "canary"}\n'), "File 1 of 1 holds a line that is no rejected record.", id="no row"
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
        with pytest.raises(SyncError, match="--from leads to no rejected records"):
            RejectedRows(str(place), None).look()


def test_a_bucket_needs_a_config_that_leads_there():
    with pytest.raises(SyncError, match="--from names a bucket"):
        RejectedRows("s3://bucket/rejects", None)


# -- through the flow

STREAMS = {"default": {"ref_id": "r", "operation": "upsert"}, "linger_seconds": 3600}
INVALID = (400, "{'phone_number': 'Invalid value provided.'}")


def replayed(tmp_path, kit, bench, rejections):
    """Keep rejections, read them back, and return a flow that has taken them."""
    store = RejectedRecordWriter(LocalFolderStorage(str(tmp_path), RUN), run_id=RUN, clock=kit.clock())
    for rejection in rejections:
        store.add(rejection)
    store.commit()
    store.close()
    rejected = RejectedRows(str(tmp_path), None)
    catalog = rejected.look().catalog()
    b = bench(kit.config(**STREAMS, max_rejected_percent=1), catalog, tolerate_rejections=True)
    for messages in read_messages(rejected.reader()):
        b.feed(*messages)
    b.end()
    return b


def bodies_of(b, kit, answer=None):
    sent = []
    while not b.engine.finished:
        for call in b.calls():
            sent += [json.loads(body) for body in call.bodies]
            b.answer(call, kit.rows(call, *[answer] * len(call.records)))
    return sent


def test_the_newest_value_of_a_lead_wins_over_streams_and_over_records_that_were_never_sent(tmp_path, kit, bench):
    b = bench(kit.config(**STREAMS), kit.catalog("b", "a"))
    b.feed(kit.record("L", "b", 1, n=1), kit.record("L", "a", 2, n=2, contact_name=7), kit.record("L", "b", 3, n=3))
    b.feed(kit.record("L", "a", 4, n=4))
    b.end()
    bodies_of(b, kit, INVALID)
    rejections = b.rejected_records.rejections
    assert [json.loads(each.line)["record"]["data"]["n"] for each in rejections] == [2, 1, 3, 4], (
        "as they were rejected"
    )
    b = replayed(tmp_path, kit, bench, rejections)
    assert [lead["n"] for lead in bodies_of(b, kit)] == [1, 3, 4]
    assert b.rejected_records.lead_ids == ["L"]


def test_rows_that_are_all_refused_again_do_not_stop_a_replay(tmp_path, kit, bench):
    b = bench(kit.config(**STREAMS))
    b.feed(*[kit.record(f"L{number}", number=number) for number in range(1, 251)])
    b.end()
    rejections = []
    for call in b.calls()[:3]:
        rejections += [a_rejection(record) for record in call.records]
    b = replayed(tmp_path, kit, bench, rejections)
    assert len(bodies_of(b, kit, INVALID)) == 250
    assert b.states() == []
    assert b.progress.rejected_total == 250


def a_rejection(record):
    operation = record.lane.operation.name
    return Rejection(
        record.route, operation, record.number, record.line, record.lead_id, 400, "no", retryable=False, attempts=1
    )


def test_the_row_of_a_lead_that_could_not_be_disabled_goes_through_the_rules_of_its_stream_again(tmp_path, kit, bench):
    config = kit.config(streams=[{"stream": "leads", "on_deleted": "disable"}])
    b = bench(config, kit.catalog("leads"))
    b.feed(kit.record("L1", _ab_cdc_deleted_at="2026-01-01T00:00:00Z"), kit.record("L2"))
    b.end()
    bodies_of(b, kit, INVALID)
    store = RejectedRecordWriter(LocalFolderStorage(str(tmp_path), RUN), run_id=RUN, clock=kit.clock())
    for rejection in b.rejected_records.rejections:
        store.add(rejection)
    store.commit()
    store.close()
    rejected = RejectedRows(str(tmp_path), None)
    found = rejected.look()
    assert found.operations == {(None, "leads"): "upsert"}
    again = bench(config, found.catalog(), tolerate_rejections=True)
    for messages in read_messages(rejected.reader()):
        again.feed(*messages)
    again.end()
    sent = {call.lane.operation.name: [json.loads(body)["lead_id"] for body in call.bodies] for call in again.calls()}
    assert sent == {"disable": ["L1"], "upsert": ["L2"]}
