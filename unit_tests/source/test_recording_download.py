"""The download of one recording: what its answer means, and what an attempt that fails leads to."""

import gzip
import hashlib
import os
import socket
import ssl
import threading
import zlib
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.components.recording_download import (
    DOWNLOAD_ATTEMPTS,
    AddressAdapter,
    Downloader,
    RecordingStatus,
)
from source_squadstack.components.recording_files import StagingDirectory
from source_squadstack.components.recording_hosts import RecordingHosts
from test_support.trickling import TrickleClock, trickling

AUDIO = bytes(range(256)) * 4000
CERTIFICATE = Path(__file__).parents[1] / "certificates" / "self_signed.pem"


class Clock:
    """Time that sleeping moves, and each look by `step`."""

    def __init__(self, step=0.0):
        self.now, self.step, self.slept = 1000.0, step, []

    def monotonic(self):
        self.now += self.step
        return self.now

    def wall(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


class Server:
    """Answers each path with the next of its answers, the last of them for ever: status, body, headers."""

    def __init__(self, url):
        self.url = url
        self.answers = {}
        self.asked = []
        self.headers = []

    def next(self, path):
        left = self.answers.get(path, [(404, b"", {})])
        return left.pop(0) if len(left) > 1 else left[0]

    def answer(self, path, status=200, body=AUDIO, **headers):
        written = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.setdefault(path, []).append((status, body, written))
        return f"{self.url}{path}"


@contextmanager
def serving(tls=None):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self):
            server.asked.append(self.path)
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            status, body, headers = server.next(self.path)
            if status is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                if value is not None:
                    self.send_header(name, value)
            if headers:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_):
            pass

    http = Quiet(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    if tls:
        http.socket = tls.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    server = Server(f"http{'s' if tls else ''}://127.0.0.1:{http.server_port}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


@pytest.fixture
def server():
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in [each for each in os.environ if each.lower().endswith("_proxy")] + ["REQUESTS_CA_BUNDLE"]:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def staging(tmp_path):
    directory = StagingDirectory(tmp_path, "call_recordings")
    directory.open()
    return directory


@pytest.fixture
def download(staging, clock):
    hosts = RecordingHosts(loopback=True)
    downloader = Downloader(hosts, staging, timeouts=(60.0, 60.0), connections=2, clock=clock)
    return lambda url: downloader.download(url, "key")


def lying_in(tmp_path):
    return sorted(path.name for path in tmp_path.rglob("*") if path.is_file())


def test_a_recording_is_a_file_with_its_size_and_hash(download, server, tmp_path):
    recording = download(server.answer("/a/call.MP3?X-Amz-Signature=s"))
    sha256 = hashlib.sha256(AUDIO).hexdigest()
    assert recording.status == RecordingStatus.DOWNLOADED
    assert (recording.file.name, recording.file.size, recording.file.sha256) == (
        f"call_recordings/{sha256}-key.mp3",
        len(AUDIO),
        sha256,
    )
    assert recording.file.path.read_bytes() == AUDIO
    assert lying_in(tmp_path) == [recording.file.path.name]


def test_a_request_carries_nothing_that_tells_who_asks(download, server):
    download(server.answer("/call.mp3"))
    host = server.url.removeprefix("http://")
    assert server.headers == [
        {
            "host": host,
            "accept": "*/*",
            "accept-encoding": "identity",
            "user-agent": "source-squadstack",
        }
    ]


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (401, RecordingStatus.EXPIRED),
        (403, RecordingStatus.EXPIRED),
        (404, RecordingStatus.MISSING),
        (410, RecordingStatus.MISSING),
        (400, RecordingStatus.REFUSED),
        (416, RecordingStatus.REFUSED),
        (304, RecordingStatus.REFUSED),
        (204, RecordingStatus.EMPTY),
    ],
)
def test_what_is_refused_or_gone_is_asked_for_once(download, server, tmp_path, status, meaning):
    recording = download(server.answer("/call.mp3", status, b"" if status in {204, 304} else b"<Error/>"))
    assert (recording.status, recording.file) == (meaning, None)
    assert server.asked == ["/call.mp3"]
    assert lying_in(tmp_path) == []


def test_an_answer_without_bytes_and_a_page_are_no_recording(download, server, tmp_path):
    assert download(server.answer("/empty.mp3", body=b"")).status == RecordingStatus.EMPTY
    page = server.answer("/page.mp3", body=b"<html>", Content_Type="text/html; charset=utf-8")
    assert download(page).status == RecordingStatus.WEB_PAGE
    assert lying_in(tmp_path) == []


def test_a_size_of_thousands_of_digits_announces_nothing(download, server):
    assert download(server.answer("/call.mp3", Content_Length="9" * 5000)).status == RecordingStatus.DOWNLOADED
    assert download(server.answer("/gone.mp3", 404, b"", Content_Length="9" * 5000)).status == RecordingStatus.MISSING


@pytest.mark.parametrize(
    "body", [b"<!DOCTYPE html><p>", b"\xef\xbb\xbf \r\n<HTML lang=en>", b'<?xml version="1.0"?><Error/>']
)
def test_what_begins_like_a_page_is_no_recording_whatever_its_type(download, server, tmp_path, body):
    assert download(server.answer("/call.mp3", body=body, Content_Type="audio/mpeg")).status == RecordingStatus.WEB_PAGE
    assert lying_in(tmp_path) == []


def test_redirects_are_followed_to_other_hosts_and_relative_ones_too(download, server):
    other = server.url.replace("127.0.0.1", "localhost")
    url = server.answer("/first", 302, b"", Location=f"{other}/second")
    server.answer("/second", 307, b"", Location="third.wav")
    server.answer("/third.wav")
    recording = download(url)
    assert recording.file.path.read_bytes() == AUDIO
    assert recording.file.name.endswith("-key.wav")
    assert server.asked == ["/first", "/second", "/third.wav"]
    assert not [headers for headers in server.headers if "authorization" in headers or "referer" in headers]


@pytest.mark.parametrize("location", ["http://10.0.0.1/x.mp3", "https://169.254.169.254/latest", "file:///etc/passwd"])
def test_a_redirect_to_where_no_recording_may_come_from_is_not_followed(download, server, location):
    assert download(server.answer("/first", 302, b"", Location=location)).status == RecordingStatus.HOST_REFUSED


@pytest.mark.parametrize(
    "location",
    [
        "https://[::1/x",
        "//[",
        "https://[v1.x]/x",
        "https://a[b@host/x",
        "https://\u2100.com/x".encode().decode("latin-1"),
        "https://exa mple.com/x",
        "https://host:port/x",
        "https://host:99999/x",
        "https://host:" + "9" * 5000 + "/x",
        "https://" + "a" * 300 + "/x",
        "https://.example.com/x",
    ],
)
def test_a_redirect_to_what_is_no_address_is_refused_and_not_told_of(download, server, caplog, location):
    assert download(server.answer("/first", 302, b"", Location=location)).status == RecordingStatus.HOST_REFUSED
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("sent", "asked"),
    [(b"/r\xe9c.mp3", "/r%E9c.mp3"), ("/réc.mp3".encode(), "/r%C3%A9c.mp3")],
    ids=["Latin-1", "UTF-8"],
)
def test_a_redirect_is_followed_byte_by_byte_whatever_its_encoding(download, server, sent, asked):
    url = server.answer("/first", 302, b"", Location=sent.decode("latin-1"))
    server.answer(asked)
    assert download(url).status == RecordingStatus.DOWNLOADED
    assert server.asked == ["/first", asked]


def test_a_line_that_is_no_header_lets_no_address_into_the_log(download, server, caplog):
    url = server.answer("/secret.mp3", body=AUDIO, X="y\r\nno header\r\nZ: z")
    assert download(url).status == RecordingStatus.DOWNLOADED
    assert "secret" not in caplog.text


@pytest.mark.parametrize("error", [ValueError, UnicodeError, requests.exceptions.InvalidURL])
@pytest.mark.parametrize("where", ["resolve", "send"])
def test_an_address_that_a_library_cannot_read_is_refused_wherever_it_says_so(
    staging, clock, monkeypatch, error, where
):
    def fail(*_, **__):
        raise error("no")

    hosts = RecordingHosts(resolve=fail if where == "resolve" else lambda *_: ["93.184.216.34"])
    monkeypatch.setattr(AddressAdapter, "send", fail)
    downloader = Downloader(hosts, staging, timeouts=(1, 1), connections=1, clock=clock)
    assert downloader.download("https://example.com/a", "key").status == RecordingStatus.HOST_REFUSED


def test_redirects_without_end_are_followed_five_times(download, server):
    url = server.answer("/loop", 302, b"", Location="/loop")
    assert download(url).status == RecordingStatus.REFUSED
    assert server.asked == ["/loop"] * 6


@pytest.mark.parametrize(
    "url",
    [
        "",
        "call.mp3",
        "/recordings/call.mp3",
        "//host/call.mp3",
        "https://",
        "https://user:password@recordings.example.com/call.mp3",
        "https://[::1/call.mp3",
        "https://host:port/call.mp3",
        "https://host:99999/call.mp3",
        "https://" + "a" * 300 + "/call.mp3",
        "ftp://recordings.example.com/call.mp3",
        "https://.example.com/call.mp3",
    ],
)
def test_what_is_no_address_of_a_recording_is_refused_without_a_request(download, url):
    assert download(url).status == RecordingStatus.HOST_REFUSED


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/..%2F..%2Fetc%2Fpasswd",
        "/" + "a" * 3000 + ".mp3",
        "/%E0%A4%95%E0%A5%89%E0%A4%B2.mp3",
        "/कॉल.mp3",
        "/%00",
        "/",
        "",
        "/.mp3",
        "/a/b/",
        "/919876543210.Meera",
    ],
)
def test_no_name_in_an_address_reaches_the_staging_directory(download, server, tmp_path, path):
    server.next = lambda _: (200, AUDIO, {})
    recording = download(f"{server.url}{path}")
    sha256 = hashlib.sha256(AUDIO).hexdigest()
    ending = ".mp3" if path.endswith(("a.mp3", "कॉल.mp3")) or path.startswith("/%E0") else ""
    assert recording.file.name == f"call_recordings/{sha256}-key{ending}"
    assert recording.file.path.parent == tmp_path / "call_recordings"
    assert recording.file.path.read_bytes() == AUDIO


def test_the_same_recording_twice_is_two_files_of_one_name(download, server):
    url = server.answer("/call.mp3")
    first, second = download(url).file, download(url).file
    assert first.name == second.name
    assert first.path != second.path
    first.path.unlink()
    assert second.path.read_bytes() == AUDIO


@pytest.mark.parametrize(
    "failure",
    [
        {"status": 500, "body": b""},
        {"status": 503, "body": b""},
        {"status": 429, "body": b""},
        {"status": 408, "body": b""},
        {"status": None},
        {"Content_Length": str(len(AUDIO) + 1)},
        {"Content_Length": "9" * 17},
        {"Content_Length": None, "Transfer_Encoding": "chunked", "body": b"5\r\nhello\r\n"},
        {"Content_Encoding": "gzip", "body": b"no gzip"},
        {"Content_Encoding": "gzip", "body": gzip.compress(AUDIO)[:-100]},
        {"Content_Encoding": "gzip", "body": gzip.compress(AUDIO)[:-1]},
        {"Content_Encoding": "x-gzip", "body": gzip.compress(AUDIO)[:-9] + b"123456789"},
    ],
)
def test_an_attempt_that_fails_is_made_again_and_leaves_no_file(download, server, clock, tmp_path, failure):
    url = server.answer("/call.mp3", **failure)
    server.answer("/call.mp3", **failure)
    server.answer("/call.mp3")
    recording = download(url)
    assert recording.file.path.read_bytes() == AUDIO
    assert lying_in(tmp_path) == [recording.file.path.name]
    assert clock.slept == [1.0, 2.0]


def test_a_host_that_asks_to_wait_is_given_the_time_but_no_more_than_a_minute(download, server, clock):
    url = server.answer("/call.mp3", 503, b"", Retry_After="7")
    server.answer("/call.mp3", 503, b"", Retry_After="86400")
    server.answer("/call.mp3")
    assert download(url).status == RecordingStatus.DOWNLOADED
    assert clock.slept == [7.0, 60.0]


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def trickled(staging, answer, then, seconds=1.0):
    """Download what comes so; return its status or the error's words, and the seconds of each attempt."""
    clock = TrickleClock()
    hosts = RecordingHosts(loopback=True)
    downloader = Downloader(hosts, staging, timeouts=(15.0, 60.0), connections=1, clock=clock)
    with trickling(answer, clock, seconds=seconds, then=then) as sockets:
        began = clock.now
        try:
            outcome = downloader.download("http://127.0.0.1/call.mp3", "key").status
        except AirbyteTracedException as error:
            outcome = error.message
        return outcome, len(sockets), clock.now - began


@pytest.mark.parametrize(
    ("answer", "then", "limit"),
    [
        (b"HTTP/1.1 200 O", b"K", 180),
        (b"HTTP/1.1 200 OK\r\nX-Header: ", b"x", 180),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 180),
        (HEAD, b"x", 60 + len(HEAD)),
        (CHUNKED + b"1", b";x", 60 + len(CHUNKED)),
        (CHUNKED + b"0\r\nX-Trailer: ", b"x", 60 + len(CHUNKED)),
    ],
    ids=["status", "headers", "100 Continue", "body", "extension of a chunk", "trailer"],
)
def test_an_answer_that_comes_a_byte_at_a_time_fails_in_each_attempt(staging, answer, then, limit):
    outcome, sockets, seconds = trickled(staging, answer, then)
    if answer.startswith((HEAD, CHUNKED)):
        assert outcome == RecordingStatus.UNAVAILABLE  # the host's root is answered, too
    else:
        assert "kept failing: too slow, 5 attempt(s)" in outcome
    assert sockets == DOWNLOAD_ATTEMPTS + 1
    assert seconds <= sockets * limit + sum(2**failed for failed in range(DOWNLOAD_ATTEMPTS - 1))


def test_the_body_of_a_refusal_that_comes_a_byte_at_a_time_is_not_waited_for(staging):
    head = b"HTTP/1.1 404 Not Found\r\nContent-Length: 100000\r\n\r\n"
    outcome, sockets, seconds = trickled(staging, head, b"x")
    assert (outcome, sockets) == (RecordingStatus.MISSING, 1)
    assert seconds <= len(head) + 60 + 1


def test_the_body_of_a_redirect_that_comes_a_byte_at_a_time_is_not_waited_for(staging):
    head = b"HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 100000\r\n\r\n"
    outcome, sockets, seconds = trickled(staging, head, b"x")
    assert (outcome, sockets) == (RecordingStatus.REFUSED, 6)
    assert seconds <= 6 * (len(head) + 60 + 1)


def test_a_recording_encoded_for_its_way_is_decoded(download, server):
    packed = gzip.compress(AUDIO[:1000]) + gzip.compress(AUDIO[1000:])
    for number, encoding in enumerate(("gzip", "x-gzip", "GZip")):
        url = server.answer(f"/{number}.mp3", body=packed, Content_Encoding=encoding)
        assert download(url).file.path.read_bytes() == AUDIO
    url = server.answer("/deflate.mp3", body=zlib.compress(AUDIO), Content_Encoding="deflate")
    assert download(url).file.path.read_bytes() == AUDIO


def test_a_recording_that_keeps_failing_at_a_host_that_gives_others_is_unavailable(download, server, clock):
    good, bad = server.answer("/good.mp3"), server.answer("/bad.mp3", 500, b"")
    download(good)
    assert download(bad).status == RecordingStatus.UNAVAILABLE
    assert server.asked == ["/good.mp3", *["/bad.mp3"] * DOWNLOAD_ATTEMPTS, "/good.mp3"]
    assert clock.slept == [1.0, 2.0, 4.0, 8.0]


def test_a_port_where_nothing_listens_is_no_outage_of_a_host_that_answers_at_another(download, server):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        bad = f"http://127.0.0.1:{closed.getsockname()[1]}/call.mp3"
    assert download(server.answer("/good.mp3")).status == RecordingStatus.DOWNLOADED
    assert download(bad).status == RecordingStatus.UNAVAILABLE


def test_a_host_that_gave_nothing_before_is_asked_for_its_root(download, server):
    bad = server.answer("/bad.mp3", 500, b"")
    server.answer("/", 403, b"")
    assert download(bad).status == RecordingStatus.UNAVAILABLE
    assert server.asked[-1] == "/"


def test_an_outage_of_the_host_fails_the_sync_for_the_next_one_to_go_on_there(download, server, tmp_path):
    good, bad = server.answer("/good.mp3"), server.answer("/bad.mp3", 500, b"")
    server.answer("/good.mp3", 503, b"")
    download(good).file.path.unlink()
    with pytest.raises(AirbyteTracedException) as failed:
        download(bad)
    assert failed.value.failure_type == FailureType.transient_error
    assert failed.value.message.startswith("The recordings' host 127.0.0.1 kept failing: HTTP 500, 5 attempt(s)")
    assert "bad.mp3" not in failed.value.message
    assert lying_in(tmp_path) == []


def test_while_a_host_is_down_its_recordings_get_one_attempt_until_one_is_answered(download, server):
    bad = server.answer("/bad.mp3", 500, b"")
    server.answer("/", 500, b"")
    with pytest.raises(AirbyteTracedException):
        download(bad)
    asked = len(server.asked)
    with pytest.raises(AirbyteTracedException, match="1 attempt"):
        download(bad)
    assert server.asked[asked:] == ["/bad.mp3"]
    assert download(server.answer("/good.mp3")).status == RecordingStatus.DOWNLOADED
    assert download(bad).status == RecordingStatus.UNAVAILABLE


def test_a_host_that_cannot_be_connected_to_is_an_outage(download, server):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/call.mp3"
    with pytest.raises(AirbyteTracedException, match="ConnectionError"):
        download(url)


@pytest.mark.parametrize(
    ("code", "outcome"), [(socket.EAI_NONAME, RecordingStatus.UNAVAILABLE), (socket.EAI_AGAIN, None)]
)
def test_a_host_whose_name_does_not_exist_is_no_outage_one_that_cannot_be_looked_up_is(staging, clock, code, outcome):
    def resolve(*_):
        raise socket.gaierror(code, "no")

    downloader = Downloader(RecordingHosts(resolve=resolve), staging, timeouts=(1, 1), connections=1, clock=clock)
    url = "https://recordings.example.com/call.mp3"
    if outcome is None:
        with pytest.raises(AirbyteTracedException, match="kept failing: no address"):
            downloader.download(url, "key")
    else:
        assert downloader.download(url, "key").status == outcome
    assert len(clock.slept) == DOWNLOAD_ATTEMPTS - 1


def test_a_name_is_resolved_once_a_minute_and_each_time_checked(staging, clock, server):
    port = int(server.url.rpartition(":")[2])
    answers = [["127.0.0.1"], ["10.0.0.1"]]
    hosts = RecordingHosts(loopback=True, resolve=lambda *_: answers.pop(0))
    downloader = Downloader(hosts, staging, timeouts=(60, 60), connections=1, clock=clock)
    server.answer("/call.mp3")
    url = f"http://recordings.example.com:{port}/call.mp3"
    assert [downloader.download(url, "key").status for _ in range(2)] == [RecordingStatus.DOWNLOADED] * 2
    assert {headers["host"] for headers in server.headers} == {f"recordings.example.com:{port}"}
    clock.now += 61
    assert downloader.download(url, "key").status == RecordingStatus.HOST_REFUSED


def test_of_several_addresses_the_next_is_tried_where_one_cannot_be_connected_to(staging, clock, server):
    port = int(server.url.rpartition(":")[2])
    hosts = RecordingHosts(loopback=True, resolve=lambda *_: ["127.0.0.2", "127.0.0.1"])
    downloader = Downloader(hosts, staging, timeouts=(60, 60), connections=1, clock=clock)
    server.answer("/call.mp3")
    assert downloader.download(f"http://recordings.example.com:{port}/call.mp3", "key").file is not None
    assert clock.slept == []


@pytest.fixture
def tls_server():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with serving(context) as running:
        yield running


def by_tls(staging, clock, name):
    hosts = RecordingHosts([name], resolve=lambda *_: ["127.0.0.1"])
    return Downloader(hosts, staging, timeouts=(60, 60), connections=1, clock=clock)


def test_the_certificate_must_be_that_of_the_name_though_the_connection_goes_to_the_address(
    staging, clock, tls_server, monkeypatch
):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    port = tls_server.url.rpartition(":")[2]
    tls_server.answer("/call.mp3")
    found = by_tls(staging, clock, "localhost").download(f"https://localhost:{port}/call.mp3", "key")
    assert found.file.path.read_bytes() == AUDIO
    with pytest.raises(AirbyteTracedException, match="The certificate at the recordings' host") as failed:
        by_tls(staging, clock, "other.example.com").download(f"https://other.example.com:{port}/call.mp3", "key")
    assert failed.value.failure_type == FailureType.config_error


def test_an_untrusted_certificate_is_a_config_error_that_says_how_to_trust_it(staging, clock, tls_server):
    port = tls_server.url.rpartition(":")[2]
    with pytest.raises(AirbyteTracedException, match="REQUESTS_CA_BUNDLE"):
        by_tls(staging, clock, "localhost").download(f"https://localhost:{port}/call.mp3", "key")


def test_through_a_proxy_the_name_is_not_resolved_here_and_private_addresses_stay_refused(
    staging, clock, server, monkeypatch
):
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("https_proxy", server.url)

    def resolve(*_):
        raise AssertionError

    hosts = RecordingHosts(["recordings.example.com"], resolve=resolve)
    downloader = Downloader(hosts, staging, timeouts=(60, 60), connections=1, clock=clock)
    assert downloader.download("https://10.0.0.1/call.mp3", "key").status == RecordingStatus.HOST_REFUSED
    with pytest.raises(AirbyteTracedException, match="ProxyError"):
        downloader.download("https://recordings.example.com/call.mp3", "key")
