"""No number and no name in anything that a sync says or keeps, but for the rejected records, which are kept whole."""

import gzip
import json

import pytest

from destination_squadstack.api.outcomes import ApiResponse
from destination_squadstack.config import parse_config
from destination_squadstack.protocol import Emitter
from destination_squadstack.rejected_records.row_file import unpack
from destination_squadstack.routing import plan
from destination_squadstack.sync import Sync
from squadstack_common.clock import SystemClock
from test_support import canary


class Api:
    """Refuses every other lead, in words that repeat its number and its name."""

    read_timeout = 0.1

    def send(self, _lane, bodies):
        return ApiResponse(200, {"result": [self._entry(json.loads(body)) for body in bodies]})

    @staticmethod
    def _entry(lead):
        if lead["lead_id"] in ("L1", "L3"):
            text = f"{{'phone_number': '{lead['phone_number']} of {lead['contact_name']} is not valid.'}}"
            return {"status_code": 400, "data": {"error_msg": text}}
        return {"status_code": 200, "data": {"lead_id": lead["lead_id"]}}

    def close(self):
        pass


@pytest.fixture
def kept(kit, tmp_path):
    """Run a sync of canaries; return what it printed and the folder of all that it keeps."""
    store = {"storage_type": "Local", "bucket_path": str(tmp_path)}
    leads = [
        {"lead_id": f"L{number}", "phone_number": spelling, "contact_name": canary.NAME}
        for number, spelling in enumerate(canary.SPELLINGS)
    ]
    leads.append({"phone_number": canary.E164, "contact_name": canary.NAME})
    default = {"operation": "upsert", "ref_id": "ref-1", "send": "changed"}
    config = parse_config(kit.config(default=default, delivery_log=True, object_storage_config=store))
    records = [{"type": "RECORD", "record": {"stream": "leads", "emitted_at": 1, "data": lead}} for lead in leads]
    text = b"".join(json.dumps(each).encode() + b"\n" for each in records)
    pieces = iter([text])
    printed = []
    sync = Sync(
        config,
        plan(config, kit.catalog("leads")),
        api=Api(),
        read=lambda _: next(pieces, b""),
        emitter=Emitter(printed.append),
        clock=SystemClock(),
        run_id="20260101T000000Z-0a1b2c3d",
    )
    sync.run()
    return b"".join(printed), tmp_path


def test_a_sync_says_nothing_of_a_number_or_a_name(kept):
    printed, _ = kept
    messages = [json.loads(line) for line in printed.splitlines()]
    text = json.dumps(messages, ensure_ascii=False)
    assert not canary.holds_number(text)
    assert not canary.holds_name(text)


def test_the_delivery_log_and_the_memory_hold_neither(kept):
    _, folder = kept
    files = [path for path in folder.rglob("*") if path.is_file() and ".squadstack" in path.parts]
    assert {path.parent.parent.name if "deliveries" in path.parts else path.parent.name for path in files} >= {"sent"}
    rows = [
        json.loads(line)
        for path in files
        if path.name.endswith(".jsonl.gz")
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]
    assert len(rows) == len(canary.SPELLINGS) + 1
    text = json.dumps(rows, ensure_ascii=False)
    assert not canary.holds_number(text)
    assert not canary.holds_name(text)
    assert not any(canary.WORDS.search(path.read_bytes().decode("latin-1")) for path in files)


def test_rejected_records_are_whole_and_their_reasons_hold_neither(kept):
    _, folder = kept
    rows = []
    for path in folder.rglob("*.jsonl.gz"):
        if ".squadstack" not in path.parts:
            with path.open("rb") as file:
                rows += [json.loads(line) for _, line in unpack(file)]
    assert len(rows) == 3
    assert all(row["data"]["contact_name"] == canary.NAME for row in rows)
    said = json.dumps([{**row, "data": None} for row in rows], ensure_ascii=False)
    assert not canary.holds_number(said)
    assert not canary.holds_name(said)
