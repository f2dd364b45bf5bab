"""No answer trickles for ever: whatever either connector calls, it comes whole in its time or counts as none."""

import time

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from destination_squadstack.api.outcomes import NoResponse
from destination_squadstack.api.transport import Transport
from destination_squadstack.operations import Request
from source_squadstack.components.contact_center_auth import session_at, usable
from source_squadstack.components.error_handler import ATTEMPTS, ApiErrorHandler
from source_squadstack.components.requester import ApiRequester
from squadstack_common import overall_timeout
from squadstack_common.overall_timeout import READ_TIMEOUTS
from test_support.trickling import TrickleClock, trickling

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n"
SECONDS_A_BYTE = 1.0


@pytest.fixture
def clock(monkeypatch):
    clock = TrickleClock()
    monkeypatch.setattr(overall_timeout, "SystemClock", lambda: clock)
    monkeypatch.setattr(time, "sleep", clock.sleep)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return clock


def assert_attempts_of(seconds, clock, began, sockets, attempts):
    assert len(sockets) == attempts
    waits = sum(2**failed for failed in range(attempts - 1))
    assert clock.now - began == pytest.approx(attempts * seconds + waits, abs=0.1)


def test_a_page_that_trickles_counts_as_no_answer_in_each_attempt(clock):
    handler = ApiErrorHandler(config={}, parameters={}, response_filters=[])
    requester = ApiRequester(
        name="pages",
        url="http://pages.example.com/page",
        config={},
        parameters={},
        error_handler=handler,
        connect_timeout_in_seconds=15,
        read_timeout_in_seconds=60,
    )
    began = clock.now
    with (
        trickling(HEAD, clock, seconds=SECONDS_A_BYTE, then=b" ") as sockets,
        pytest.raises(
            AirbyteTracedException, match="an answer that did not come to its end in time, 6 attempt"
        ) as failed,
    ):
        requester.send_request()

    assert failed.value.failure_type == FailureType.transient_error
    assert_attempts_of(READ_TIMEOUTS * 60, clock, began, sockets, ATTEMPTS)


def test_the_sources_login_that_trickles_counts_as_no_answer_in_each_attempt(clock):
    began = clock.now
    with (
        trickling(HEAD, clock, seconds=SECONDS_A_BYTE, then=b" ") as sockets,
        pytest.raises(
            AirbyteTracedException, match="an answer that did not come to its end in time, 6 attempt"
        ) as failed,
    ):
        usable(session_at("http://portal.example.com/api/v2/login", {"username": "u"}, clock).token())

    assert failed.value.failure_type == FailureType.transient_error
    assert_attempts_of(READ_TIMEOUTS * 60, clock, began, sockets, ATTEMPTS)


def test_the_connection_test_of_a_login_that_trickles_ends_with_its_first_attempt(clock):
    login = session_at("http://portal.example.com/api/v2/login", {"username": "u"}, clock, checking=True)
    began = clock.now
    with (
        trickling(HEAD, clock, seconds=SECONDS_A_BYTE, then=b" ") as sockets,
        pytest.raises(AirbyteTracedException, match="did not come to its end in time, 1 attempt"),
    ):
        usable(login.token())
    assert_attempts_of(READ_TIMEOUTS * 60, clock, began, sockets, 1)


@pytest.mark.parametrize(("leads", "seconds"), [(1, 62.4), (100, 300)])
def test_an_answer_to_the_destination_that_trickles_leaves_unknown_whether_the_call_was_applied(clock, leads, seconds):
    transport = Transport("http://api.example.com", clock=clock)
    began = clock.now
    with trickling(HEAD, clock, seconds=SECONDS_A_BYTE, then=b" "):
        answer = transport.send(Request("POST", "/leads", b"[]"), {}, leads=leads)
        transport.close()

    assert answer == NoResponse("no answer in time", may_be_applied=True, timed_out=True)
    assert clock.now - began == pytest.approx(READ_TIMEOUTS * seconds)
