"""`forget`: a lead is deleted in every campaign, and its rows are taken out of all that is kept."""

import gzip
import json
from pathlib import Path

import pytest

from destination_squadstack import cli, commands
from destination_squadstack.api.outcomes import ApiResponse, NoResponse
from destination_squadstack.config import parse_config
from destination_squadstack.errors import ConfigError, SyncError, TransientError
from destination_squadstack.forget import delete_at_squadstack, places_of
from destination_squadstack.protocol import Emitter
from destination_squadstack.rejected_records.removal import remove_old, remove_rows
from destination_squadstack.rejected_records.replay import RejectedRows
from destination_squadstack.rejected_records.row_file import pack, unpack
from destination_squadstack.rejected_records.storage import LocalFolderStorage, ObjectStorage
from test_support.configs import PORTAL_LOGIN

DELETED = ApiResponse(200, {"result": [{"status_code": 200, "data": {"lead_id": "L1"}}]})
GONE = ApiResponse(200, {"result": [{"status_code": 404, "data": {"error_msg": "Lead does not exist"}}]})


class Api:
    read_timeout = 30.0

    def __init__(self, *answers):
        self.answers, self.sent = list(answers), []

    def send(self, place, bodies):
        self.sent.append((place.operation.method, place.path, bodies))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def close(self):
        pass


@pytest.fixture
def delete(kit):
    def run(*answers, **changes):
        api, clock, logs = Api(*answers), kit.clock(), []
        config = parse_config({**kit.config(allow_delete=True), **changes})
        delete_at_squadstack(places_of(config), "L1", api, clock, lambda level, text: logs.append(text))
        return api.sent, clock.now - 1_000.0, logs

    return run


def test_a_lead_is_deleted_once_in_every_campaign_whatever_is_done_there_else(delete):
    streams = [
        {"stream": "a", "operation": "create", "ref_id": "ref-2"},
        {"stream": "b", "operation": "update", "ref_id": "ref-2"},
        {"stream": "c", "api": "v4", "operation": "create", "campaign_id": "C1"},
        {"stream": "d", "api": "v1", "operation": "create", "campaign_id": "C2"},
        {"stream": "e", "api": "contact_center", "operation": "add_lead", "campaign_id": "cc"},
    ]
    whole = ApiResponse(202, {})
    sent, waited, _ = delete(DELETED, DELETED, whole, streams=streams, contact_center={**PORTAL_LOGIN})
    body = [b'{"lead_id":"L1"}']
    assert sent == [
        ("POST", "/voice/crm-integration-v2/ref-1/lead-deleted", body),
        ("POST", "/voice/crm-integration-v2/ref-2/lead-deleted", body),
        ("POST", "/api/v4/leads/delete/C1/", body),
        ("POST", "/api/v4/leads/delete/C2/", body),
        ("DELETE", "/api/v2/config/campaigns/leads/{lead_id}", body),
    ]
    assert waited == 0.0


def test_a_lead_that_is_not_there_is_no_error(delete):
    _, _, logs = delete(GONE)
    assert logs == ["There is no such lead to be deleted by lead-deleted of default.ref_id."]


def test_what_may_pass_is_tried_again_and_a_429_waited_out(delete):
    sent, waited, _ = delete(NoResponse("timeout", may_be_applied=True), ApiResponse(429, {}, retry_after=7), DELETED)
    assert len(sent) == 3
    assert waited == 2.0 + 7.0


def test_what_does_not_pass_fails_and_says_so(delete):
    with pytest.raises(TransientError, match=r"lead-deleted of default\.ref_id: .*run forget again"):
        delete(ApiResponse(503, {}))
    with pytest.raises(ConfigError, match=r"squadstack\.token"):
        delete(ApiResponse(401, {}))
    with pytest.raises(SyncError, match="refused to delete the lead"):
        delete(ApiResponse(200, {"result": [{"status_code": 400, "data": {"error_msg": "no"}}]}))


def test_a_lead_is_deleted_in_the_campaigns_that_records_name_as_well(kit):
    streams = [{"stream": "a", "operation": "upsert", "ref_id_from": "campaign", "ref_id": "own"}]
    config = parse_config({**kit.config(allow_delete=True), "streams": streams})
    paths = [place.path.split("/")[-2] for place in places_of(config, ["east", "west", "own", "east"])]
    assert paths == ["ref-1", "own", "east", "west"]


def test_where_records_name_their_campaigns_somebody_has_to_say_which(kit):
    streams = [{"stream": "a", "api": "v4", "operation": "create", "campaign_id_from": "campaign"}]
    config = parse_config({**kit.config(allow_delete=True), "streams": streams})
    with pytest.raises(ConfigError, match=r"streams\[0\]\.campaign_id_from: records name .* with --campaign"):
        places_of(config)


def test_without_allow_delete_nothing_is_deleted(kit):
    with pytest.raises(ConfigError, match="allow_delete"):
        places_of(parse_config(kit.config()))


# ── what is kept ───────────────────────────────────────────────────────────────────────────────────────────────────


def row(lead_id, number=1, **data):
    kept = {"run_id": "r", "stream": "leads", "namespace": None, "operation": "upsert", "retryable": True}
    return {**kept, "lead_id": lead_id, "emitted_at": number, "rejected_at": number, "data": data}


def line(content):
    return json.dumps(content).encode() + b"\n"


REJECTED = "7/_/leads/20260101T000000Z-a-000000.jsonl.gz"
OF_NOBODY_ELSE = "7/_/leads/20260101T000000Z-a-000001.jsonl.gz"
DELIVERIES = ".squadstack/deliveries/7/20260101T000000Z-a-000000.jsonl.gz"
WITHHELD = ".squadstack/withheld/7/20260101T000000Z-a-000000.withheld.gz"
MARKS = ".squadstack/retried/20260101T000000Z-a.jsonl.gz"
ROWS = [row("L2", 1), row("L1", 2, phone_number="+919876501234"), row(None, 3, crm_id=17.0), row("L3", 4)]


@pytest.fixture(params=["folder", "objects"])
def storage(request, tmp_path):
    kept = LocalFolderStorage(str(tmp_path), "t") if request.param == "folder" else ObjectStorage(f"file://{tmp_path}")
    (tmp_path / "7/_/leads").mkdir(parents=True)
    (tmp_path / ".squadstack/deliveries/7").mkdir(parents=True)
    (tmp_path / ".squadstack/withheld/7").mkdir(parents=True)
    (tmp_path / ".squadstack/retried").mkdir(parents=True)
    kept.put(
        REJECTED, pack([line(each) for each in ROWS[:2]], [11, 12]) + pack([line(each) for each in ROWS[2:]], [3, 4])
    )
    kept.put(OF_NOBODY_ELSE, pack([line(ROWS[1])], [20]))
    kept.put(
        DELIVERIES, gzip.compress(b"".join(line({"lead_id": each, "verdict": "written"}) for each in ("L1", "L9")))
    )
    kept.put(WITHHELD, pack([line({"lead_id": each, "verdict": "filtered"}) for each in ("L1", "L2")], [5, 6]))
    kept.put(MARKS, gzip.compress(line({"lead_id": "L1"})))
    yield kept
    kept.close()


def removed(storage, kit, lead_id="L1", fields=(), **options):
    logs = []
    done = remove_rows(
        storage,
        kit.clock(),
        lead_id,
        fields,
        look_only=options.get("look_only", False),
        log=lambda _, text: logs.append(text),
    )
    return tuple(done), logs


def lines(storage, path, tmp_path):
    with (tmp_path / path).open("rb") as file:
        return [(number, json.loads(text) if text else None) for number, text in unpack(file)]


def test_the_rows_of_a_lead_are_removed_and_all_others_keep_their_places(storage, kit, tmp_path):
    done, logs = removed(storage, kit)
    assert done[:3] == (2, 2, 4)
    assert lines(storage, REJECTED, tmp_path) == [(11, ROWS[0]), (12, None), (3, ROWS[2]), (4, ROWS[3])]
    assert not (tmp_path / OF_NOBODY_ELSE).exists()
    assert lines(storage, DELIVERIES, tmp_path) == [(None, None), (None, {"lead_id": "L9", "verdict": "written"})]
    assert lines(storage, WITHHELD, tmp_path) == [(5, None), (6, {"lead_id": "L2", "verdict": "filtered"})]
    assert f"{REJECTED} holds the lead in 1 of 4 rows." in logs
    assert removed(storage, kit) == ((0, 0, 0, 0), [])


def test_a_lead_is_found_by_the_field_that_its_id_is_taken_from(storage, kit, tmp_path):
    assert removed(storage, kit, "17", ("crm_id",))[0][:3] == (1, 0, 1)
    assert [each and each["lead_id"] for _, each in lines(storage, REJECTED, tmp_path)] == ["L2", "L1", None, "L3"]


def test_a_look_changes_nothing(storage, kit, tmp_path):
    before = {path: (tmp_path / path).read_bytes() for path in (REJECTED, OF_NOBODY_ELSE, DELIVERIES, WITHHELD)}
    assert removed(storage, kit, look_only=True)[0][:3] == (2, 2, 4)
    assert {path: (tmp_path / path).read_bytes() for path in before} == before


def test_what_is_left_can_be_replayed(storage, kit, tmp_path):
    removed(storage, kit)
    assert RejectedRows(str(tmp_path), None).look().rows == 3


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
def test_a_kill_while_what_is_left_is_written_leaves_the_file_as_it_was_and_forget_can_be_run_again(
    storage, kit, tmp_path, monkeypatch
):
    before = (tmp_path / REJECTED).read_bytes()

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as moment, pytest.raises(KeyboardInterrupt):
        moment.setattr(Path, "replace", killed)  # the last step of writing a file
        removed(storage, kit)
    assert (tmp_path / REJECTED).read_bytes() == before
    removed(storage, kit)
    assert lines(storage, REJECTED, tmp_path) == [(11, ROWS[0]), (12, None), (3, ROWS[2]), (4, ROWS[3])]


def test_a_file_that_is_not_whole_is_named(storage, kit, tmp_path):
    (tmp_path / REJECTED).write_bytes((tmp_path / REJECTED).read_bytes()[:40])
    with pytest.raises(SyncError, match=f"{REJECTED} is not whole"):
        removed(storage, kit)


def test_the_command_says_what_it_would_do_in_a_dry_run_and_names_nobody(storage, kit, tmp_path, capfdbinary):
    config = tmp_path / "config.json"
    store = {"storage_type": "Local", "bucket_path": str(tmp_path)}
    config.write_text(json.dumps(kit.config(allow_delete=True, dry_run=True, object_storage_config=store)))
    assert cli.main(["forget", "--config", str(config), "--lead-id", "L1"]) == 0
    out, err = capfdbinary.readouterr()
    said = [json.loads(each)["log"]["message"] for each in out.splitlines()]
    assert said[-1] == (
        "Dry run: would remove 2 rejected rows and 2 rows of the delivery log, from 4 files, and 0 entries "
        "of the memory of what was sent."
    )
    assert b"L1" not in out + err
    assert b"9876501234" not in out + err


@pytest.mark.parametrize("blank", ["", " \t"])
@pytest.mark.parametrize("option", ["--lead-id", "--campaign"])
def test_a_blank_id_is_refused(capsys, option, blank):
    with pytest.raises(SystemExit) as ended:
        cli.main(["forget", "--config", "none", "--lead-id", "L1", option, blank])
    assert ended.value.code == 2
    assert f"argument {option}: is blank, so it names nothing." in capsys.readouterr().err


# ── retention ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_rejected_records_of_old_syncs_are_removed_and_nothing_else(tmp_path):
    kept = LocalFolderStorage(str(tmp_path), "t")
    old = (
        "7/_/leads/20260101T000000Z-0a1b2c3d-000000.jsonl.gz",
        ".squadstack/withheld/7/20260101T000000Z-0a1b2c3d-000000.withheld.gz",
    )
    stay = [
        "8/_/leads/20260103T000000Z-0a1b2c3d-000000.jsonl.gz",
        ".squadstack/withheld/8/20260103T000000Z-0a1b2c3d-000000.withheld.gz",
        ".squadstack/deliveries/7/20260101T000000Z-0a1b2c3d-000000.jsonl.gz",
        "7/_/leads/notes.jsonl.gz",
        "7/_/leads/20260101T000000Z-0a1b2c3d-000000.csv",
    ]
    for path in (*old, *stay):
        kept.put(path, b"")
    noon_of_january_3 = 1767441600.0
    assert remove_old(kept, now=noon_of_january_3, days=2) == 2
    assert set(kept.names("")) == set(stay)
    assert remove_old(kept, now=noon_of_january_3, days=2) == 0
    kept.close()


@pytest.mark.parametrize("changes", [{}, {"rejected_retention_days": 1, "dry_run": True}])
def test_without_the_setting_and_in_a_dry_run_everything_is_kept(kit, tmp_path, changes):
    store = {"storage_type": "Local", "bucket_path": str(tmp_path)}
    (tmp_path / "20260101T000000Z-0a1b2c3d-000000.jsonl.gz").write_bytes(b"")
    config = parse_config(kit.config(object_storage_config=store, **changes))
    commands._remove_old(config, kit.clock(), None)
    assert len(list(tmp_path.iterdir())) == 1


def test_the_setting_is_obeyed_and_told(kit, tmp_path):
    store = {"storage_type": "Local", "bucket_path": str(tmp_path)}
    (tmp_path / "19690101T000000Z-0a1b2c3d-000000.jsonl.gz").write_bytes(b"")
    config = parse_config(kit.config(object_storage_config=store, rejected_retention_days=1))
    said = []
    commands._remove_old(config, kit.clock(), Emitter(said.append))
    assert list(tmp_path.iterdir()) == []
    assert b"Removed 1 files of rejected records, by rejected_retention_days." in said[0]
