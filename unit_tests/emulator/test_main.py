"""`python -m squadstack_emulator`, as a user runs it."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from typing import Any

import pytest
import requests

from squadstack_emulator.__main__ import main


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "squadstack_emulator", "--port", "0", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def introduction(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or not lines[-1].startswith("Stop with"):
        lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)
    return "".join(lines)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_how_to_reach_it_calls_what_arrives_and_stops_on_a_signal(number: signal.Signals) -> None:
    with start("--campaign", "c1", "--token", "t", "--responses", "3", "--call-after", "0") as process:
        said = introduction(process)
        source, destination = (
            json.loads(each)["squadstack"] for each in re.findall(r"^\{.*?^\}", said, re.MULTILINE | re.DOTALL)
        )
        assert source["campaign_ids"] == ["c1"]
        assert source["token"] == destination["token"] == "t"
        assert f"emulator at {source['base_url']}\n" in said
        lead = {"lead_id": "a", "phone_number": "9999999999", "contact_name": "John Doe"}
        headers = {"Authorization": "Bearer t"}
        base = source["base_url"]
        created = requests.post(
            f"{base}/voice/crm-integration-v2/ref-c1/lead-created", json=[lead], headers=headers, timeout=300
        )
        assert created.json()["status"] == "success"
        row = wait_for_row(f"{base}/api/v4/leads/responses/c1/", headers)
        assert row["phone_number"] == "+919999999999"
        process.send_signal(number)
        rest, _ = process.communicate(timeout=300)
        assert process.returncode == 0
        assert re.fullmatch(r"Leads of c1 called: 1\.\n\d+ calls, 0 of them throttled; 1 operations applied\.\n", rest)


def wait_for_row(url: str, headers: dict[str, str]) -> Any:
    while True:
        parameters = {"lead_id": "a", "processed_after": "0"}
        if rows := requests.get(url, params=parameters, headers=headers, timeout=300).json()["results"]:
            return rows[0]
        threading.Event().wait(0.05)


def test_the_command_prints_a_config_of_a_contact_center_that_holds_something() -> None:
    with start("--portal-leads", "3", "--portal-activities", "2", "--activity-shape", "header") as process:
        said = introduction(process)
        process.terminate()
    found = re.search(r"^\{.*?^\}", said, re.MULTILINE | re.DOTALL)
    assert found
    source = json.loads(found[0])
    assert source["contact_center"] == {
        "portal_url": source["squadstack"]["base_url"],
        "username": "emulator-user",
        "password": "emulator-password",
        "domain": "emulator-tenant",
        "account_id": "emulator-account",
        "start_date": "2024-01-01T00:00:00Z",
    }


def test_a_port_that_is_taken_is_said_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", "192.0.2.1", "--port", "1"]) == 1
    assert capsys.readouterr().err.startswith("Cannot listen on 192.0.2.1:1: ")


def test_counts_below_zero_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--responses", "-1"])
    assert "must not be negative" in capsys.readouterr().err


def test_the_command_posts_what_becomes_of_called_leads_to_the_webhook_it_is_given() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hangs_up:
        url = f"http://127.0.0.1:{hangs_up.getsockname()[1]}/events/key"
        flags = ("--webhook-url", url, "--webhook-event", "lead_processed")
        process = start("--responses", "0", "--unprocessed", "1", "--call-after", "0", *flags)
        introduction(process)
        connection, _ = hangs_up.accept()
        assert connection.recv(1000).startswith(b"POST /events/key HTTP/1.1\r\n")
        connection.close()
    with process:
        process.terminate()
        rest, _ = process.communicate(timeout=300)
    assert re.search(r"^0 of 1 events were answered 201, in \d+ posts\.$", rest, re.MULTILINE)
