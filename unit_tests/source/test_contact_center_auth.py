"""The contact center's login: what passes is waited out, what does not is an error that names its fields."""

import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.components.contact_center_auth import session_at, usable

CREDENTIALS = {"username": "u", "password": "canary", "domain": "d"}


class Portal:
    """Answers logins from a script: a status and body each; counts tokens where the script has ended."""

    def __init__(self, *script):
        self.script = list(script)
        self.logins = 0

    def post(self, url, json, timeout, allow_redirects):
        assert (url, json, allow_redirects) == ("https://portal/api/v2/login", CREDENTIALS, False)
        self.logins += 1
        outcome = self.script.pop(0) if self.script else (200, b'{"access_token": "token-%d"}' % self.logins)
        if isinstance(outcome, Exception):
            raise outcome
        answer = requests.Response()
        answer.status_code, answer._content, *headers = outcome
        for more in headers:
            answer.headers.update(more)
        return answer


class SleptClock:
    def __init__(self):
        self.slept = []

    def monotonic(self):
        return 0.0

    def wall(self):
        return 0.0

    def sleep(self, seconds):
        self.slept.append(seconds)


class Session:
    """The process's session; `token` is what a request gets, or the error that ends it."""

    def __init__(self, clock, checking):
        self.session = session_at("https://portal/api/v2/login", CREDENTIALS, clock, checking=checking)

    def token(self):
        return usable(self.session.token())


@pytest.fixture
def session(monkeypatch):
    def of(portal, *, checking=False):
        monkeypatch.setattr(requests.Session, "post", lambda _, *given, **named: portal.post(*given, **named))
        clock = SleptClock()
        return Session(clock, checking), clock.slept

    return of


def test_a_login_that_asks_to_wait_for_days_is_a_transient_error_for_the_process(session):
    portal = Portal(*[(429, b"", {"Retry-After": "864000"})] * 9)
    login, slept = session(portal)
    for _ in range(3):
        with pytest.raises(AirbyteTracedException, match="asks to wait 864000 seconds") as caught:
            login.token()
        assert caught.value.failure_type == FailureType.transient_error
    assert (portal.logins, slept) == (1, [])


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404])
def test_a_refused_login_is_a_config_error_that_names_the_fields(session, status):
    login, slept = session(Portal((status, b'{"error": "canary"}')))
    with pytest.raises(AirbyteTracedException, match=r"contact_center\.password") as caught:
        login.token()
    assert (caught.value.failure_type, slept) == (FailureType.config_error, [])
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "failure",
    [
        (500, b""),
        (200, b"<html>"),
        (200, b""),
        (408, b""),
        (425, b""),
        requests.ReadTimeout("canary"),
    ],
)
def test_a_login_that_fails_for_now_is_tried_again(session, failure):
    login, slept = session(Portal(failure, failure))
    assert (login.token(), slept) == ("token-3", [1.0, 2.0])


def test_a_login_that_fails_and_says_when_to_come_again_is_tried_then(session):
    login, slept = session(Portal((503, b"", {"Retry-After": "30"}), (503, b"", {"Retry-After": "1"})))
    assert (login.token(), slept) == ("token-3", [30.0, 2.0])


@pytest.mark.parametrize(
    "failure", [(407, b"canary"), requests.exceptions.ProxyError("Tunnel connection failed: 407 canary")]
)
def test_a_proxy_that_asks_for_a_login_of_its_own_is_no_refusal_of_the_portals(session, failure):
    login, slept = session(Portal(failure))
    with pytest.raises(AirbyteTracedException, match=r"HTTPS_PROXY.*`contact_center\.portal_url`") as caught:
        login.token()
    assert (caught.value.failure_type, slept) == (FailureType.config_error, [])
    assert "canary" not in str(caught.value)


def test_a_login_that_keeps_failing_is_a_transient_error(session):
    login, slept = session(Portal(*[(503, b"canary")] * 6))
    with pytest.raises(AirbyteTracedException, match="HTTP 503") as caught:
        login.token()
    assert (caught.value.failure_type, slept) == (FailureType.transient_error, [1.0, 2.0, 4.0, 8.0, 16.0])
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'{"access_token": 5}', b'{"access_token": "canary\\n"}'])
def test_an_answer_without_a_token_is_no_portals_and_a_config_error(session, body):
    login, slept = session(Portal((200, body)))
    with pytest.raises(AirbyteTracedException, match="HTTP 200, but it has no `access_token`") as caught:
        login.token()
    assert (caught.value.failure_type, slept) == (FailureType.config_error, [])
    assert "canary" not in str(caught.value)


def test_a_refused_login_is_the_same_error_for_every_request_of_the_process_and_a_new_one_each_time(session):
    portal = Portal(*[(400, b"canary")] * 9)
    login, _ = session(portal)
    errors = []
    for _ in range(3):
        with pytest.raises(AirbyteTracedException) as caught:
            login.token()
        errors.append(caught.value)
    assert (portal.logins, len({error.message for error in errors}), len(set(map(id, errors)))) == (1, 1, 3)


def test_an_outage_of_the_login_is_waited_out_once_for_the_process(session):
    portal = Portal(*[(503, b"")] * 90)
    login, slept = session(portal)
    for _ in range(9):
        with pytest.raises(AirbyteTracedException, match="HTTP 503") as caught:
            login.token()
        assert caught.value.failure_type == FailureType.transient_error
    assert (portal.logins, sum(slept)) == (6, 31)


@pytest.mark.parametrize(
    ("headers", "body", "waits"),
    [
        ({"Retry-After": "7"}, b"", [7] * 8),
        ({}, b"Request was throttled. Please try after 60 seconds", [60] * 8),
        ({}, b"", [2, 4, 8, 16, 32, 60, 60, 60]),
        ({"Retry-After": "0"}, b"", [2, 4, 8, 16, 32, 60, 60, 60]),
    ],
    ids=["header", "text", "neither", "header of nothing"],
)
def test_a_throttled_login_is_waited_out_however_often(session, headers, body, waits):
    login, slept = session(Portal(*[(429, body, headers)] * 8))
    assert (login.token(), slept) == ("token-9", waits)


def test_throttling_does_not_use_up_the_attempts_of_a_login(session):
    login, slept = session(Portal((429, b""), (503, b""), (429, b""), *[(503, b"")] * 4))
    assert (login.token(), slept) == ("token-8", [2, 1, 4, 2, 4, 8, 16])


def test_check_waits_out_one_throttled_login_of_a_minute_at_most(session):
    portal = Portal(*[(429, b"", {"Retry-After": "900"})] * 3)
    login, slept = session(portal, checking=True)
    with pytest.raises(AirbyteTracedException, match="The contact center still answers HTTP 429"):
        login.token()
    assert (portal.logins, slept) == (2, [60])


def test_check_waits_a_minute_for_a_login_that_does_not_say_how_long(session):
    login, slept = session(Portal((429, b"")), checking=True)
    assert (login.token(), slept) == ("token-2", [60])
