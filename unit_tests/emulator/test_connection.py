"""What happens on the connection: checked with the HTTP client the connectors use."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from requests.exceptions import ChunkedEncodingError, ConnectionError, ReadTimeout  # noqa: A004 - requests' own name

from squadstack_emulator import Campaign, Emulator, Fault, FaultKind, Scenario

TOKEN = {"Authorization": "Bearer emulator-token"}
READ = "/api/v4/leads/responses/0PT711/"
CREATE = "/voice/crm-integration-v2/ref-0PT711/lead-created"
TWO = [{"lead_id": each, "phone_number": "9999999999", "contact_name": "John Doe"} for each in ("a", "b")]


HANG = 300  # seconds after which a test that hangs fails: no bound on how slow a machine may be


def wait_until(holds: Callable[[], Any]) -> None:
    """Look again and again; what never comes is a test that hangs."""
    while not holds():
        threading.Event().wait(0.001)


@contextmanager
def called(emulator: Emulator, leads: list[dict[str, str]]) -> Iterator[None]:
    """Send a whole request, and hang up in the end, answered or not."""
    body = json.dumps(leads).encode()
    host, port = emulator.url.removeprefix("http://").split(":")
    head = f"POST {CREATE} HTTP/1.1\r\nHost: x\r\nAuthorization: {TOKEN['Authorization']}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + body)
        yield


@pytest.fixture
def client() -> Any:
    with requests.Session() as session:
        session.headers.update(TOKEN)
        yield session


def test_a_lead_goes_round_over_http(serve: Callable[..., Emulator], client: Any) -> None:
    emulator = serve()
    assert client.post(emulator.url + CREATE, json=TWO, timeout=HANG).json()["status"] == "success"
    assert emulator.call_leads() == 2
    page = client.get(emulator.url + READ, params={"processed_after": 0}, timeout=HANG)
    assert page.headers["content-type"] == "application/json"
    rows = page.json()["results"]
    assert [(row["lead_id"], row["processed_at"]) for row in rows] == [
        ("a", "2024-06-01T12:00:00+00:00"),
        ("b", "2024-06-01T12:00:00+00:00"),
    ]
    assert [(each.method, each.status, each.leads) for each in emulator.request_log.calls] == [
        ("POST", 200, 2),
        ("GET", 200, 2),
    ]
    emulator.assert_clean()


def test_faults_of_the_connection_are_what_a_client_sees(serve: Callable[..., Emulator], client: Any) -> None:
    emulator = serve(campaigns=(Campaign(responses=10),))

    def fails_with(error: type[Exception], text: str, fault: Fault, *, timeout: float = HANG) -> None:
        emulator.change(faults=(fault,))
        with pytest.raises(error, match=text):
            client.get(emulator.url + READ, timeout=(HANG, timeout))

    fails_with(ConnectionError, "Connection reset by peer", Fault(FaultKind.RESET))
    fails_with(ConnectionError, "Connection reset by peer", Fault(FaultKind.RESET_AFTER))
    fails_with(ChunkedEncodingError, "IncompleteRead", Fault(FaultKind.CUT_OFF))
    fails_with(ConnectionError, "Connection reset by peer", Fault(FaultKind.HANG, seconds=0.05))
    fails_with(ReadTimeout, "Read timed out", Fault(FaultKind.HANG, seconds=3600), timeout=0.05)
    emulator.change(faults=(Fault(FaultKind.TRUNCATED),))
    cut = client.get(emulator.url + READ, timeout=HANG)
    assert int(cut.headers["content-length"]) == len(cut.content)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        cut.json()
    emulator.change(faults=())
    assert len(client.get(emulator.url + READ, timeout=HANG).json()["results"]) == 10
    assert [each.status for each in emulator.request_log.calls] == [None, None, 200, None, None, 200, 200]
    emulator.assert_clean()


def test_a_write_is_applied_once_before_a_reset_after_it(serve: Callable[..., Emulator], client: Any) -> None:
    emulator = serve(faults=(Fault(FaultKind.RESET, times=1), Fault(FaultKind.RESET_AFTER, times=1)))
    for _ in range(2):
        with pytest.raises(ConnectionError):
            client.post(emulator.url + CREATE, json=TWO, timeout=HANG)
    assert len(emulator.leads()) == 2
    assert client.post(emulator.url + CREATE, json=TWO, timeout=HANG).json()["status"] == "failure"
    assert [each.call_seq for each in emulator.request_log.applied] == [2, 2]


def test_a_client_that_hangs_up_ends_the_silence_and_frees_its_leads(
    serve: Callable[..., Emulator], client: Any
) -> None:
    emulator = serve()
    for number in range(20):
        emulator.change(faults=(Fault(FaultKind.HALF_HANG, seconds=3600, times=1),))
        leads = [{**each, "lead_id": f"{each['lead_id']}{number}"} for each in TWO]
        with called(emulator, leads):
            wait_until(lambda first=leads[0]["lead_id"]: first in emulator.leads())
        answer = client.post(emulator.url + CREATE, json=leads, timeout=HANG).json()
        assert [each["status_code"] for each in answer["result"]] == [409, 200]
        assert "Duplicate Lead ID" in answer["result"][0]["data"]["error_msg"]
    assert emulator.request_log.overlapping == []
    emulator.assert_clean()


def test_a_client_that_dies_while_it_sends_has_called_nobody(serve: Callable[..., Emulator], client: Any) -> None:
    emulator = serve()
    host, port = emulator.url.removeprefix("http://").split(":")
    head = f"POST {CREATE} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"{head}[{{".encode())
    client.post(emulator.url + CREATE, json=TWO, timeout=HANG)
    assert [each.status for each in emulator.request_log.calls] == [200]
    emulator.assert_clean()


def test_calls_wait_out_the_latency_side_by_side_and_leads_in_both_overlap(
    serve: Callable[..., Emulator], client: Any
) -> None:
    emulator = serve(latency_seconds=3600)
    with called(emulator, TWO[:1]):
        wait_until(lambda: emulator.request_log.calls)
        emulator.change(latency_seconds=0.05)
        started = time.monotonic()
        answer = client.post(emulator.url + CREATE, json=TWO[:1], timeout=HANG).json()
        assert time.monotonic() - started >= 0.05
    assert [each["status_code"] for each in answer["result"]] == [409]
    assert [key.lead_id for key in emulator.request_log.overlapping] == ["a"]


def test_many_clients_at_once_are_all_answered_and_all_logged(serve: Callable[..., Emulator]) -> None:
    emulator = serve(campaigns=(Campaign(responses=100),))

    def read() -> None:
        with requests.Session() as session:
            for page in range(1, 26):
                parameters = {"page": page, "page_size": 4}
                assert session.get(emulator.url + READ, params=parameters, headers=TOKEN, timeout=HANG).ok

    threads = [threading.Thread(target=read) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    calls = emulator.request_log.calls
    assert [each.seq for each in calls] == list(range(1, 101))
    assert {each.status for each in calls} == {200}
    emulator.assert_clean()


def test_an_answer_does_not_wait_for_the_acknowledgement_of_its_headers(
    serve: Callable[..., Emulator], client: Any
) -> None:
    emulator = serve(campaigns=(Campaign(responses=100),))
    client.get(emulator.url + READ, timeout=HANG)
    # Nagle's algorithm would make it 40 ms each.
    (connection,) = emulator._server._server.server_state.connections
    of_the_server = connection.transport.get_extra_info("socket")
    assert of_the_server.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_an_emulator_stops_at_once_though_a_call_hangs() -> None:
    emulator = Emulator(Scenario(faults=(Fault(FaultKind.HANG, seconds=3600),)))
    emulator.start()
    host, port = emulator.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"GET {READ} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer emulator-token\r\n\r\n".encode())
        wait_until(lambda: emulator.request_log.calls)
        emulator.stop()  # an hour later, if it waited
