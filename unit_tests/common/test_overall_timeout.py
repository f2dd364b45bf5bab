"""An answer has to come whole in its time, however its bytes are spread over it."""

import pytest
import requests

from squadstack_common.overall_timeout import (
    READ_TIMEOUTS,
    AnswerTooSlowError,
    Deadline,
    OverallTimeoutAdapter,
    Pace,
    answer_too_slow,
)
from test_support.trickling import TrickleClock, TricklingSocket, trickling

CONNECT, READ = 15.0, 60.0
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def get(clock, **named):
    with requests.Session() as session:
        session.trust_env = False
        for scheme in ("http://", "https://"):
            session.mount(scheme, OverallTimeoutAdapter(clock))
        return session.get("http://api.example.com/page", timeout=(CONNECT, READ), **named)


@pytest.mark.parametrize(
    ("answer", "then"),
    [
        (b"HTTP/1.1 200 O", b"K"),
        (b"HTTP/1.1 200 OK\r\nX-Header: ", b"x"),
        (HEAD, b"x"),
        (CHUNKED, b"1\r\nx\r\n"),
        (CHUNKED + b"FFFFF\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    ],
    ids=["status", "headers", "body", "small chunks", "large chunk", "until the end of the connection"],
)
@pytest.mark.parametrize("seconds", [0.25, 59.0])
def test_an_answer_that_comes_a_byte_at_a_time_fails_after_its_overall_time(answer, then, seconds):
    clock = TrickleClock()
    began = clock.now
    with (
        trickling(answer, clock, seconds=seconds, then=then) as made,
        pytest.raises(requests.RequestException) as failed,
    ):
        get(clock)

    assert READ_TIMEOUTS * READ - seconds <= clock.now - began <= READ_TIMEOUTS * READ
    assert len(made) == 1
    assert isinstance(failed.value, requests.Timeout | requests.ConnectionError)


def test_an_answer_that_comes_slowly_but_in_its_time_is_read_whole():
    clock = TrickleClock()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with trickling(answer, clock, seconds=READ_TIMEOUTS * READ / (len(answer) + 1)):
        assert get(clock).content == b"{}"


def test_an_answer_that_does_not_begin_fails_after_the_read_timeout_as_before():
    clock = TrickleClock()
    began = clock.now
    with trickling(HEAD, clock, seconds=61.0), pytest.raises(requests.ReadTimeout):
        get(clock)

    assert clock.now - began == READ


@pytest.mark.parametrize("seconds", [1.0, 7.0])
def test_an_answer_that_stalls_near_the_end_of_its_time_is_not_waited_for_any_longer(seconds):
    clock = TrickleClock()
    began = clock.now
    with trickling(HEAD, clock, seconds=seconds, then=b"x"), pytest.raises(requests.RequestException) as failed:
        get(clock)

    assert clock.now - began == READ_TIMEOUTS * READ
    assert answer_too_slow(failed.value)


def test_an_answer_that_does_not_begin_was_not_too_slow_but_none():
    clock = TrickleClock()
    with trickling(HEAD, clock, seconds=61.0), pytest.raises(requests.RequestException) as failed:
        get(clock)

    assert not answer_too_slow(failed.value)


def test_a_proxy_that_answers_a_byte_at_a_time_is_given_no_longer():
    clock = TrickleClock()
    began = clock.now
    with trickling(HEAD, clock, seconds=1.0, then=b"x"), pytest.raises(requests.ConnectionError):
        get(clock, proxies={"http": "http://proxy.example.com"})

    assert clock.now - began == READ_TIMEOUTS * READ


def test_a_tunnel_that_a_proxy_opens_a_byte_at_a_time_is_given_no_longer():
    clock = TrickleClock()
    began = clock.now
    proxies = {"https": "http://proxy.example.com"}
    with trickling(b"HTTP/1.1 200 OK\r\n", clock, seconds=1.0, then=b"X: x\r\n"), requests.Session() as session:
        session.trust_env = False
        session.mount("https://", OverallTimeoutAdapter(clock))
        with pytest.raises(requests.RequestException):
            session.get("https://api.example.com/page", timeout=(CONNECT, READ), proxies=proxies)

    assert clock.now - began == READ_TIMEOUTS * CONNECT


def test_a_body_that_has_to_keep_a_pace_has_a_second_more_for_each_of_its_bytes():
    clock = TrickleClock()
    sock = TricklingSocket(iter(()), clock, 0.0)
    sock.settimeout(60.0)
    deadline = Deadline(sock, clock.monotonic, clock.now + 180)
    clock.now += 170
    deadline.prepare()
    assert sock.gettimeout() == 10.0
    deadline.follow(Pace(grace_seconds=60.0, bytes_a_second=1000.0))
    deadline.received(100_000)
    clock.now += 100
    deadline.prepare()
    assert sock.gettimeout() == 60.0
    clock.now += 60
    with pytest.raises(AnswerTooSlowError):
        deadline.prepare()


def test_interim_answers_come_before_the_one_that_counts():
    clock = TrickleClock()
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\nContent-Length: 9\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with trickling(interim * 2 + answer, clock, seconds=0.0):
        response = get(clock)
    assert (response.status_code, response.content, dict(response.headers)) == (200, b"{}", {"Content-Length": "2"})


def test_interim_answers_without_end_take_no_longer_than_an_answer():
    clock = TrickleClock()
    began = clock.now
    with (
        trickling(b"", clock, seconds=0.25, then=b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        pytest.raises(requests.RequestException),
    ):
        get(clock)
    assert clock.now - began <= READ_TIMEOUTS * READ
