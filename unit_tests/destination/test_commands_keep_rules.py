"""The commands themselves: none sends anything past the suppression list, a dry run, or what came later."""

import json
import signal

import pytest

from destination_squadstack import cli, commands
from destination_squadstack.api.outcomes import ApiResponse
from destination_squadstack.rejected_records.row_file import pack


class Server:
    """Takes what it gets, and is used by nobody else."""

    read_timeout = 1.0

    def __init__(self, _):
        pass

    def send(self, lane, bodies):
        SENT.extend((lane.operation.name, json.loads(body)["lead_id"]) for body in bodies)
        leads = [json.loads(body)["lead_id"] for body in bodies]
        return ApiResponse(
            200, {"status": "success", "result": [{"status_code": 200, "data": {"lead_id": lead}} for lead in leads]}
        )

    def close(self):
        pass


SENT = []
LISTED, FREE = "98765 00000", "9876543210"


@pytest.fixture
def command(kit, tmp_path, monkeypatch, capfdbinary):
    """Run a command with a list of one number and a store; return exit code, what was sent, and the log."""
    SENT.clear()
    monkeypatch.setattr(commands, "ApiRouter", Server)
    monkeypatch.setattr(commands.gc, "freeze", lambda: None)
    monkeypatch.setattr(commands.gc, "set_threshold", lambda _: None)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    (tmp_path / "dnd.txt").write_text("+91 98765-00000")
    (tmp_path / "rejects").mkdir()

    def run(name, *more, lines=(), catalog=None, **changes):
        store = {"storage_type": "Local", "bucket_path": str(tmp_path / "rejects")}
        config = {"suppression": {"path": str(tmp_path / "dnd.txt")}, "object_storage_config": store, **changes}
        (tmp_path / "config.json").write_text(json.dumps(kit.config(**config)))
        (tmp_path / "catalog.json").write_text(json.dumps(catalog or kit.catalog("leads")))
        pieces = iter([b"".join(line + b"\n" for line in lines)])
        monkeypatch.setattr(commands, "_read_stdin", lambda _: next(pieces, b""))
        code = cli.main([name, "--config", str(tmp_path / "config.json"), *more])
        printed = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
        return code, list(SENT), [message["log"]["message"] for message in printed if message["type"] == "LOG"]

    run.folder = tmp_path
    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def write(command, *records, **changes):
    catalog = str(command.folder / "catalog.json")
    return command("write", "--catalog", catalog, lines=[record.line for record in records], **changes)


def test_a_sync_sends_no_number_of_the_list(command, kit):
    code, sent, log = write(command, kit.record("L1", phone_number=LISTED), kit.record("L2", phone_number=FREE))
    assert (code, sent) == (0, [("upsert", "L2")])
    assert "The suppression list has 1 numbers." in log


def test_a_dry_run_sends_nothing(command, kit):
    code, sent, _ = write(command, kit.record("L2"), dry_run=True)
    assert (code, sent) == (0, [])


def test_a_replay_sends_no_number_of_the_list_and_nobody_whom_a_later_row_withholds(command, kit):
    def row(lead_id, at, **data):
        fields = {"lead_id": lead_id, "phone_number": FREE, "contact_name": "A", **data}
        kept = {"run_id": f"2024010{at}T000000Z-a", "stream": "leads", "namespace": None, "operation": "upsert"}
        times = {"emitted_at": at, "rejected_at": at}
        return json.dumps({**kept, "lead_id": lead_id, "retryable": False, **times, "data": fields}).encode() + b"\n"

    folder = command.folder / "rejects/7/_/leads"
    folder.mkdir(parents=True)
    rows = [row("L1", 1, phone_number=LISTED), row("L2", 1), row("L3", 1)]
    (folder / "20240101T000000Z-a-000000.jsonl.gz").write_bytes(pack(rows, [1, 2, 3]))
    deleted = row("L2", 2, _ab_cdc_deleted_at="2024-01-02")
    (folder / "20240102T000000Z-a-000000.jsonl.gz").write_bytes(pack([deleted], [1]))
    code, sent, log = command("replay", "--from", str(command.folder / "rejects"))
    assert (code, sent) == (3, [("upsert", "L3")])
    assert "1 records are left out: a later record says that their lead is not to be called." in log


def test_a_replay_without_a_store_says_what_it_cannot_know(command, kit):
    folder = command.folder / "elsewhere"
    folder.mkdir()
    row = {
        "stream": "leads",
        "operation": "upsert",
        "lead_id": "L1",
        "data": json.loads(kit.record("L1").line)["record"]["data"],
    }
    (folder / "a.jsonl.gz").write_bytes(pack([json.dumps(row).encode() + b"\n"], [1]))
    code, sent, log = command("replay", "--from", str(folder), object_storage_config={"storage_type": "None"})
    assert (code, sent) == (0, [("upsert", "L1")])
    assert any(said.startswith("object_storage_config names no store, so what later syncs have read") for said in log)


def test_a_section_that_names_no_list_is_told_and_one_that_is_missing_is_not(command, kit):
    said = "suppression names no list: no number is held back."
    assert said in write(command, kit.record("L1"), suppression={"on_match": "reject"})[2]
    assert said not in write(command, kit.record("L1"), suppression=None)[2]


def test_fields_that_a_stream_does_not_have_are_named_before_anything_is_sent(command, kit):
    field_map = [{"to": "lead_id", "from": "id"}, {"to": "contact_name", "from": "first, Last"}]
    entry = {
        "stream": "leads",
        "field_map": [*field_map, {"to": "phone_number", "from": "properties.phone"}],
        "deleted_field": "isdeleted",
        "filter": [{"field": "Stage", "test": "is_filled"}, {"field": "properties.stage ", "test": "is_filled"}],
    }
    schema = {"properties": {key: {} for key in ("id", "first", "last", "properties", "IsDeleted", "stage")}}
    _, _, log = write(command, catalog=kit.catalog("leads", json_schema=schema), streams=[entry])
    assert [
        said.partition(", which the stream 'leads' does not have")[0] for said in log if "does not have" in said
    ] == [
        "streams[0].deleted_field names 'isdeleted'",
        "streams[0].filter[0].field names 'Stage'",
        "streams[0].field_map[1].from names 'Last'",
    ]
    _, _, log = write(command, catalog=kit.catalog("leads"), streams=[entry])
    assert not [said for said in log if "does not have" in said], "without a schema nobody knows"
