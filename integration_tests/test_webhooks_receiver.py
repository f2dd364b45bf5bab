"""The receiver as a process: how it starts, what it survives, how it ends, and what it never prints."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3

from test_support.postgres import Postgres, require
from test_support.receiver_process import KEY, TOKEN, ReceiverProcess

EVENT = {"lead_id": "lead-of-the-test", "contact_name": "John Doe", "processed_at": "2018-12-03T14:37:54+00:00"}
SCRIPT = str(Path(sys.executable).with_name("webhooks-squadstack"))


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[ReceiverProcess]:
    with ReceiverProcess(f"sqlite:///{tmp_path}/webhooks.db", log=tmp_path / "log") as receiver:
        yield receiver


def post(receiver: ReceiverProcess, content: Any = EVENT, key: str = KEY) -> int:
    connection = HTTPConnection("127.0.0.1", receiver.port, timeout=300)
    connection.request("POST", f"/events/{key}", json.dumps(content))
    status = connection.getresponse().status
    connection.close()
    return status


def log_of(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]


def wait_until(condition: Any) -> None:
    """Look again and again; what never comes is a test that hangs."""
    while not condition():
        threading.Event().wait(0.02)


@pytest.mark.parametrize("missing", ["WEBHOOKS_ENDPOINT_KEYS", "WEBHOOKS_PULL_TOKEN"])
def test_the_receiver_does_not_start_without_a_secret_and_names_it(missing, tmp_path):
    environment = {
        "WEBHOOKS_ENDPOINT_KEYS": "secret-key",
        "WEBHOOKS_PULL_TOKEN": "secret-token",
        "PATH": os.environ["PATH"],
    }
    del environment[missing]
    ended = subprocess.run(
        [SCRIPT, "serve"], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 2
    assert ended.stderr.startswith(f"{missing} must be set: ")
    assert "secret" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_database_file_that_cannot_be_opened_ends_the_receiver_with_a_sentence(tmp_path):
    environment = {
        "WEBHOOKS_ENDPOINT_KEYS": "k",
        "WEBHOOKS_PULL_TOKEN": "t",
        "WEBHOOKS_DATABASE_URL": f"sqlite:///{tmp_path}/no-such-folder/webhooks.db",
    }
    ended = subprocess.run([SCRIPT, "serve"], env=environment, capture_output=True, text=True, check=False)

    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [
        "The file of WEBHOOKS_DATABASE_URL cannot be opened or written: unable to open database file"
    ]


def test_without_its_extra_the_receiver_says_in_one_sentence_what_to_install():
    run = "import sys; sys.modules['starlette'] = None; from webhooks_squadstack.run import run; run()"
    ended = subprocess.run([sys.executable, "-c", run, "openapi"], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "webhooks-squadstack needs packages that are not installed (starlette is missing): install the extra that "
        "brings them, pip install 'airbyte-squadstack[webhooks]'\n"
    )


def test_an_event_answered_with_201_is_there_after_kill_9_and_is_known_again(receiver):
    assert post(receiver) == 201
    receiver.kill()
    receiver.restart()

    assert post(receiver) == 201
    assert [event["payload"] for event in receiver.pull()["data"]] == [EVENT]


def test_sigterm_ends_the_receiver_with_code_0_after_requests_under_way_are_answered(receiver, tmp_path):
    body = json.dumps(EVENT).encode()
    with socket.create_connection(("127.0.0.1", receiver.port)) as slow:
        slow.sendall(f"POST /events/{KEY} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode())
        wait_until(lambda: receiver.metrics()["webhooks_received_total"] == 1)
        receiver.process.send_signal(signal.SIGTERM)
        wait_until(lambda: log_of(tmp_path)[-1]["event"] == "stopping")
        slow.sendall(body)
        answer = slow.recv(4096)

    assert answer.startswith(b"HTTP/1.1 201 ")
    assert receiver.process.wait(300) == 0
    assert [line["event"] for line in log_of(tmp_path)] == ["listening", "stopping", "stopped"]
    receiver.restart()
    assert len(receiver.pull()["data"]) == 1


def test_the_receiver_logs_no_lead_no_key_and_no_token(receiver, tmp_path):
    for content, key in ((EVENT, KEY), (EVENT, "wrong-key"), ("no object", KEY)):
        post(receiver, content, key)
    receiver.pull()
    with socket.create_connection(("127.0.0.1", receiver.port)) as broken:
        broken.sendall(f"POST /events/{KEY} HTTP/9\r\nlead-of-the-test\r\n\r\n".encode())
        broken.recv(4096)
    receiver.terminate()

    log = (tmp_path / "log").read_text()
    assert [secret for secret in (KEY, TOKEN, "wrong-key", "lead-of-the-test", "John Doe") if secret in log] == []


# Far more than the system's buffers of a connection hold: the sender is still sending when it is known to be refused.
LARGE = b"x" * 24_000_000


def send_with_http_client(url: str, path: str, body: Any) -> int:
    connection = HTTPConnection(url.removeprefix("http://"), timeout=300)
    connection.request("POST", path, body, headers={"Connection": "close"})
    return connection.getresponse().status


def send_with_urllib3(url: str, path: str, body: Any) -> int:
    with urllib3.PoolManager(retries=False, timeout=300) as pool:
        return pool.request("POST", url + path, body=body).status


def send_with_requests(url: str, path: str, body: Any) -> int:
    return requests.post(url + path, data=body, headers={"Connection": "close"}, timeout=300).status_code


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("send", [send_with_http_client, send_with_urllib3, send_with_requests])
def test_common_clients_see_why_a_large_body_is_refused(receiver, send, chunked):
    def body() -> Any:
        return (LARGE[start : start + 1_000_000] for start in range(0, len(LARGE), 1_000_000)) if chunked else LARGE

    assert send(receiver.url, f"/events/{KEY}", body()) == 413
    assert send(receiver.url, "/events/wrong-key", body()) == 403
    assert receiver.pull()["data"] == []


def test_while_postgresql_is_down_senders_are_told_to_come_again_and_then_are_served(tmp_path):
    require()
    with Postgres() as postgres, ReceiverProcess(postgres.url(), log=tmp_path / "log") as receiver:
        assert post(receiver) == 201
        postgres.kill()
        assert (post(receiver, {"lead_id": "second"}), receiver.get("/readyz")[0], receiver.get("/healthz")[0]) == (
            503,
            503,
            200,
        )
        receiver.kill()
        receiver.restart()  # a receiver that is started before its database waits for it
        assert (post(receiver, {"lead_id": "second"}), receiver.get("/readyz")[0]) == (503, 503)
        postgres.start()
        assert (post(receiver, {"lead_id": "second"}), receiver.get("/readyz")[0]) == (201, 200)

        assert [event["lead_id"] for event in receiver.pull()["data"]] == ["lead-of-the-test", "second"]
    told = log_of(tmp_path)
    assert [line["event"] for line in told] == ["listening", "store_down", "store_down", "listening", "store_up"]
    assert "Connection refused" in told[2]["cause"]


def test_events_of_concurrent_senders_are_each_stored_once(receiver):
    threads = [threading.Thread(target=post, args=(receiver, {"lead_id": str(number)})) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(int(event["lead_id"]) for event in receiver.pull()["data"]) == list(range(40))
    metrics = receiver.metrics()
    assert metrics["webhooks_commit_events_sum"] == 40
    assert metrics["webhooks_commit_events_count"] <= 40


def test_retention_deletes_what_is_old_and_confirmed(tmp_path):
    url, log = f"sqlite:///{tmp_path}/webhooks.db", tmp_path / "log"
    with ReceiverProcess(url, log=log) as receiver:
        post(receiver, {"lead_id": "1"})
        post(receiver, {"lead_id": "2"})
        receiver.get("/events?after=1", **{"Confirmed-Sequence": "1"})
        receiver.terminate()
    with ReceiverProcess(url, log=log, WEBHOOKS_RETENTION_DAYS="0.0000001") as receiver:
        wait_until(lambda: log_of(tmp_path)[-1]["event"] == "events_deleted")

        assert [event["lead_id"] for event in receiver.pull()["data"]] == ["2"]
        assert receiver.get("/events?after=0")[0] == 410
