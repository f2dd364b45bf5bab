"""The contact center's login: one for all, renewed in time, repeated on a 401, silent about passwords."""

import threading

import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.components.contact_center_auth import PortalSession

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


@pytest.fixture
def session(monkeypatch):
    def of(portal, clock=lambda: 0.0, **how):
        monkeypatch.setattr(requests, "post", portal.post)
        slept = []
        made = PortalSession("https://portal/api/v2/login", CREDENTIALS, clock=clock, sleep=slept.append, **how)
        return made, slept

    return of


def test_one_login_serves_all_threads(session):
    portal = Portal()
    login, _ = session(portal)
    tokens = []
    threads = [threading.Thread(target=lambda: tokens.append(login.token())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tokens, portal.logins) == (["token-1"] * 8, 1)


def test_once_a_call_gave_up_a_token_that_was_never_taken_brings_no_other_login(session):
    portal = Portal()
    login, _ = session(portal)
    login.token()
    login.replace("token-1")
    login.gave_up()
    assert [login.replace("token-2"), login.replace("token-2")] == ["token-2"] * 2
    assert portal.logins == 2


def test_tokens_that_were_taken_may_die_as_often_as_they_like(session):
    portal = Portal()
    login, _ = session(portal)
    token = login.token()
    for _ in range(9):
        login.accepted(token)
        token = login.replace(token)
    assert (token, portal.logins) == ("token-10", 10)


def test_a_refused_token_that_another_threads_call_is_under_way_with_is_judged_by_that_calls_answer(session):
    login, _ = session(Portal())
    token = login.token()
    other = threading.Thread(target=login.begins, args=[token])
    other.start()
    other.join()
    login.begins(token)

    def wait_for(known, timeout):
        assert not known()
        login.accepted(token)
        assert known()

    login._outcome.wait_for = wait_for
    assert login.was_accepted(token)


def test_a_refused_token_that_no_other_call_is_under_way_with_was_never_taken(session):
    login, _ = session(Portal())
    token = login.token()
    login.begins(token)
    assert not login.was_accepted(token)


def test_a_token_that_is_taken_at_last_may_die_like_any_other(session):
    portal = Portal()
    login, _ = session(portal)
    login.token()
    token = login.replace("token-1")
    login.gave_up()
    login.accepted(token)
    assert [login.replace("token-2"), login.replace("token-3")] == ["token-3", "token-4"]


def test_a_login_that_asks_to_wait_for_days_is_a_transient_error_for_the_process(session):
    portal = Portal(*[(429, b"", {"Retry-After": "864000"})] * 9)
    login, slept = session(portal)
    for _ in range(3):
        with pytest.raises(AirbyteTracedException, match="asks to wait 864000 seconds") as caught:
            login.token()
        assert caught.value.failure_type == FailureType.transient_error
    assert (portal.logins, slept) == (1, [])


def test_a_token_is_renewed_before_it_dies(session):
    now = [0.0]
    portal = Portal()
    login, _ = session(portal, clock=lambda: now[0])
    seen = []
    for now[0] in (0.0, 3299.0, 3300.0, 6599.0, 6600.0):
        seen.append(login.token())
    assert seen == ["token-1", "token-1", "token-2", "token-2", "token-3"]


def test_a_refused_token_is_replaced_once_for_all_who_had_it(session):
    portal = Portal()
    login, _ = session(portal)
    login.token()
    assert [login.replace("token-1"), login.replace("token-1")] == ["token-2", "token-2"]
    assert portal.logins == 2


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
        (200, b"{}"),
        (200, b'{"access_token": 5}'),
        requests.ReadTimeout("canary"),
    ],
)
def test_a_login_that_fails_for_now_is_tried_again(session, failure):
    login, slept = session(Portal(failure, failure))
    assert (login.token(), slept) == ("token-3", [1.0, 2.0])


def test_a_login_that_keeps_failing_is_a_transient_error(session):
    login, slept = session(Portal(*[(503, b"canary")] * 6))
    with pytest.raises(AirbyteTracedException, match="HTTP 503") as caught:
        login.token()
    assert (caught.value.failure_type, slept) == (FailureType.transient_error, [1.0, 2.0, 4.0, 8.0, 16.0])
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404])
def test_a_refused_login_is_refused_for_the_process_in_one_attempt(session, status):
    portal = Portal(*[(status, b"canary")] * 9)
    login, _ = session(portal)
    said = set()
    for ask in (login.token, login.token, lambda: login.replace(""), login.token):
        with pytest.raises(AirbyteTracedException) as caught:
            ask()
        said.add((caught.value.message, caught.value.failure_type))
    assert (portal.logins, len(said)) == (1, 1)


def test_a_refused_login_is_tried_once_whatever_threads_want_one(session):
    portal = Portal(*[(400, b"")] * 9)
    login, _ = session(portal)
    refused = []

    def ask():
        with pytest.raises(AirbyteTracedException) as caught:
            login.token()
        refused.append(caught.value.failure_type)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (portal.logins, refused) == (1, [FailureType.config_error] * 8)


def test_a_login_that_is_refused_in_mid_sync_is_refused_for_the_process(session):
    portal = Portal((200, b'{"access_token": "token-1"}'), *[(400, b"")] * 9)
    login, _ = session(portal)
    login.token()
    for _ in range(3):
        with pytest.raises(AirbyteTracedException):
            login.replace("token-1")
    assert portal.logins == 2


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
