"""One token for all threads, renewed in time, replaced when it is refused, and no login that would be in vain."""

import threading

import pytest

from squadstack_common.contact_center_session import (
    TOKEN_LIFE_SECONDS,
    ContactCenterSession,
    LoginResult,
    NoToken,
    RefusedTokens,
    access_token,
    classify_login,
)


class Clock:
    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def wall(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Logins:
    """Answers logins from a script, and with a new token each where it has ended."""

    def __init__(self, *script):
        self.script = list(script)
        self.count = 0

    def __call__(self):
        self.count += 1
        return self.script.pop(0) if self.script else f"token-{self.count}"


def session_of(logins, clock=None):
    return ContactCenterSession(logins, clock or Clock(), answer_seconds=0.0)


def refuse(session, token, refused=None):
    """Make a call that is refused with a token; return what it is to be repeated with."""
    session.note_call(token)
    return session.token_after_refusal(token, refused or RefusedTokens())


def accept(session, token):
    session.note_call(token)
    session.note_accepted(token)


def in_threads(task, count=8):
    results = []
    threads = [threading.Thread(target=lambda: results.append(task())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


# -- the token's life


def test_one_login_serves_all_threads():
    logins = Logins()
    session = session_of(logins)
    assert (in_threads(session.token), logins.count) == (["token-1"] * 8, 1)


def test_a_token_is_renewed_a_minute_before_public_clients_do():
    assert TOKEN_LIFE_SECONDS == 3300 - 60
    clock = Clock()
    session = session_of(Logins(), clock)
    seen = []
    for clock.now in (0.0, 3239.0, 3240.0, 6479.0, 6480.0):
        seen.append(session.token())
    assert seen == ["token-1", "token-1", "token-2", "token-2", "token-3"]


def test_a_tokens_life_begins_when_the_login_is_sent():
    clock = Clock()

    def slow_login():
        clock.now += 50.0
        return f"token at {clock.now:.0f}"

    session = session_of(slow_login, clock)
    session.token()
    clock.now = TOKEN_LIFE_SECONDS
    assert session.token() == "token at 3290"


# -- tokens that are refused


def test_a_refused_token_is_replaced_once_for_all_threads_that_had_it():
    logins = Logins()
    session = session_of(logins)
    session.token()
    assert [refuse(session, "token-1"), refuse(session, "token-1")] == ["token-2", "token-2"]
    assert logins.count == 2


def test_a_call_is_given_up_with_the_second_token_that_was_never_accepted():
    logins, call = Logins(), RefusedTokens()
    session = session_of(logins)
    session.token()
    assert [refuse(session, "token-1", call), refuse(session, "token-2", call)] == ["token-2", None]
    assert logins.count == 2


def test_once_a_call_was_given_up_a_token_that_was_never_accepted_brings_no_other_login():
    logins, call = Logins(), RefusedTokens()
    session = session_of(logins)
    session.token()
    refuse(session, "token-1", call)
    refuse(session, "token-2", call)
    assert [refuse(session, "token-2"), refuse(session, "token-2")] == [None, None]
    assert logins.count == 2


def test_a_token_that_is_taken_at_last_may_die_like_any_other():
    logins, call = Logins(), RefusedTokens()
    session = session_of(logins)
    session.token()
    refuse(session, "token-1", call)
    refuse(session, "token-2", call)
    accept(session, "token-2")
    assert [refuse(session, "token-2"), refuse(session, "token-3")] == ["token-3", "token-4"]


def test_tokens_that_were_taken_may_die_as_often_as_they_like():
    logins = Logins()
    session = session_of(logins)
    token = session.token()
    for _ in range(50):
        accept(session, token)
        token = refuse(session, token)
    assert (token, logins.count) == ("token-51", 51)


def test_a_call_that_is_refused_with_tokens_of_its_own_is_given_up():
    logins, call = Logins(), RefusedTokens()
    session = session_of(logins)
    token, seen = session.token(), []
    while token is not None:
        accept(session, token)
        seen.append(token)
        token = refuse(session, token, call)
    assert (seen, logins.count) == ([f"token-{number}" for number in range(1, 6)], 5)
    assert session.token() == "token-3"


def test_a_call_whose_tokens_others_use_up_goes_through_with_one_that_they_cannot_get():
    logins, call = Logins(), RefusedTokens()
    session = session_of(logins)
    token = session.token()
    for _ in range(3):
        accept(session, token)  # by another call, for which it was good
        token = refuse(session, token, call)
    others = in_threads(session.token)
    accept(session, token)
    assert (token, set(others)) == ("token-4", {"token-3"})


def test_a_failed_login_for_a_token_of_its_own_holds_for_the_others_too():
    refusal = NoToken("no", for_good=True)
    logins, call = Logins("token-1", "token-2", "token-3", refusal), RefusedTokens()
    session = session_of(logins)
    token = session.token()
    for _ in range(3):
        accept(session, token)
        token = refuse(session, token, call)
    assert (token, session.token(), logins.count) == (refusal, refusal, 4)


def test_a_refused_token_that_another_threads_call_is_under_way_with_waits_for_that_calls_answer():
    session = session_of(Logins())
    token = session.token()
    other = threading.Thread(target=session.note_call, args=[token])
    other.start()
    other.join()
    session.note_call(token)

    def wait_for(known, timeout):
        assert not known()
        session.note_accepted(token)
        assert known()

    session._answers.wait_for = wait_for
    call = RefusedTokens()
    assert session.token_after_refusal(token, call) == "token-2"
    assert call.never_accepted == 0


@pytest.mark.parametrize("end", ["ended", "begins another"])
def test_a_thread_whose_call_got_no_answer_keeps_nobody_waiting(end):
    session = session_of(Logins())
    token = session.token()

    def call_in_vain():
        session.note_call(token)
        session.note_call_ended() if end == "ended" else session.note_call("another")

    other = threading.Thread(target=call_in_vain)
    other.start()
    other.join()
    session._answers.wait_for = lambda known, timeout: known() or pytest.fail("waits")
    assert refuse(session, token) == "token-2"


# -- logins that fail


def test_a_login_that_failed_for_good_is_not_tried_again():
    refusal = NoToken("no", for_good=True)
    logins = Logins(*[refusal] * 9)
    session = session_of(logins)
    assert [session.token(), session.token(), refuse(session, "token-0"), session.token()] == [refusal] * 4
    assert logins.count == 1


def test_a_login_that_fails_for_good_is_tried_once_whatever_threads_want_one():
    refusal = NoToken("no", for_good=True)
    logins = Logins(*[refusal] * 9)
    session = session_of(logins)
    assert (in_threads(session.token), logins.count) == ([refusal] * 8, 1)


def test_a_login_that_fails_for_good_in_mid_sync_is_not_tried_again():
    refusal = NoToken("no", for_good=True)
    logins = Logins("token-1", *[refusal] * 9)
    session = session_of(logins)
    session.token()
    assert [refuse(session, "token-1"), refuse(session, "token-1"), session.token()] == [refusal] * 3
    assert logins.count == 2


def test_a_login_that_failed_for_now_is_tried_again_for_the_next_call():
    outage = NoToken("later", for_good=False)
    session = session_of(Logins(outage, outage))
    assert [session.token(), session.token(), session.token()] == [outage, outage, "token-3"]


class TakenLock:
    """A lock that another thread takes first, whenever somebody comes for it from outside."""

    def __init__(self, other):
        self.other, self.inside = other, False

    def __enter__(self):
        if not self.inside:
            self.inside = True
            self.other()
            self.inside = False

    def __exit__(self, *_):
        pass


def test_a_thread_that_waits_for_a_failing_login_does_not_log_in_again_at_once():
    outage = NoToken("later", for_good=False)
    logins = Logins(*[outage] * 9)
    session = session_of(logins)
    session._lock = TakenLock(session.token)
    assert (session.token(), logins.count) == (outage, 1)
    session._lock = threading.Lock()
    assert (session.token(), logins.count) == (outage, 2)


# -- what an answer to the login means


@pytest.mark.parametrize(
    ("status", "body", "is_json", "result"),
    [
        (200, {"access_token": "t", "refresh_token": "r", "user": {}}, True, LoginResult.TOKEN),
        (201, {"access_token": "t"}, True, LoginResult.TOKEN),
        (200, {"user": {}}, True, LoginResult.NOT_A_LOGIN),
        (200, {"access_token": 5}, True, LoginResult.NOT_A_LOGIN),
        (200, {"access_token": "a b"}, True, LoginResult.NOT_A_LOGIN),
        (200, [], True, LoginResult.NOT_A_LOGIN),
        (200, "<html>", False, LoginResult.FAILED_FOR_NOW),
        (302, None, False, LoginResult.REDIRECTED),
        (400, {"error": "The information sent is invalid."}, True, LoginResult.REFUSED),
        (401, None, False, LoginResult.REFUSED),
        (403, None, False, LoginResult.REFUSED),
        (422, None, False, LoginResult.REFUSED),
        (404, "<html>", False, LoginResult.NOT_A_LOGIN),
        (408, None, False, LoginResult.FAILED_FOR_NOW),
        (425, None, False, LoginResult.FAILED_FOR_NOW),
        (429, {"access_token": "t"}, True, LoginResult.THROTTLED),
        (500, None, False, LoginResult.FAILED_FOR_NOW),
        (503, {"access_token": "t"}, True, LoginResult.FAILED_FOR_NOW),
    ],
)
def test_an_answer_to_the_login_is_told_by_its_status_and_its_token(status, body, is_json, result):
    assert classify_login(status, body, is_json=is_json) is result


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "ü", "\x7f", None, 5, ["t"]])
def test_a_token_that_no_header_can_hold_counts_as_none(token):
    assert access_token({"access_token": token}) == ""
