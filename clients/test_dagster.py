"""Dagster: the pipeline of examples/dagster, run as a job by Dagster's own command."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).parents[1]


PIPELINE = ROOT / "examples/dagster"
# Leads 0 to 199 have been sent and have left a state each hundred; then the process dies, the first time.
DIES_ONCE = """#!/bin/sh
if [ "$1" = write ] && mkdir "$0.died" 2>/dev/null; then head -n 210 | destination-squadstack "$@"; kill -9 $$; fi
exec destination-squadstack "$@"
"""


class Inbox:
    """A chat's incoming webhook."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                inbox.texts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()
    serving = threading.Thread(target=inbox.server.serve_forever)
    serving.start()
    yield inbox
    inbox.server.shutdown()
    serving.join()
    inbox.server.server_close()


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


@pytest.fixture
def run_job(client, kept, source_config, destination_config, inbox, warehouse):
    """Return what runs the job, with parts of the environment changed."""
    dagster = client("dagster")

    def run(*, code: int = 0, **changes: str):
        environment = {
            "SOURCE_CONFIG": str(kept("source.json", source_config)),
            "DESTINATION_CONFIG": str(kept("destination.json", destination_config)),
            "WAREHOUSE": str(warehouse),
            "ALERT_URL": f"http://127.0.0.1:{inbox.server.server_port}/",
            "RETRY_SECONDS": "0",
            **changes,
        }
        command = (
            "-m",
            "dagster",
            "job",
            "execute",
            "-d",
            PIPELINE,
            "-f",
            PIPELINE / "pipeline.py",
            "-j",
            "squadstack",
        )
        return dagster.run(*command, code=code, **environment)

    return run


def add_leads(warehouse: Path, numbers: range, bad: int | None = None) -> None:
    """Add leads as a model of the warehouse would; ten are updated at the same moment."""
    started = datetime(2026, 11, 20, tzinfo=UTC).replace(tzinfo=None)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS leads (lead_id VARCHAR PRIMARY KEY, phone_number VARCHAR, "
            "contact_name VARCHAR, city VARCHAR, updated_at TIMESTAMP)"
        )
        connection.executemany(
            "INSERT INTO leads VALUES (?, ?, ?, ?, ?)",
            [
                [
                    lead_id(number),
                    "12345" if number == bad else f"98{number:08d}",
                    f"Name {number}",
                    "Pune",
                    started + timedelta(seconds=number // 10),
                ]
                for number in numbers
            ],
        )


def lead_id(number: int) -> str:
    return f"dagster-{number:04d}"


def read(warehouse: Path) -> Counter[str]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        found = connection.execute("SELECT lead_id, record FROM lead_responses").fetchall()
    assert all(json.loads(record)["lead_id"] == name for name, record in found)
    return Counter(name for name, _ in found)


def called(emulator) -> Counter[str]:
    return Counter(name for name, lead in emulator.leads().items() if lead.processed_at)


def sent(emulator) -> Counter[str]:
    return Counter(each.lead_id for each in emulator.request_log.applied if each.operation == "upsert")


def test_leads_go_out_and_responses_come_back_and_the_next_run_takes_what_is_new(
    run_job, warehouse, emulator, inbox, rejected, tmp_path
):
    add_leads(warehouse, range(250), bad=17)
    dying = tmp_path / "dies-once"
    dying.write_text(DIES_ONCE)
    dying.chmod(0o755)
    run_job(DESTINATION=str(dying))

    # The process died after 200 leads and the step was tried again: it went on from the state that was kept.
    good = {lead_id(number) for number in range(250) if number != 17}
    assert set(sent(emulator)) == good
    assert [name for name, times in sent(emulator).items() if times > 1 and name <= lead_id(199)] == []
    assert [row["data"]["lead_id"] for row in rejected()] == [lead_id(17)]
    assert read(warehouse) == called(emulator)

    before = sent(emulator)
    add_leads(warehouse, range(250, 262), bad=255)
    emulator.call_leads(last_at=datetime.now(UTC) - timedelta(minutes=5))
    run_job()

    assert sent(emulator) - before == Counter(lead_id(number) for number in range(250, 262) if number != 255)
    assert read(warehouse) == called(emulator)
    assert len(read(warehouse)) == 250 + 5 + 249
    # The first run's rejected lead was met by the attempt that died, and is told of all the same.
    assert inbox.texts == ["SquadStack rejected 1 leads: 1 times phone_number: Invalid value provided."] * 2


def test_dagster_reports_a_config_error_and_does_not_retry_it(run_job, warehouse, emulator, inbox, destination_config):
    add_leads(warehouse, range(3))
    destination_config["squadstack"]["token"] = "another-token-canary"
    run_job(code=1)

    (told,) = inbox.texts
    assert told.startswith("The step leads_sent failed: destination-squadstack write ended with code 1: ")
    assert "squadstack.token" in told
    assert len(emulator.request_log.calls) == 1
    assert "another-token-canary" not in told
