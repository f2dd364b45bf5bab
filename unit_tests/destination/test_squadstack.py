"""One call against a real socket that misbehaves in every way a network can."""

import contextlib
import gzip
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from destination_squadstack.api.dry_run import DryRun
from destination_squadstack.api.fix_messages import FixContext, fix_message
from destination_squadstack.api.outcomes import ApiResponse, NoResponse, NotLoggedIn
from destination_squadstack.api.squadstack import SquadStackClient
from destination_squadstack.api.transport import Transport, read_reply
from destination_squadstack.operations import OPERATIONS, Operation, Request

HANG = 300  # seconds after which a test that hangs fails: no bound on how slow a machine may be
BODY = b'{"result": []}'


def response(body=BODY, status="200 OK", headers=""):
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


@contextmanager
def serving(serve):
    """Run `serve(listener, over)` beside the test and give its address; when the test is over, it waits for nobody."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run():
            try:
                serve(listener, over)
            except OSError:
                if not over.is_set():
                    raise

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)  # wakes an accept() that no client has come to
            thread.join(HANG)


@contextmanager
def server(*answers):
    """Answer connections one after the other: bytes are sent, None sends nothing, a reset is a reset."""
    seen = []

    def serve(listener, over):
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                seen.append(receive(connection))
                if answer is None:
                    over.wait()
                elif answer == "reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                else:
                    connection.sendall(answer)

    with serving(serve) as address:
        yield f"http://{address}", seen


def receive(connection):
    text = b""
    while b"\r\n\r\n" not in text:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionError("the client left before it had sent its request")
        text += piece
    head, _, body = text.partition(b"\r\n\r\n")
    length = int(
        next(line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head.decode(), body


@dataclass(frozen=True)
class To:
    operation: Operation
    path: str = "/path"


TO = To(OPERATIONS["crm_v2", "upsert"])


def send(url, **timeouts):
    client = SquadStackClient(url, "the-token", **{"connect_seconds": HANG, "read_seconds": HANG, **timeouts})
    try:
        return client.send(TO, [b'{"lead_id":"a"}', b'{"lead_id":"b"}'])
    finally:
        client.close()


def test_a_call_to_squadstack_is_exactly_the_documented_request():
    with server(response()) as (url, seen):
        assert send(url) == ApiResponse(200, {"result": []})
    ((head, body),) = seen
    assert body == b'[{"lead_id":"a"},{"lead_id":"b"}]'
    lines = head.split("\r\n")
    assert lines[0] == "POST /path HTTP/1.1"
    headers = dict(line.split(": ", 1) for line in lines[1:])
    assert headers["Authorization"] == "Bearer the-token"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("airbyte-destination-squadstack/")


def test_a_netrc_file_does_not_replace_the_token(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with server(response()) as (url, seen):
        send(url)
    assert "Authorization: Bearer the-token" in seen[0][0]


def test_a_proxy_of_the_environment_gets_the_whole_address_and_its_own_password(monkeypatch):
    with server(response()) as (url, seen):
        monkeypatch.setenv("http_proxy", url.replace("//", "//me:secret@"))
        monkeypatch.setenv("no_proxy", "")
        assert send("http://api.example.com/pre") == ApiResponse(200, {"result": []})
    lines = seen[0][0].split("\r\n")
    assert lines[0] == "POST http://api.example.com/pre/path HTTP/1.1"
    assert {"Host: api.example.com", "Proxy-Authorization: Basic bWU6c2VjcmV0"} <= set(lines)


def test_a_host_that_needs_no_proxy_is_called_without_it(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with server(response()) as (url, _):
        assert send(url) == ApiResponse(200, {"result": []})


def test_a_proxy_without_an_address_means_that_nothing_was_applied(monkeypatch):
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("https_proxy", "http://")
    what = "no connection with the proxy that the environment names"
    assert send("https://127.0.0.1:1") == NoResponse(what, may_be_applied=False)


@pytest.mark.parametrize("api", ["crm_v2", "v4", "v1", "contact_center"])
def test_a_file_of_certificates_that_is_not_there_is_a_problem_of_the_environment(monkeypatch, api):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/there/is/no/such.pem")
    answer = send("https://127.0.0.1:1")
    assert answer == NotLoggedIn("certificates_file")
    where = FixContext(api=api, endpoint="e", config_entry="default", campaign_field="default.ref_id")
    assert fix_message(answer.problem, answer.detail, where).startswith("The environment variable REQUESTS_CA_BUNDLE")


def test_a_compressed_answer_is_unpacked():
    with server(response(gzip.compress(BODY), headers="Content-Encoding: gzip\r\n")) as (url, seen):
        assert send(url) == ApiResponse(200, {"result": []})
    assert "Accept-Encoding: gzip, deflate" in seen[0][0]


def test_all_calls_of_a_thread_share_one_connection():
    calls = 3

    def serve(listener, _):
        connection, _ = listener.accept()
        with connection:
            for _ in range(calls):
                receive(connection)
                connection.sendall(response())

    with serving(serve) as address:
        client = SquadStackClient(f"http://{address}", "t", connect_seconds=HANG, read_seconds=HANG)
        assert [client.send(TO, [b"{}"]) for _ in range(calls)] == [ApiResponse(200, {"result": []})] * calls
        client.close()


def test_a_call_that_cannot_be_repeated_leaves_on_a_connection_of_its_own():
    def serve(listener, over):
        # Nobody answers a second call on a connection, as where the portal has closed it and nobody has noticed.
        with contextlib.ExitStack() as kept:
            for _ in range(3):
                connection = kept.enter_context(listener.accept()[0])
                receive(connection)
                connection.sendall(response())
            over.wait()

    with serving(serve) as address:
        transport = Transport(f"http://{address}", connect_seconds=HANG, read_seconds=HANG)
        request = Request("PUT", "/lead", b"{}")
        answers = [transport.send(request, {}, once=once) for once in (False, True, True)]
        transport.close()
    assert answers == [ApiResponse(200, {"result": []})] * 3


def odd_server(answer):
    """Take one connection, whatever it sends, and answer with this: None sends nothing, nothing closes it."""

    def serve(listener, over):
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            if answer is None:
                over.wait()
            else:
                connection.sendall(answer)

    return serving(serve)


@pytest.mark.parametrize(
    ("answer", "what"), [(b"", "no connection"), (b"no TLS", "no connection"), (None, "no connection in time")]
)
def test_a_call_that_fails_before_the_connection_stands_was_never_sent(answer, what):
    with odd_server(answer) as address:
        assert send(f"https://{address}", connect_seconds=0.2) == NoResponse(what, may_be_applied=False)


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", NotLoggedIn("proxy")),
        (
            b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
            NoResponse("no connection through the proxy", may_be_applied=False),
        ),
    ],
)
def test_a_proxy_that_lets_nobody_through_is_named(monkeypatch, answer, means):
    with odd_server(answer) as address:
        monkeypatch.setenv("https_proxy", f"http://{address}")
        monkeypatch.setenv("no_proxy", "")
        assert send("https://api.example.com") == means


def test_a_proxy_that_wants_a_login_for_plain_http_is_named_too(monkeypatch):
    with server(response(b"", "407 Proxy Authentication Required")) as (url, _):
        monkeypatch.setenv("http_proxy", url)
        monkeypatch.setenv("no_proxy", "")
        assert send("http://api.example.com") == NotLoggedIn("proxy")


@pytest.mark.parametrize("api", ["crm_v2", "v4", "v1", "contact_center"])
def test_the_fix_message_about_a_proxy_names_the_environment(api):
    said = fix_message(
        "proxy", "", FixContext(api=api, endpoint="e", config_entry="default", campaign_field="default.ref_id")
    )
    assert said.startswith("The proxy that the environment names (HTTPS_PROXY) asks for a login (HTTP 407).")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_not_followed(status):
    with server(response(b"", status, "Location: http://127.0.0.1:1/elsewhere\r\n")) as (url, seen):
        assert send(url).status == int(status[:3])
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("answer", "lost_response"),
    [
        ("reset", NoResponse("connection lost", may_be_applied=True)),
        (b"", NoResponse("connection lost", may_be_applied=True)),
        (b"no http at all\r\n\r\n", NoResponse("connection lost", may_be_applied=True)),
        (response()[:-3], NoResponse("connection lost", may_be_applied=True)),
        (None, NoResponse("no answer in time", may_be_applied=True, timed_out=True)),
    ],
)
def test_a_call_whose_answer_is_lost_may_have_been_applied(answer, lost_response):
    with server(answer) as (url, _):
        assert send(url, **({"read_seconds": 0.05} if answer is None else {})) == lost_response


def test_an_answer_that_stops_half_way_is_a_timeout():
    def serve(listener, over):
        connection, _ = listener.accept()
        with connection:
            receive(connection)
            connection.sendall(response()[:-3])
            over.wait()

    with serving(serve) as address:
        answer = send(f"http://{address}", read_seconds=0.05)
    assert answer == NoResponse("no answer in time", may_be_applied=True, timed_out=True)


def test_no_connection_means_that_nothing_was_applied():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert send(f"http://127.0.0.1:{port}") == NoResponse("no connection", may_be_applied=False)
    assert send("http://does-not-exist.invalid") == NoResponse("no connection", may_be_applied=False)


@pytest.mark.parametrize(
    ("status", "body", "reply"),
    [
        (200, b"", ApiResponse(200, None, "an empty body")),
        (200, b"<html>", ApiResponse(200, "<html>", "a body that is not JSON")),
        (200, b'{"result": [', ApiResponse(200, '{"result": [', "a body that is not JSON")),
        (
            200,
            b'{"result": [{"data": {"id": 123456789012345678901}}]}',
            ApiResponse(200, {"result": [{"data": {"id": 123456789012345678901}}]}),
        ),
        (404, b'{"error_msg":"x"}', ApiResponse(404, {"error_msg": "x"})),
        (404, b"<html>", ApiResponse(404, "<html>", "a body that is not JSON")),
    ],
)
def test_a_body_is_parsed_or_known_to_be_unreadable(status, body, reply):
    assert read_reply(status, {}, body, 0.0) == reply


@pytest.mark.parametrize(("status", "wait"), [(429, 60.0), (503, None)])
def test_only_a_429_is_read_for_words_of_a_wait(status, wait):
    assert read_reply(status, {}, b"Please try after 60 seconds", 0.0).retry_after == wait


def test_a_wait_until_a_date_is_counted_from_now():
    headers = {"Retry-After": "Thu, 01 Jan 1970 00:01:40 GMT"}
    assert read_reply(503, headers, b"", 40.0).retry_after == 60.0


def test_a_dry_run_accepts_everything():
    answer = DryRun().send(TO, [b'{"lead_id":"a"}'])
    assert answer == ApiResponse(200, None, accepted=["a"])
