"""What an attempt's outcome means, and how long to wait for the next: without a word of the response's text."""

from itertools import count

import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.requesters.error_handlers import HttpResponseFilter
from airbyte_cdk.sources.streams.http.error_handlers import ResponseAction
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from requests import ConnectTimeout
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError, ProxyError

from source_squadstack.components import error_handler, host_health
from source_squadstack.components.error_handler import ApiErrorHandler
from source_squadstack.components.errors import RefusedError, WindowChangedError
from source_squadstack.components.host_health import HostHealth
from squadstack_common.overall_timeout import AnswerTooSlowError

PAGE = b'{"count": 0, "next": null, "results": []}'
CANARY = "Zed Canary +919999999999"


def answer(status: int, body: bytes = CANARY.encode(), page: int = 1, **headers: str) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = body
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    response.request = requests.Request("GET", f"https://api.squadstack.com/x/0PT711/?page={page}").prepare()
    response.url = response.request.url
    return response


def handler(**config) -> ApiErrorHandler:
    filters = [
        HttpResponseFilter(http_codes={429}, action="RATE_LIMITED", config={}, parameters={}),
        HttpResponseFilter(
            http_codes={404},
            action="FAIL",
            failure_type="config_error",
            error_message="no such",
            config={},
            parameters={},
        ),
    ]
    return ApiErrorHandler(config=config, parameters={}, response_filters=filters)


def test_a_readable_page_is_a_success():
    assert handler().interpret_response(answer(200, PAGE)).response_action == ResponseAction.SUCCESS


@pytest.mark.parametrize("body", [b"", b"<html>", PAGE[:20], b"[]", b'{"results": null}'])
def test_an_unreadable_200_is_retried_as_an_outage(body):
    resolution = handler().interpret_response(answer(200, body))
    assert (resolution.response_action, resolution.failure_type) == (ResponseAction.RETRY, FailureType.transient_error)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 599])
def test_an_outage_is_retried_and_its_text_goes_nowhere(status):
    resolution = handler().interpret_response(answer(status))
    assert resolution.response_action == ResponseAction.RETRY
    assert resolution.error_message == f"SquadStack: HTTP {status}."


@pytest.mark.parametrize("error", [requests.ReadTimeout(CANARY), requests.ConnectionError(CANARY)])
def test_a_call_without_an_answer_is_retried_and_its_error_names_the_kind(error):
    resolution = handler().interpret_response(error)
    assert resolution.response_action == ResponseAction.RETRY
    assert resolution.error_message == f"SquadStack: no answer ({type(error).__name__})."


def test_a_refusal_raises_the_tables_sentence_alone():
    with pytest.raises(AirbyteTracedException) as caught:
        handler().interpret_response(answer(404))
    assert (caught.value.message, caught.value.internal_message) == ("no such", "HTTP 404")
    assert caught.value.failure_type == FailureType.config_error


def test_a_404_behind_the_first_page_means_that_the_set_shrank():
    with pytest.raises(WindowChangedError):
        handler().interpret_response(answer(404, page=2))


def test_a_redirect_is_refused_and_names_the_field():
    with pytest.raises(AirbyteTracedException, match=r"squadstack\.base_url") as caught:
        handler().interpret_response(requests.TooManyRedirects(CANARY))
    assert caught.value.failure_type == FailureType.config_error


def attempts(errors: ApiErrorHandler, outcome: requests.Response) -> list[float]:
    waits = []
    with pytest.raises(AirbyteTracedException) as caught:
        waits.extend(errors.backoff_time(outcome, attempt) for attempt in count(1))
    assert caught.value.failure_type == FailureType.transient_error
    assert "Canary" not in str(caught.value)
    return waits


def test_an_outage_gets_six_attempts_each_waiting_twice_as_long():
    # The CDK sleeps a second more than these: 1, 2, 4, 8 and 16.
    assert attempts(handler(), answer(500)) == [0.01, 1, 3, 7, 15]


SIX = [0.01, 1, 3, 7, 15]
HOST = "https://api.squadstack.com"
OUT = ConnectTimeout()
RESET = requests.ConnectionError(ProtocolError("Connection aborted."))
UNKNOWN_HOST = requests.ConnectionError(MaxRetryError(None, "/", NewConnectionError(None, "no such host")))


class Host:
    """Requests to addresses of one host, whose outcome the test says, each by an error handler of its own."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        self.health = HostHealth(clock=lambda: self.now)
        monkeypatch.setattr(error_handler, "health_of", lambda _: self.health)

    def fails(self, address, outcome=None):
        """Return the waits of a request that fails in every attempt; `None` of one that is not even sent."""
        errors = handler()
        try:
            errors.begin(f"{HOST}/{address}")
        except AirbyteTracedException:
            return None
        outcome = answer(500) if outcome is None else outcome
        if isinstance(outcome, requests.Response):
            errors.interpret_response(outcome)
        return attempts(errors, outcome)

    def answers(self, address, status=200):
        errors = handler()
        errors.begin(f"{HOST}/{address}")
        try:
            errors.interpret_response(answer(status, PAGE))
        except AirbyteTracedException:
            assert status == 404


@pytest.fixture
def host(monkeypatch):
    return Host(monkeypatch)


def test_an_address_that_fails_for_ever_is_waited_out_once_and_costs_no_other_its_attempts(host):
    assert [host.fails("a"), host.fails("a")] == [SIX, None]
    assert host.fails("b") == SIX


def test_an_address_that_fails_for_ever_is_asked_once_a_minute_however_many_windows_want_it(host):
    asked = []
    for host.now in range(180):
        waits = host.fails("a")
        asked.append(waits is not None)
    assert [second for second, was in enumerate(asked) if was] == [0, 60, 120]


def test_an_address_that_is_not_asked_for_a_minute_fails_with_the_cause_of_its_last_failure(host):
    host.fails("a", answer(503))
    with pytest.raises(
        AirbyteTracedException, match=r"SquadStack kept failing: HTTP 503 to another request\."
    ) as caught:
        handler().begin(f"{HOST}/a")
    assert caught.value.failure_type == FailureType.transient_error


@pytest.mark.parametrize("status", [401, 403])
def test_an_address_that_refuses_its_caller_is_not_asked_again(host, status):
    errors = handler()
    errors.response_filters.append(
        HttpResponseFilter(
            http_codes={401, 403},
            action="FAIL",
            failure_type="config_error",
            error_message="no",
            config={},
            parameters={},
        )
    )
    errors.begin(f"{HOST}/a")
    with pytest.raises(RefusedError):
        errors.interpret_response(answer(status))
    for _ in range(2):
        with pytest.raises(RefusedError, match="no") as caught:
            errors.begin(f"{HOST}/a")
        assert (caught.value.failure_type, caught.value.status_code) == (FailureType.config_error, status)
    errors.begin(f"{HOST}/b")


def test_an_address_that_lacks_one_thing_is_asked_for_others(host):
    errors = handler()
    errors.begin(f"{HOST}/a")
    with pytest.raises(RefusedError):
        errors.interpret_response(answer(404))
    errors.begin(f"{HOST}/a")


@pytest.mark.parametrize(
    ("headers", "body", "said"),
    [
        ({"Retry_After": "864000"}, b"", "864000"),
        ({}, b"Please try after 999999 seconds", "999999"),
        ({"Retry_After": "3601"}, b"", "3601"),
        ({"Retry_After": "9" * 400}, b"", "inf"),
    ],
    ids=["header", "text", "just too long", "no number of any use"],
)
@pytest.mark.parametrize("checking", [False, True], ids=["read", "check"])
def test_a_429_that_asks_for_more_than_an_hour_is_a_transient_error_that_says_how_long(
    host, headers, body, said, checking
):
    errors = handler(__checking=checking)
    errors.begin(f"{HOST}/a")
    with pytest.raises(AirbyteTracedException, match=f"asks to wait {said} seconds") as caught:
        errors.backoff_time(answer(429, body, **headers), 1)
    assert caught.value.failure_type == FailureType.transient_error
    with pytest.raises(AirbyteTracedException, match="HTTP 429 to another request"):
        handler().begin(f"{HOST}/b")
    host.now = 60.0
    handler().begin(f"{HOST}/b")


def test_a_429_that_asks_for_an_hour_is_waited_out():
    assert handler().backoff_time(answer(429, b"", Retry_After="3600"), 1) == 3599


def test_the_api_counts_as_throttling_until_an_answer_is_a_success():
    errors, told = handler(), []
    for outcome in (answer(200, PAGE), answer(429), answer(500), answer(200, PAGE)):
        errors.interpret_response(outcome)
        told.append(errors.is_throttled)
    assert told == [False, True, True, False]


@pytest.mark.parametrize(
    ("asked", "waits"),
    # The CDK sleeps a second more than these.
    [("90", [89] * 5), ("5", [4, 4, 4, 7, 15]), ("0", SIX), ("soon", SIX)],
    ids=["longer than usual", "shorter than usual in the end", "no word", "no time"],
)
def test_an_outage_that_says_when_it_is_over_is_waited_for_in_as_many_attempts(asked, waits):
    assert attempts(handler(), answer(503, Retry_After=asked)) == waits


def test_the_words_of_an_outages_page_are_no_wait_that_it_asks_for():
    assert attempts(handler(), answer(503, b"The page reloads after 300 seconds")) == SIX


def test_the_check_waits_no_longer_than_a_minute_for_an_outage_that_asks_for_more():
    assert attempts(handler(__checking=True), answer(503, Retry_After="600")) == [59, 59]


def test_the_check_makes_no_further_attempt_at_an_answer_that_did_not_come_whole_in_its_time():
    late = requests.ConnectionError()
    late.__cause__ = AnswerTooSlowError()
    assert attempts(handler(__checking=True), late) == []
    assert attempts(handler(), late) == SIX


def test_the_check_makes_no_call_and_no_attempt_once_its_time_is_over(host, monkeypatch):
    errors = handler(__checking=True, __check_until=300.0)
    monkeypatch.setattr(error_handler.time, "monotonic", lambda: 300.5)
    assert attempts(errors, answer(503)) == []
    with pytest.raises(AirbyteTracedException, match="connection test ended after 5 minutes") as caught:
        errors.begin(f"{HOST}/a")
    assert caught.value.failure_type == FailureType.transient_error


def test_an_outage_of_more_than_an_hour_is_a_transient_error_that_says_how_long_and_is_not_asked_about(host):
    errors = handler()
    errors.begin(f"{HOST}/a")
    with pytest.raises(AirbyteTracedException, match="SquadStack answers HTTP 503 and asks to wait 7200 sec") as caught:
        errors.backoff_time(answer(503, Retry_After="7200"), 1)
    assert caught.value.failure_type == FailureType.transient_error
    with pytest.raises(AirbyteTracedException, match="HTTP 503 to another request, with a wait of more than an hour"):
        handler().begin(f"{HOST}/b")


TUNNEL = requests.exceptions.ProxyError(
    MaxRetryError(None, "/", ProxyError("Unable to connect to proxy", OSError("Tunnel connection failed: 407 Log in")))
)


@pytest.mark.parametrize("outcome", [answer(407), TUNNEL], ids=["http", "https"])
def test_a_proxy_that_asks_for_a_login_is_a_config_error_that_says_where_it_goes(outcome):
    with pytest.raises(AirbyteTracedException, match=r"HTTPS_PROXY.*407.*`squadstack\.base_url`") as caught:
        handler().interpret_response(outcome)
    assert caught.value.failure_type == FailureType.config_error
    assert "Canary" not in str(caught.value)


def test_an_address_that_answers_again_is_waited_out_again(host):
    host.fails("a")
    host.now = 60.0
    host.answers("a")
    assert host.fails("a") == SIX


def test_any_number_of_addresses_may_fail_where_others_answer_in_between(host):
    for number in range(5):
        assert host.fails(f"bad {number}") == SIX
        host.answers("good")


@pytest.mark.parametrize("status", [200, 404], ids=["a page", "a refusal"])
def test_an_outage_of_all_addresses_is_waited_out_twice_until_one_answers(host, status):
    assert [host.fails(address) for address in "abcde"] == [SIX, SIX, [0.01], [0.01], [0.01]]
    host.answers("f", status)
    assert host.fails("g") == SIX


def test_a_failure_once_in_an_outage_does_not_fail_a_request(host):
    host.fails("a")
    host.fails("b")
    errors = handler()
    errors.begin(f"{HOST}/c")
    assert errors.backoff_time(answer(500), 1) == 0.01


@pytest.mark.parametrize("outcome", [OUT, UNKNOWN_HOST, requests.exceptions.ProxyError()])
def test_a_host_that_cannot_be_connected_to_is_waited_out_once_and_asked_once_a_minute(host, outcome):
    assert [host.fails(address, outcome) for address in "abc"] == [SIX, None, None]
    host.now = 60.0
    assert [host.fails(address, outcome) for address in "def"] == [[], None, None]
    host.now = 120.0
    host.answers("g")
    assert host.fails("h") == SIX


@pytest.mark.parametrize("outcome", [requests.ReadTimeout(), RESET])
def test_a_host_is_taken_to_be_down_when_two_addresses_fail_and_not_when_one_does(host, outcome):
    assert [host.fails(address, outcome) for address in "abc"] == [SIX, SIX, None]


def test_an_answer_of_any_kind_shows_that_the_host_is_there(host):
    host.fails("a", requests.ReadTimeout())
    host.fails("b")
    assert host.fails("c", requests.ReadTimeout()) == [0.01]


def test_all_streams_share_what_is_known_of_a_host():
    host_health.health_of.cache_clear()
    assert host_health.health_of("a:1") is host_health.health_of("a:1")
    assert host_health.health_of("a:1") is not host_health.health_of("b:1")


def test_an_error_that_does_not_know_its_request_counts_like_any_other():
    assert attempts(handler(), requests.exceptions.ChunkedEncodingError(CANARY)) == [0.01, 1, 3, 7, 15]


def test_throttling_never_fails_a_sync_and_does_not_use_up_the_attempts():
    errors = handler()
    throttled = [errors.backoff_time(answer(429), attempt) for attempt in range(1, 9)]
    assert throttled == [1, 3, 7, 15, 31, 59, 59, 59]
    assert errors.backoff_time(answer(500), 9) == 0.01


def test_check_waits_out_one_429_and_then_says_why_it_failed():
    errors, throttled = handler(__checking=True), answer(429, Retry_After="60")
    assert errors.backoff_time(throttled, 1) == 59
    with pytest.raises(AirbyteTracedException, match="HTTP 429"):
        errors.backoff_time(throttled, 2)


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"Retry_After": "7"}, b"Please try after 60 seconds", 7),
        ({}, b"Request was throttled. Please try after 60 seconds", 60),
        ({}, b"Request was throttled", 2),
    ],
    ids=["header", "text", "neither"],
)
def test_a_429_is_waited_out_as_its_header_says_else_its_text(headers, body, seconds):
    assert handler().backoff_time(answer(429, body, **headers), 1) == seconds - 1


def test_a_check_waits_a_minute_for_a_429_that_does_not_say_how_long():
    assert handler(__checking=True).backoff_time(answer(429), 1) == 59
