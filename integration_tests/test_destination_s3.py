"""Rejected rows in a bucket of a real S3 server, and sent again: by the console script."""

import gzip
import json
from pathlib import Path

import fsspec
import pytest
import requests
from moto.server import ThreadedMotoServer

from squadstack_emulator import Campaign, Emulator, Scenario
from test_support import catalogs, configs
from test_support.messages import global_state, lines, record

TOKEN = "emulator-token-canary"
REF = "ref-0PT711"
KEYS = {"access_key_id": "canary-key-id", "secret_access_key": "canary-secret-key"}


@pytest.fixture(scope="module")
def s3():
    """Return the address of an S3 server with a bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    assert requests.put(f"{url}/rejected-leads", timeout=10).ok
    yield url
    server.stop()


@pytest.fixture
def emulator():
    with Emulator(Scenario(token=TOKEN, campaigns=(Campaign(),), calls_per_minute=None)) as emulator:
        yield emulator
        emulator.assert_clean()


def s3_store(url, path, bucket="rejected-leads"):
    names = {"s3_bucket_name": bucket, "s3_bucket_region": "us-east-1", "s3_endpoint": url, "bucket_path": path}
    return {"storage_type": "S3", **names, **KEYS}


CATALOG = catalogs.written()


def lead(number, phone=None):
    data = {"lead_id": f"canary{number}", "phone_number": phone or f"98{number:08d}", "contact_name": "canary"}
    return record(data)


@pytest.fixture
def run(destination):
    """Run a command of the console script; no lead data and no secret may be in what it says."""

    def run(command, *flags, messages=(), **files):
        done = destination.run(command, *flags, stdin=lines(*messages), **files)
        done.assert_no_leak("canary", "98000")
        assert done.stderr == ""
        return done

    return run


def bucket_of(s3):
    return fsspec.filesystem(
        "s3",
        key=KEYS["access_key_id"],
        secret=KEYS["secret_access_key"],
        client_kwargs={"endpoint_url": s3, "region_name": "us-east-1"},
        use_listings_cache=False,
    )


def stored(s3, path):
    bucket = bucket_of(s3)
    found = {
        name.removeprefix(f"rejected-leads/{path}/"): bucket.cat_file(name)
        for name in bucket.find(f"rejected-leads/{path}")
    }
    return {
        name: [json.loads(line) for line in gzip.decompress(content).splitlines()] for name, content in found.items()
    }


def test_rejected_rows_are_in_the_bucket_before_the_state_that_covers_them(run, emulator, s3):
    settings = configs.destination(emulator, s3_store(s3, "writes"))
    messages = [lead(number, "12" if number % 50 == 0 else None) for number in range(300)]
    done = run("write", config=settings, catalog=CATALOG, messages=[*messages, global_state(1)])
    assert (done.code, done.marks) == (0, [1])
    ((name, rows),) = stored(s3, "writes").items()
    assert name.startswith("7/_/leads/")
    assert {row["data"]["lead_id"] for row in rows} == {f"canary{number}" for number in range(0, 300, 50)}
    assert len(rows) == 6
    assert len(emulator.leads()) == 294


def test_forget_takes_a_lead_out_of_the_bucket_and_leaves_what_is_kept_of_others(run, emulator, s3):
    settings = {**configs.destination(emulator, s3_store(s3, "forgets")), "allow_delete": True, "delivery_log": True}
    messages = [lead(0, "12"), lead(1, "12"), lead(2)]
    assert run("write", config=settings, catalog=CATALOG, messages=[*messages, global_state(1)]).code == 0
    before = {name: [row["lead_id"] for row in rows] for name, rows in stored(s3, "forgets").items()}
    assert sorted(before.values(), key=len) == [["canary0", "canary1"], ["canary0", "canary1", "canary2"]]

    assert run("forget", "--lead-id", "canary0", config=settings).code == 0

    bucket = bucket_of(s3)
    left = {name: gzip.decompress(bucket.cat_file(f"rejected-leads/forgets/{name}")).splitlines() for name in before}
    assert {name: [line and json.loads(line)["lead_id"] for line in rows] for name, rows in left.items()} == {
        name: [b"", *others] for name, (_, *others) in before.items()
    }


def test_a_bucket_that_does_not_exist_is_found_out_by_check_and_by_write_before_anything_is_sent(run, emulator, s3):
    settings = configs.destination(emulator, s3_store(s3, "x", bucket="no-such-bucket"))
    done = run("write", config=settings, catalog=CATALOG, messages=[lead(1), global_state(1)])
    assert (done.code, done.marks, emulator.request_log.calls) == (1, [], [])
    sentence = "object_storage_config.s3_bucket_name names no bucket."
    assert [(error["failure_type"], error["message"]) for error in done.errors] == [("config_error", sentence)]
    done = run("check", config=settings)
    assert done.status == {"status": "FAILED", "message": sentence}


def test_a_store_that_nobody_answers_for_is_named_by_its_endpoint(run, emulator):
    settings = configs.destination(emulator, s3_store("http://127.0.0.1:9", "x"))
    done = run("write", config=settings, catalog=CATALOG, messages=[lead(1), global_state(1)])
    assert (done.code, done.marks, emulator.request_log.calls) == (1, [], [])
    assert done.errors[0]["message"].startswith("object_storage_config.s3_endpoint: the bucket cannot be reached (")


def test_check_and_write_try_the_bucket_and_leave_nothing_in_it(run, emulator, s3):
    settings = configs.destination(emulator, s3_store(s3, "checks"))
    done = run("check", config=settings)
    assert (done.code, done.status) == (0, {"status": "SUCCEEDED"})
    assert run("write", config=settings, catalog=CATALOG, messages=[lead(1), global_state(1)]).code == 0
    assert stored(s3, "checks") == {}
    begun = bucket_of(s3).call_s3("list_multipart_uploads", Bucket="rejected-leads")
    assert begun.get("Uploads", []) == []


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_rejected_rows_are_sent_again_and_those_that_fail_again_are_kept_anew(run, emulator, s3, tmp_path, kind):
    store = s3_store(s3, "replays")
    root = "s3://rejected-leads/replays"
    if kind == "folder":
        root = str(tmp_path / "rejected")
        store = configs.local_store(root)

    def kept():
        if kind == "bucket":
            return stored(s3, "replays")
        return {
            str(path.relative_to(root)): [json.loads(line) for line in gzip.open(path)]
            for path in Path(root).rglob("*.gz")
        }

    settings = configs.destination(emulator, store, default={"operation": "update", "ref_id": REF})
    messages = [lead(1), lead(2), lead(3, "12"), global_state(1)]
    done = run("write", config=settings, catalog=CATALOG, messages=messages)
    assert (done.code, done.marks, dict(emulator.leads())) == (0, [1], {})
    original = kept()
    assert sorted(row["lead_id"] for rows in original.values() for row in rows) == ["canary1", "canary2", "canary3"]

    leads_are_there = configs.destination(emulator)
    run("write", config=leads_are_there, catalog=CATALOG, messages=[lead(1), lead(2), lead(3), global_state(1)])
    done = run("replay", "--from", f"{root}/7", "--only-retryable", config=settings)
    assert (done.code, done.errors) == (0, [])
    assert done.logs[0].startswith(
        "None of the 3 rejected records at --from is retryable, so there is nothing to send."
    )

    done = run("replay", "--from", f"{root}/7", config=settings)
    assert done.code == 3
    assert done.logs[0] == "Sending 3 rejected records of 1 files again; the files stay as they are."
    assert [applied.lead_id for applied in emulator.request_log.applied if applied.operation == "update"] == [
        "canary1",
        "canary2",
    ]
    again = {name: rows for name, rows in kept().items() if name not in original}
    ((name, (row,)),) = again.items()
    assert row["data"] == messages[2]["record"]["data"]
    assert {name: rows for name, rows in kept().items() if name in original} == original
    run_id = name.partition("/")[0]
    assert done.logs[-1] == f"1 of 3 records were rejected again; they are stored under {run_id}."
    assert row["run_id"] == run_id

    done = run("replay", "--from", f"{root}/{run_id}", config=settings, catalog=CATALOG)
    assert done.code == 3
    assert done.logs[0].startswith("Sending 1 rejected records of 1 files again")


def test_a_dry_replay_sends_and_keeps_nothing(run, emulator, tmp_path):
    root = tmp_path / "rejected"
    settings = configs.destination(emulator, root)
    without_id = record({"contact_name": "canary"})
    assert run("write", config=settings, catalog=CATALOG, messages=[without_id, global_state(1)]).code == 0
    kept = sorted(root.rglob("*.gz"))
    done = run("replay", "--from", str(root), config={**settings, "dry_run": True})
    assert (done.code, done.logs[-1]) == (3, "1 of 1 records were rejected again.")
    assert (sorted(root.rglob("*.gz")), len(kept), emulator.request_log.calls) == (kept, 1, [])


def test_a_replay_that_cannot_begin_says_why_and_sends_nothing(run, emulator, tmp_path):
    settings = configs.destination(emulator)
    done = run("replay", "--from", str(tmp_path / "nowhere"), config=settings)
    assert done.code == 1
    assert done.errors[0]["message"].startswith("--from leads to no rejected records")
    assert done.errors[0]["failure_type"] == "config_error"
    assert emulator.request_log.calls == []
