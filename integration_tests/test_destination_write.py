"""`destination-squadstack` by its console script against the emulator: a true account of every record."""

import itertools
import json
import random
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest

from squadstack_emulator import Campaign, Emulator, Fault, FaultKind, Scenario
from test_support import catalogs, configs
from test_support.messages import kept_rows, lines, outcome, record, state
from test_support.processes import HANG

TOKEN = "emulator-token-canary"
REF = "ref-0PT711"


def scenario(**fields):
    return Scenario(**{"token": TOKEN, "campaigns": (Campaign(),), "calls_per_minute": None, **fields})


def lead(number: int, **more: Any) -> dict[str, Any]:
    return {
        "lead_id": f"canarylead{number}",
        "phone_number": f"98{number:08d}",
        "contact_name": f"Canaryname{number}",
        **more,
    }


@pytest.fixture
def write(destination):
    """Run `write` on some input; everything is checked for lead data and the token on the way out."""

    def run(settings, text, streams=None, *, canaries=True):
        written = destination.run("write", stdin=text, config=settings, catalog=streams or catalogs.written())
        if canaries:
            written.assert_no_leak("canary", "Canary", "98000", TOKEN)
        return written

    return run


# -- calls and states


def test_two_thousand_leads_with_a_state_after_every_ten(write):
    messages = []
    for number in range(2_000):
        messages.append(record(lead(number)))
        if number % 10 == 9:
            messages.append(state(number // 10 + 1, sourceStats={"recordCount": 10}, more={"kept": None}))
    with Emulator(scenario(calls_per_minute=100)) as emulator:
        settings = configs.destination(emulator)
        settings["squadstack"]["calls_per_minute"] = 100
        written = write(settings, lines(*messages))
        assert written.code == 0
        assert len(emulator.request_log.calls) <= 21
        assert len(emulator.leads()) == 2_000
        emulator.assert_clean()
    assert written.marks == list(range(1, 201))
    assert written.states[0] == {
        **messages[10]["state"],
        "destinationStats": {"recordCount": 10, "rejectedRecordCount": 0},
    }
    assert {tuple(each["destinationStats"].values()) for each in written.states} == {(10, 0)}


def test_states_arrive_while_the_input_is_open(destination):
    with Emulator(scenario()) as emulator:
        process = destination.start(
            "write", config=configs.destination(emulator, linger_seconds=1), catalog=catalogs.written()
        )
        process.stdin.write(lines(record(lead(1)), state(1)))
        process.stdin.flush()
        for line in process.stdout:
            if json.loads(line)["type"] == "STATE":
                break
        assert process.poll() is None
        process.stdin.close()
        assert process.wait() == 0
        process.stdout.close()
        process.stderr.close()


def test_every_record_is_written_or_in_the_store_and_counted(write, tmp_path):
    rejects = tmp_path / "rejects"
    good = [lead(number, city="Pune", none=None, _airbyte_raw_id="x", big=2**70) for number in range(150)]
    bad = [lead(900, lead_id=None), lead(901, phone_number="12"), lead(902, contact_name=""), lead(903, lead_id=5.5)]
    mixed = [*good[:70], *bad, *good[70:]]
    with Emulator(scenario()) as emulator:
        written = write(configs.destination(emulator, rejects), lines(*map(record, mixed), state(1)))
        assert written.code == 0
        leads = emulator.leads()
        assert sorted(leads) == sorted(each["lead_id"] for each in good)
        assert dict(leads["canarylead0"].custom) == {"city": "Pune", "big": 2**70}
        emulator.assert_clean()
    assert written.states[0]["destinationStats"] == {"recordCount": 150, "rejectedRecordCount": 4}
    rows = kept_rows(rejects)
    assert [path.relative_to(rejects).parts[:3] for path in rejects.rglob("*.gz")] == [("7", "_", "leads")]
    by_data = {json.dumps(row["data"], sort_keys=True): row["reason"] for row in rows}
    assert [by_data[json.dumps(each, sort_keys=True)] for each in bad] == [
        "lead_id: this field is required",
        "phone_number: Invalid value provided.",
        "contact_name: may not be blank",
        "lead_id: must be string or integer, is a number",
    ]
    assert len(rows) == 4
    assert "Rejected by upsert: 1 times: phone_number: Invalid value provided." in written.logs
    assert {message["type"] for message in written.messages} == {"LOG", "STATE"}, "a reject is no error of the sync"


def test_without_a_store_a_warning_says_at_the_start_that_rejected_records_are_only_counted(write):
    with Emulator(scenario()) as emulator:
        written = write(configs.destination(emulator), lines(record(lead(1, phone_number="12")), state(1)))
    assert (written.code, written.marks) == (0, [1])
    warnings = [m["log"]["message"] for m in written.messages if m["type"] == "LOG" and m["log"]["level"] == "WARN"]
    assert warnings == [
        "object_storage_config names no store: rejected records will be counted, not kept.",
        "Rejected by upsert: 1 times: phone_number: Invalid value provided.",
    ]


def test_ids_that_are_numbers_arrive_as_text(write):
    with Emulator(scenario()) as emulator:
        data = [{"lead_id": number, "phone_number": 9800000000, "contact_name": "A"} for number in (7, 2**64, 10**30)]
        assert write(configs.destination(emulator), lines(*map(record, data)), canaries=False).code == 0
        assert set(emulator.leads()) == {"7", str(2**64), str(10**30)}
        emulator.assert_clean()


def test_a_field_map_and_several_streams_reach_their_endpoints(write):
    with Emulator(scenario()) as emulator:
        settings = configs.destination(
            emulator,
            streams=[
                {"stream": "people", "operation": "create", "field_map": [{"to": "lead_id", "from": "id"}]},
                {"stream": "gone", "operation": "disable"},
                {"stream": "won", "operation": "convert", "field_map": [{"to": "detail", "from": "deal"}]},
                {"stream": "changed", "operation": "update"},
                {"stream": "purged", "operation": "delete"},
            ],
            allow_delete=True,
        )
        people = [{**lead(number), "id": f"canarylead{number}", "lead_id": "other"} for number in range(4)]
        text = lines(
            *(record(each, "people") for each in people),
            record(lead(0), "gone"),
            record({**lead(1), "deal": {"order": 5}}, "won"),
            record({"lead_id": "canarylead2", "city": "Pune"}, "changed"),
            record(lead(3), "purged"),
            state(1, "people"),
        )
        assert write(
            settings, text, catalogs.written("people", "gone", "won", "changed", "purged", mode="append")
        ).marks == [1]
        leads = emulator.leads()
        assert [leads[f"canarylead{number}"].state for number in range(4)] == [
            "disabled",
            "converted",
            "active",
            "deleted",
        ]
        assert leads["canarylead2"].custom == {"city": "Pune"}
        emulator.assert_clean()


def test_duplicates_are_rejected_and_a_second_run_of_creates_changes_nothing(write, tmp_path):
    with Emulator(scenario()) as emulator:
        settings = configs.destination(emulator, tmp_path / "rejects", default={"operation": "create", "ref_id": REF})
        text = lines(*(record(lead(number)) for number in range(300)), state(1))
        assert write(settings, text).states[0]["destinationStats"] == {"recordCount": 300, "rejectedRecordCount": 0}
        again = write(settings, text)
        assert again.code == 0
        assert again.states[0]["destinationStats"] == {"recordCount": 0, "rejectedRecordCount": 300}
        ignored = write({**settings, "on_duplicate": "ignore"}, text)
        assert ignored.states[0]["destinationStats"] == {"recordCount": 300, "rejectedRecordCount": 0}
        assert len(emulator.request_log.applied) == 300
    assert {row["reason"] for row in kept_rows(tmp_path / "rejects")} == {
        "A lead with this lead_id is already present in the campaign."
    }


def test_a_dry_run_sends_and_acknowledges_nothing_and_says_how_long_it_would_take(write, tmp_path):
    with Emulator(scenario()) as emulator:
        settings = configs.destination(emulator, tmp_path / "rejects", dry_run=True)
        settings["squadstack"]["calls_per_minute"] = 2
        written = write(settings, lines(*(record(lead(number)) for number in range(300)), record({}), state(1)))
        assert emulator.request_log.calls == []
    assert written.code == 0
    assert {message["type"] for message in written.messages} == {"LOG"}
    assert not (tmp_path / "rejects").exists()
    assert "Rejected by upsert: 1 times: lead_id: this field is required" in written.logs
    assert written.logs[-1] == (
        "Dry run: nothing was sent and no state was acknowledged. 300 records would be sent in 3 calls; "
        "2 calls a minute make that about 0.5 minutes longer than the calls themselves take."
    )


# -- faults (those that need a short timeout: test_destination_faults.py)


@pytest.mark.parametrize("operation", ["create", "upsert"])
def test_broken_answers_lose_and_double_nothing(write, tmp_path, operation):
    kinds = (FaultKind.HTTP_500, FaultKind.TRUNCATED, FaultKind.HTML_200, FaultKind.EMPTY_200, FaultKind.WRONG_LENGTH)
    faults = tuple(Fault(kind, on="write", every=2 + step, times=2) for step, kind in enumerate(kinds))
    faults += (Fault(FaultKind.HTTP_502, on="write", every=3, times=2, applied=True),)
    with Emulator(scenario(faults=faults)) as emulator:
        settings = configs.destination(emulator, tmp_path / "rejects", default={"operation": operation, "ref_id": REF})
        messages = []
        for number in range(1_000):
            messages += [record(lead(number)), state(number)] if number % 50 == 49 else [record(lead(number))]
        written = write(settings, lines(*messages))
        assert written.code == 0
        assert len(written.marks) == 20
        assert kept_rows(tmp_path / "rejects") == []
        assert len(emulator.leads()) == 1_000
        if operation == "create":
            assert len(emulator.request_log.applied) == 1_000
        assert {call.fault for call in emulator.request_log.calls} >= {kind.value for kind in kinds}
        assert emulator.request_log.overlapping == []
        emulator.assert_clean()
    assert sum(each["destinationStats"]["recordCount"] for each in written.states) == 1_000


def test_busy_leads_are_sent_again_alone(write, tmp_path):
    with Emulator(scenario(busy_leads={"canarylead5": 2})) as emulator:
        written = write(configs.destination(emulator), lines(*(record(lead(number)) for number in range(50)), state(1)))
        assert written.states[0]["destinationStats"] == {"recordCount": 50, "rejectedRecordCount": 0}
        assert [call.leads for call in emulator.request_log.calls] == [50, 1, 1]


def test_a_429_is_waited_out(write):
    faults = (Fault(FaultKind.THROTTLE, on="write", every=3, times=3),)
    with Emulator(scenario(faults=faults, window_seconds=1.0, throttle_answer="retry_after")) as emulator:
        written = write(
            configs.destination(emulator, workers=8),
            lines(*(record(lead(number)) for number in range(1_500)), state(1)),
        )
        assert (written.code, written.marks) == (0, [1])
        assert emulator.request_log.throttled == 3
        assert len(emulator.leads()) == 1_500


# -- errors


@pytest.mark.parametrize(
    ("changes", "fields", "sentence"),
    [
        ({"token": "canary-wrong-token"}, {}, "squadstack.token is not accepted by SquadStack (Invalid auth token)."),
        ({}, {"forbidden": True}, "squadstack.token may not use lead-upserted"),
        ({"ref": "nobody"}, {}, "default.ref_id names no active integration of SquadStack."),
        (
            {},
            {"disabled_endpoints": frozenset({"lead-upserted"})},
            "default.operation uses lead-upserted, which is not enabled",
        ),
        ({}, {"faults": (Fault(FaultKind.REDIRECT_302),)}, "squadstack.base_url answers with a redirect (HTTP 302)"),
    ],
)
def test_write_and_check_name_what_the_user_has_to_fix(write, destination, changes, fields, sentence):
    with Emulator(scenario(**fields)) as emulator:
        settings = configs.destination(emulator)
        settings["squadstack"]["token"] = changes.get("token", TOKEN)
        settings["default"]["ref_id"] = changes.get("ref", REF)
        written = write(settings, lines(state(1), *(record(lead(number)) for number in range(150)), state(2)))
        assert written.code == 1
        assert written.error["failure_type"] == "config_error"
        assert written.error["message"].startswith(sentence)
        assert written.marks == [1]
        checked = destination.run("check", config=settings)
        assert (checked.code, checked.status["status"]) == (0, "FAILED")
        assert checked.status["message"].startswith(sentence)
        assert "canary" not in checked.stdout + checked.stderr
        assert emulator.leads() == {}


def test_check_changes_nothing(destination):
    with Emulator(scenario()) as emulator:
        settings = configs.destination(
            emulator,
            streams=[
                {"stream": operation, "operation": operation}
                for operation in ("create", "upsert", "update", "convert", "disable", "delete")
            ],
            allow_delete=True,
        )
        assert destination.run("check", config=settings).status == {"status": "SUCCEEDED"}
        assert len(emulator.request_log.calls) == 6
        assert emulator.request_log.applied == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"canary\n", "Line 3 of the input is not JSON."),
        (
            b'{"type":"RECORD","record":{"stream":"canary","data":{}}}\n',
            "Line 3 of the input is a RECORD of a stream that",
        ),
        (b'{"type":"RECORD","rec', "Line 3 of the input is not JSON."),
    ],
)
def test_input_that_cannot_be_understood_is_named_by_its_line(write, text, message):
    with Emulator(scenario()) as emulator:
        written = write(configs.destination(emulator), lines(state(1), record(lead(1))) + text + lines(state(2)))
    assert written.code == 1
    assert written.error["message"].startswith(message)
    assert written.marks == [1]


@pytest.mark.parametrize(
    ("settings", "streams", "message"),
    [
        ({"squadstack": {"token": TOKEN}}, catalogs.written(), "default and streams are both empty"),
        (
            {"squadstack": {"token": "canary x"}, "default": {"ref_id": "r"}},
            catalogs.written(),
            "squadstack.token must look like this",
        ),
        (
            {"squadstack": {"token": 5}, "default": {"ref_id": "r"}},
            catalogs.written(),
            "squadstack.token must be a string.",
        ),
        (
            {"squadstack": {"token": TOKEN}, "default": {"ref_id": "r"}},
            catalogs.written(mode="overwrite"),
            "The stream 'leads' is set to",
        ),
        (
            {"squadstack": {"token": TOKEN}, "streams": [{"stream": "x", "ref_id": "r"}]},
            catalogs.written(),
            "The stream 'leads' has no entry in streams and there is no default",
        ),
        (
            {
                "squadstack": {"token": TOKEN},
                "default": {"ref_id": "r"},
                "object_storage_config": {"storage_type": "Local", "bucket_path": "/proc/rejects"},
            },
            catalogs.written(),
            "object_storage_config.bucket_path names a folder that cannot be written to",
        ),
    ],
)
def test_a_config_that_cannot_work_ends_before_anything_is_sent(write, settings, streams, message):
    written = write(settings, lines(record(lead(1))), streams)
    assert written.code == 1
    assert written.error["failure_type"] == "config_error"
    assert written.error["message"].startswith(message)
    assert written.marks == []


# -- being stopped


def feed(process, messages):
    """Write to a process from a thread, until it is gone."""

    def run():
        try:
            for message in messages:
                process.stdin.write(lines(message))
                process.stdin.flush()
            process.stdin.close()
        except (BrokenPipeError, ValueError):
            pass

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def rest(process):
    """Read what a process still prints, wait for it and close its pipes."""
    stdout = b"" if process.stdout.closed else process.stdout.read()
    stderr = process.stderr.read()
    process.wait()
    process.close()
    return stdout, stderr


def numbered(count, every=10, bad_every=23):
    for number in range(count):
        yield record(lead(number, **({"phone_number": "12"} if number % bad_every == 0 else {})))
        if number % every == every - 1:
            yield state(number + 1)


@pytest.mark.parametrize("seed", range(4))
def test_kill_9_at_a_random_moment_loses_nothing_that_was_acknowledged(destination, tmp_path, seed):
    chance = random.Random(seed)
    rejects = tmp_path / "rejects"
    faults = (Fault(FaultKind.HTTP_500, on="write", every=13, applied=True),)
    with Emulator(scenario(latency_seconds=0.02, faults=faults)) as emulator:
        settings = configs.destination(
            emulator, rejects, default={"operation": chance.choice(["create", "upsert"]), "ref_id": REF}
        )
        process = destination.start("write", config=settings, catalog=catalogs.written())
        feeder = feed(process, numbered(20_000))
        printed = []
        stop_after = chance.randrange(1, 150)
        for line in process.stdout:
            printed.append(line)
            if line.count(b'"STATE"') and len(printed) >= stop_after:
                process.send_signal(signal.SIGKILL)
                break
        printed.append(rest(process)[0])
        feeder.join(HANG)
        marks = outcome(process.returncode, b"".join(printed)).marks
        assert process.returncode == -signal.SIGKILL
        assert marks == list(range(10, marks[-1] + 1, 10))
        refused = {row["data"]["lead_id"] for row in kept_rows(rejects)}
        for number in range(marks[-1]):
            lead_id = f"canarylead{number}"
            assert lead_id in emulator.leads() or lead_id in refused
        assert emulator.request_log.overlapping == []


def test_sigterm_finishes_what_is_under_way_and_says_what_is_done(destination, tmp_path):
    with Emulator(scenario(latency_seconds=0.3)) as emulator:
        settings = configs.destination(emulator, tmp_path / "rejects", workers=2)
        process = destination.start("write", config=settings, catalog=catalogs.written())
        feed(process, numbered(5_000))
        printed = list(itertools.islice(process.stdout, 12))
        process.send_signal(signal.SIGTERM)
        tail, stderr = rest(process)  # its stdin stays open: it ends of itself
        printed.append(tail)
        assert process.returncode == 143
        written = outcome(143, b"".join(printed), stderr)
        assert stderr == b""
        done = len(emulator.leads()) + len(kept_rows(tmp_path / "rejects"))
        assert written.marks[-1] in (done, done - done % 10)
        assert "Signal 15: finishing the calls under way, then stopping." in written.logs
        assert sum(call.status == 200 for call in emulator.request_log.calls) == len(emulator.request_log.calls)


def test_a_reader_that_goes_away_stops_the_writing(destination):
    with Emulator(scenario(latency_seconds=0.05)) as emulator:
        process = destination.start("write", config=configs.destination(emulator), catalog=catalogs.written())
        feeder = feed(process, numbered(100_000))
        for line in process.stdout:
            if b'"STATE"' in line:
                break
        process.stdout.close()
        assert process.wait() == 1
        assert rest(process)[1] == b""
        feeder.join(HANG)
        assert len(emulator.leads()) < 50_000


@pytest.mark.parametrize(
    ("command", "redirection", "code", "said"),
    [
        ("spec", ">&-", 1, "stdout is closed"),
        ("spec", "<&- 2>&-", 0, ""),
        ("write", ">&-", 1, "stdout is closed"),
        ("write", ">&- 2>&-", 1, ""),
        ("write", ">/dev/full", 1, "stdout cannot be written to (No space left on device)"),
        ("write", "2>&-", 0, ""),
    ],
)
def test_without_stdout_nothing_is_sent_and_stderr_says_why(tmp_path, command, redirection, code, said):
    with Emulator(scenario()) as emulator:
        done = in_a_shell(command, redirection, emulator, tmp_path)
        assert len(emulator.request_log.calls) == (command == "write" and code == 0)
    assert done.returncode == code
    assert done.stderr.count(b"\n") == bool(said)
    assert said in done.stderr.decode()


def test_a_closed_stdin_is_no_empty_input(tmp_path):
    with Emulator(scenario()) as emulator:
        done = in_a_shell("write", "<&-", emulator, tmp_path)
    written = outcome(done.returncode, done.stdout, done.stderr)
    assert (written.code, written.stderr) == (1, "")
    assert written.error["message"] == "The input cannot be read (Bad file descriptor): stdin has to be open."


def in_a_shell(command, redirection, emulator, directory):
    arguments = [str(Path(sys.executable).with_name("destination-squadstack")), command]
    if command == "write":
        for option, content in {"config": configs.destination(emulator), "catalog": catalogs.written()}.items():
            path = directory / option
            path.write_bytes(orjson.dumps(content))
            arguments += [f"--{option}", str(path)]
    line = f"{shlex.join(arguments)} {redirection}"
    text = lines(record(lead(1)), state(1))
    return subprocess.run(["sh", "-c", line], input=text, capture_output=True, timeout=HANG, check=False)
