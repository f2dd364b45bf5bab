"""The delivery log: one row a record, safe once committed."""

import gzip
import json

import pytest

from destination_squadstack.config import parse_config
from destination_squadstack.delivery_log import DeliveryLog
from destination_squadstack.engine.tracking import Verdict
from destination_squadstack.rejected_records.part_files import StorageWriter
from destination_squadstack.rejected_records.storage import LocalFolderStorage
from destination_squadstack.routing import plan


@pytest.fixture
def route(kit):
    stream = {"stream": {"name": "leads", "namespace": "crm"}, "destination_sync_mode": "append_dedup", "sync_id": 7}
    return plan(parse_config(kit.config()), {"streams": [stream]})[0]


@pytest.fixture
def log(tmp_path, kit):
    writer = StorageWriter(LocalFolderStorage(str(tmp_path), "run-1"), kit.clock(), what="the delivery log")
    return DeliveryLog(writer, run_id="run-1", clock=kit.clock())


def rows(tmp_path):
    files = sorted((tmp_path / ".squadstack/deliveries").rglob("*.jsonl.gz"))
    return [json.loads(line) for file in files for line in gzip.open(file).read().splitlines()]


def test_a_row_says_all_that_became_of_a_record(log, route, tmp_path):
    log.add(route, route.lane, "L1", Verdict.REJECTED, status_code=400, reason="phone_number: no", calls=2)
    log.commit()
    assert rows(tmp_path) == [
        {
            "run_id": "run-1",
            "sync_id": 7,
            "stream": "leads",
            "namespace": "crm",
            "operation": "upsert",
            "target": "ref-1",
            "lead_id": "L1",
            "verdict": "rejected",
            "status_code": 400,
            "reason": "phone_number: no",
            "calls": 2,
            "decided_at": 1_700_000_000_000,
        }
    ]


def test_rows_lie_below_their_sync_and_are_whole_after_each_commit(log, route, tmp_path):
    log.add(route, route.lane, "L1", Verdict.WRITTEN, calls=1)
    log.commit()
    log.add(route, route.lane, "L2", Verdict.UNCHANGED)
    assert [row["lead_id"] for row in rows(tmp_path)] == ["L1"]
    log.commit()
    assert [row["lead_id"] for row in rows(tmp_path)] == ["L1", "L2"]
    assert [path.name for path in (tmp_path / ".squadstack/deliveries/7").iterdir()] == ["run-1-000000.jsonl.gz"]


def test_a_lead_id_that_is_no_unicode_has_a_row(log, route, tmp_path):
    log.add(route, route.lane, "L\ud800", Verdict.REJECTED)
    log.commit()
    assert [row["lead_id"] for row in rows(tmp_path)] == ["L?"]


def test_without_a_writer_nothing_is_kept(route, kit):
    log = DeliveryLog(None, run_id="run-1", clock=kit.clock())
    log.add(route, route.lane, "L1", Verdict.WRITTEN)
    log.commit()
    assert not log.is_kept
