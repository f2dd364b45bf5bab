"""Recordings in real time: a sync that is killed again and again, and a file that is larger than memory should be."""

import hashlib
import os
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from squadstack_emulator import Emulator, Recordings, Scenario, recording_chunks
from test_support import configs
from test_support.catalogs import configured
from test_support.connectors import Connector
from test_support.processes import HANG, start_anew

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
CATALOG = configured("call_recordings", incremental=["call_recordings"])
CATALOG["streams"][0]["include_files"] = True
SIZE = 200_000


def put(emulator, lead_id, path, at):
    row = {
        "lead_id": lead_id,
        "processed_at": at.isoformat(),
        "latest_recording_url": f"{emulator.url}/recordings{path}",
    }
    emulator.put_response(None, row)


def started(source, staging, **files):
    environment = {**os.environ, "AIRBYTE_STAGING_DIRECTORY": str(staging)}
    return start_anew("source-squadstack", source.arguments("read", (), files), environment)


def sha256_of(name, size):
    found = hashlib.sha256()
    for chunk in recording_chunks(name, size):
        found.update(chunk)
    return found.hexdigest()


def taken(line, files):
    """Take a record's file as a destination does: read it, hold it to its record, and delete it."""
    record = orjson.loads(line)["record"]
    path = Path(record["file_reference"]["staging_file_url"])
    content = path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == record["data"]["sha256"]
    assert len(content) == record["data"]["bytes"] == record["file_reference"]["file_size_bytes"]
    path.unlink()
    files[record["data"]["lead_id"]] += 1


def test_kill_9_again_and_again_loses_no_recording_and_refers_to_no_half_of_one(tmp_path):
    source = Connector("source-squadstack", tmp_path)
    staging = tmp_path / "staging"
    staging.mkdir()
    leads = {f"lead-{number:03}": BEGIN + timedelta(hours=number) for number in range(240)}
    files, states = Counter(), []
    served = Recordings(size=SIZE, pieces=5, pause_seconds=0.005)
    with Emulator(Scenario(calls_per_minute=None, recordings=served)) as emulator:
        for lead_id, at in leads.items():
            put(emulator, lead_id, f"/slow/{lead_id}.mp3", at)
        config = configs.source(emulator, page_size=20, window_days=1, lookback_minutes=0)
        for killed_after in (10, 25, 60, 90, None):
            last = states[-1:] or None
            with started(source, staging, config=config, catalog=CATALOG, state=last) as process:
                seen = 0
                for line in process.stdout:
                    if not line.endswith(b"\n"):
                        break  # cut by the kill
                    kind = orjson.loads(line)["type"]
                    if kind == "STATE":
                        states.append(orjson.loads(line)["state"])
                    elif kind == "RECORD":
                        taken(line, files)
                        seen += 1
                        if seen == killed_after:
                            process.send_signal(signal.SIGKILL)
                process.wait(HANG)
            assert process.returncode == (0 if killed_after is None else -signal.SIGKILL)
        emulator.assert_clean()
    assert set(files) == set(leads)


def test_a_recording_of_200_megabytes_needs_no_more_memory_than_a_small_one(tmp_path):
    source = Connector("source-squadstack", tmp_path)
    staging = tmp_path / "staging"
    staging.mkdir()
    peaks = {}
    for kind in ("small", "large"):
        with Emulator(Scenario(calls_per_minute=None)) as emulator:
            size = emulator.scenario.recordings.size_of(kind)
            for number in range(3):
                put(emulator, str(number), f"/{kind}/{number}.mp3", BEGIN + timedelta(hours=number))
            with started(source, staging, config=configs.source(emulator), catalog=CATALOG) as process:
                for line in process.stdout:
                    if b'"type":"RECORD"' in line:
                        record = orjson.loads(line)["record"]["data"]
                        assert record["bytes"] == size
                        assert record["sha256"] == sha256_of(f"{record['lead_id']}.mp3", size)
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0
            peaks[kind] = usage.ru_maxrss
    assert peaks["large"] <= 1.2 * peaks["small"], peaks
