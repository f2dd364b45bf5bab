"""The contact center's login and the ways to add a lead, against a portal that does as the test says."""

import json
import threading

import pytest

from destination_squadstack.api.contact_center import LOGIN_SECONDS, ContactCenterClient
from destination_squadstack.api.outcomes import ApiResponse, NoResponse, NotLoggedIn
from destination_squadstack.config import ContactCenter
from destination_squadstack.operations import OPERATIONS, Request
from destination_squadstack.protocol import Emitter

SECTION = ContactCenter("https://p:9443", "u", "p", "d", "account", "PUT")
OK = ApiResponse(200, {})
REFUSED = ApiResponse(401, {"error": "Unauthorized"})


class To:
    def __init__(self, name):
        self.operation = OPERATIONS["contact_center", name]
        self.path = self.operation.path("c")


class Transport:
    """Gives a new token for every login and answers all other calls with what the test has prepared."""

    read_timeout = 30.0

    def __init__(self, *answers, login=None):
        self.answers, self.login, self.sent, self.tokens = list(answers), login, [], 0
        self.once = []
        self.patiences = []
        self.lock = threading.Lock()

    def send(self, request, headers, *, once=False, at_most=None):
        with self.lock:
            self.patiences.append(at_most)
            self.sent.append((request, headers))
            self.once.append(once)
            if request.path == "/api/v2/login":
                self.tokens += 1
                return self.login or ApiResponse(200, {"access_token": f"token-{self.tokens}", "refresh_token": "r"})
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def close(self):
        pass

    @property
    def used(self):
        return [(request.method, headers.get("Authorization", "login")) for request, headers in self.sent]


@pytest.fixture
def portal(kit, monkeypatch):
    def build(*answers, login=None):
        transport, clock = Transport(*answers, login=login), kit.clock()
        monkeypatch.setattr("destination_squadstack.api.contact_center.Transport", lambda *_, **__: transport)
        return ContactCenterClient(SECTION, clock=clock), transport, clock

    return build


def set_status(portal):
    return portal.send(To("set_status"), [b'{"lead_id":"a","status":"new"}'])


def add(portal):
    return portal.send(To("add_lead"), [b'{"number":"+1"}'])


def test_the_first_call_logs_in_and_the_others_use_the_token(portal):
    center, transport, _ = portal(OK)
    assert [set_status(center), set_status(center)] == [OK, OK]
    login, call, _ = transport.sent
    assert json.loads(login[0].body) == {"username": "u", "password": "p", "domain": "d"}
    assert login[1] == {}
    assert call == (
        Request("POST", "/api/v2/config/campaigns/leads/a/status/new", None),
        {"Authorization": "Bearer token-1", "X-Account-ID": "account"},
    )
    assert transport.tokens == 1


def test_a_call_that_is_refused_with_the_tokens_of_two_logins_is_answered_with_the_refusal(portal):
    center, transport, _ = portal(REFUSED)
    assert [set_status(center), set_status(center)] == [REFUSED, REFUSED]
    assert transport.used == [
        ("POST", "login"),
        ("POST", "Bearer token-1"),
        ("POST", "login"),
        ("POST", "Bearer token-2"),
        ("POST", "Bearer token-2"),
    ]


def test_a_token_whose_call_got_an_answer_of_any_kind_has_worked(portal):
    answers = [ApiResponse(500, None, "x"), REFUSED, ApiResponse(404, {}), REFUSED, OK]
    center, transport, _ = portal(*answers)
    assert [set_status(center).status for _ in range(3)] == [500, 404, 200]
    assert transport.tokens == 3


def test_a_call_without_an_answer_says_nothing_of_its_token_and_keeps_nobody_waiting(portal):
    center, transport, _ = portal(NoResponse("connection lost", may_be_applied=True), REFUSED)
    assert isinstance(set_status(center), NoResponse)
    other = threading.Thread(target=set_status, args=(center,))
    other.start()
    other.join()
    assert transport.tokens == 2


def test_a_401_logs_in_once_more_and_repeats_the_call(portal):
    center, transport, _ = portal(REFUSED, OK)
    assert set_status(center) == OK
    assert transport.used == [
        ("POST", "login"),
        ("POST", "Bearer token-1"),
        ("POST", "login"),
        ("POST", "Bearer token-2"),
    ]


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        (
            ApiResponse(400, {"error": "The information sent is invalid."}),
            NotLoggedIn("login", "The information sent is invalid."),
        ),
        (ApiResponse(401, None, "x"), NotLoggedIn("login", "no reason given")),
        (ApiResponse(302, None), NotLoggedIn("redirect", "302")),
        (ApiResponse(404, "<html>", "x"), NotLoggedIn("no_token", "HTTP 404")),
        (ApiResponse(200, {"user": {}}), NotLoggedIn("no_token", "HTTP 200")),
        (ApiResponse(200, {"access_token": "a b"}), NotLoggedIn("no_token", "HTTP 200")),
        (ApiResponse(200, "<html>", "x"), NoResponse("login: HTTP 200", may_be_applied=False)),
        (ApiResponse(503, "<html>", "x"), NoResponse("login: HTTP 503", may_be_applied=False)),
        (ApiResponse(408, None, "x"), NoResponse("login: HTTP 408", may_be_applied=False)),
        (ApiResponse(503, None, "x", retry_after=90), NoResponse("login: HTTP 503", may_be_applied=False, wait=90)),
        (ApiResponse(429, None, "x", retry_after=3.0), ApiResponse(429, None, "x", retry_after=3.0)),
        (
            NoResponse("no answer in time", may_be_applied=True, timed_out=True),
            NoResponse("login: no answer in time", may_be_applied=False, timed_out=True),
        ),
    ],
)
def test_a_login_that_fails_means_that_the_call_was_not_made(portal, login, expected):
    center, transport, _ = portal(OK, login=login)
    assert add(center) == expected
    assert len(transport.sent) == 1


def test_the_other_method_of_adding_leads_is_tried_once_and_remembered(portal):
    center, transport, _ = portal(ApiResponse(405, None), OK)
    assert [add(center), add(center), set_status(center)] == [OK, OK, OK]
    assert [method for method, _ in transport.used] == ["POST", "PUT", "POST", "POST", "POST"]


def test_a_portal_that_takes_neither_method_is_not_asked_again_and_again(portal):
    center, transport, _ = portal(ApiResponse(405, None))
    assert [add(center).status, add(center).status] == [405, 405]
    assert [method for method, _ in transport.used] == ["POST", "PUT", "POST", "POST"]


@pytest.mark.parametrize(
    "answer", [ApiResponse(500, None, "x"), ApiResponse(400, {}), NoResponse("connection lost", may_be_applied=True)]
)
def test_only_a_405_changes_the_method_of_adding_leads(portal, answer):
    center, transport, _ = portal(answer)
    assert add(center) == answer
    assert [method for method, _ in transport.used] == ["POST", "PUT"]


def test_a_token_is_masked_from_the_moment_it_is_known(portal):
    center, _, _ = portal(OK, login=ApiResponse(200, {"access_token": "canary-access"}))
    set_status(center)
    written = []
    Emitter(written.append).log("INFO", "x canary-access x")
    assert b"canary-access" not in written[0]


@pytest.mark.parametrize("name", ["add_lead", "set_status"])
def test_only_a_call_that_cannot_be_repeated_is_made_once_on_a_connection(portal, name):
    body = b'{"number": "98"}' if name == "add_lead" else b'{"lead_id": "L", "status": "success"}'
    cc, transport, _ = portal(REFUSED, OK)
    assert cc.send(To(name), [body]) == OK
    assert transport.once == [False, name == "add_lead", False, name == "add_lead"]


@pytest.mark.parametrize(
    "login",
    [
        ApiResponse(400, {}),
        ApiResponse(401, None, "x"),
        ApiResponse(302, None),
        ApiResponse(404, "<html>", "x"),
        NotLoggedIn("certificate", "x"),
    ],
)
def test_a_login_that_is_refused_is_refused_for_the_process_in_one_attempt(portal, login):
    center, transport, _ = portal(OK, login=login)
    answers = [add(center), set_status(center), center.log_in(), add(center)]
    assert (transport.tokens, len(transport.sent), len(set(answers))) == (1, 1, 1)
    assert isinstance(answers[0], NotLoggedIn)


@pytest.mark.parametrize(
    "login",
    [
        ApiResponse(429, None, "x", retry_after=3.0),
        ApiResponse(503, None, "x"),
        NoResponse("no connection", may_be_applied=False),
    ],
)
def test_a_login_that_fails_for_now_is_tried_again(portal, login):
    center, transport, _ = portal(OK, login=login)
    add(center)
    transport.login = None
    assert add(center) == OK
    assert transport.tokens == 2


def test_a_login_is_waited_for_no_longer_than_its_own_time(portal):
    center, transport, _ = portal(OK)
    set_status(center)
    assert transport.patiences == [LOGIN_SECONDS, None]
