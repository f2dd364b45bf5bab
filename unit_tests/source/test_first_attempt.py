"""The first attempt of a request: what is sent, said and waited is what the CDK alone sends, says and waits."""

import http.client
import io
import json
import logging
import time
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import urllib3
from airbyte_cdk.sources.declarative.models.declarative_component_schema import CustomRequester
from airbyte_cdk.sources.declarative.parsers.model_to_component_factory import ModelToComponentFactory
from airbyte_cdk.sources.streams.http import HttpClient
from airbyte_cdk.sources.types import StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from requests.adapters import BaseAdapter

from source_squadstack.cdk_fast_path.first_attempt import FirstAttempt
from source_squadstack.cdk_fast_path.http_session import session_of
from source_squadstack.components.call_budget import LoggedBudget
from source_squadstack.components.error_handler import ApiErrorHandler
from source_squadstack.components.host_health import health_of
from source_squadstack.components.requester import ApiRequester
from source_squadstack.source import SourceSquadstack
from test_support.requesters import requesters_of

CONFIG = {
    "squadstack": {
        "token": "secret-token",
        "campaign_ids": ["C"],
        "start_date": "2026-01-01T00:00:00Z",
        "base_url": "https://leads.example.com",
    },
    "webhooks": {"url": "https://webhooks.example.com", "token": "pull-token"},
}
SOURCE = SourceSquadstack(config=CONFIG)
REQUESTERS = requesters_of(SOURCE)
PAGE = json.dumps({"count": 0, "next": None, "previous": None, "results": []})
JANUARY = {"start_time": "2026-01-01T00:00:00.000000Z", "end_time": "2026-01-31T23:59:59.999999Z"}


def window(campaign="C"):
    return StreamSlice(partition={"campaign_id": campaign}, cursor_slice=JANUARY)


class Server(BaseAdapter):
    """Answers from a list, each answer a status, a body and the cookie it sets, or an error; keeps what is asked."""

    def __init__(self, answers):
        super().__init__()
        self.answers = list(answers)
        self.asked = []
        self.settings = []

    def send(self, request, **settings: Any):
        self.asked.append((request.method, request.url, list(request.headers.items()), request.body))
        self.settings.append(settings)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, body, *cookie = answer
        head = http.client.HTTPMessage()
        for value in cookie:
            head.add_header("Set-Cookie", value)
        original = SimpleNamespace(msg=head, isclosed=lambda: True, close=lambda: None)
        response = requests.Response()
        response.raw = urllib3.HTTPResponse(
            io.BytesIO(body.encode()), status=status, preload_content=False, original_response=original
        )
        if status == 302:
            response.headers["Location"] = "https://elsewhere.example.com/"
        response.status_code, response.url, response.request, response.connection = status, request.url, request, self
        return response

    def close(self):
        pass


@pytest.fixture(autouse=True)
def slept(monkeypatch):
    waits = []
    monkeypatch.setattr(time, "sleep", waits.append)
    health_of.cache_clear()
    yield waits
    health_of.cache_clear()


@pytest.fixture
def counted(monkeypatch):
    """The addresses of the calls that were taken from the budget."""
    calls = []
    acquire_call = LoggedBudget.acquire_call

    def acquire(budget, call):
        calls.append(call.url)
        acquire_call(budget, call)

    monkeypatch.setattr(LoggedBudget, "acquire_call", acquire)
    return calls


@pytest.fixture
def by_cdk(monkeypatch):
    """The addresses of the requests that the CDK made."""
    asked = []
    send_request = HttpClient.send_request

    def send(client, *given, **context):
        asked.append(context["url"])
        return send_request(client, *given, **context)

    monkeypatch.setattr(HttpClient, "send_request", send)
    return asked


def requester_of(server, stream="lead_responses", without=()):
    factory = ModelToComponentFactory()
    factory.set_api_budget(SOURCE.resolved_manifest["api_budget"], CONFIG)
    definition = {name: value for name, value in REQUESTERS[stream].items() if name not in without}
    requester = factory.create_component(CustomRequester, definition, CONFIG, name=stream)
    session_of(requester).mount("https://", server)
    return requester


def ask(requester, **context):
    given = {"stream_slice": window(), "request_params": {"page": 1, "page_size": 100}, **context}
    return requester.send_request(stream_state={}, next_page_token={"next_page_token": 1}, **given)


OUTCOMES = {
    "answers": [(200, PAGE)] * 4,
    "cookies": [
        (200, PAGE, "lb=1; Path=/", "a=b; Path=/api"),
        (200, PAGE, "lb=2; Path=/"),
        (200, PAGE, "lb=3; Path=/", "a=; Path=/api; Max-Age=0"),
        (200, PAGE),
    ],
    "429": [(429, "try after 3 seconds", "lb=1; Path=/"), (429, ""), *[(200, PAGE)] * 4],
    "500 with a cookie": [(200, PAGE), (500, "", "lb=1; Path=/"), *[(200, PAGE)] * 3],
    "no page": [(200, '{"count": 1'), (200, "<html>", "lb=1; Path=/"), *[(200, PAGE)] * 4],
    "no answer": [requests.ConnectionError("reset"), *[(200, PAGE)] * 2, requests.ReadTimeout(), *[(200, PAGE)] * 2],
    "never": [(200, PAGE), *[(503, "")] * 6],
    "refused": [(200, PAGE), (401, '{"phone_number": "+919876543210"}')],
    "unknown": [(404, "")],
    "redirect": [(200, PAGE), (302, "")],
}


def outcome_of(answers, slept, counted, caplog, capsys, **context):
    """Return all that can be seen of four requests: what was sent, returned, raised, said and waited."""
    health_of.cache_clear()
    slept.clear()
    counted.clear()
    caplog.clear()
    server = Server(answers)
    requester = requester_of(server)
    seen = []
    for campaign, page in (("C", 1), ("C", 2), ("OTHER", 1), ("OTHER", 2)):
        try:
            response = ask(
                requester,
                stream_slice=window(campaign),
                request_params={"page": page, "page_size": 100},
                **context,
            )
        except AirbyteTracedException as error:
            seen.append((error.message, error.failure_type))
            break
        seen.append((response.status_code, response.url, response.text))
    cookies = [(cookie.name, cookie.value, cookie.path) for cookie in session_of(requester).cookies]
    said = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    statuses = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return {
        "sent": server.asked,
        "counted": list(counted),
        "settings": server.settings,
        "seen": seen,
        "cookies": cookies,
        "said": said,
        "statuses": [{**json.loads(line)["trace"], "emitted_at": 0} for line in statuses],
        "waited": list(slept),
    }


@pytest.mark.parametrize("answers", OUTCOMES.values(), ids=OUTCOMES)
def test_what_is_sent_said_and_waited_is_what_the_cdk_alone_does(answers, slept, counted, caplog, capsys, by_cdk):
    caplog.set_level(logging.INFO)
    alone = outcome_of(answers, slept, counted, caplog, capsys, log_formatter=lambda _: {})
    assert len(by_cdk) == len(alone["seen"])
    first = outcome_of(answers, slept, counted, caplog, capsys)
    assert first == alone
    assert len(alone["sent"]) == len(answers)


def test_the_cdk_is_not_asked_for_a_request_that_succeeds_at_once(by_cdk):
    server = Server([(200, PAGE), (200, PAGE)])
    requester = requester_of(server)
    ask(requester)
    ask(requester, request_params={"page": 2, "page_size": 100})
    assert by_cdk == []
    assert [url for _, url, *_ in server.asked] == [
        "https://leads.example.com/api/v4/leads/responses/C/?processed_after=1767225599999"
        f"&processed_before=1769904000001&page={page}&page_size=100"
        for page in (1, 2)
    ]


@pytest.mark.parametrize(
    "context",
    [
        {"log_formatter": lambda _: {}},
        {"path": "x"},
        {"request_headers": {"X-Other": "1"}},
        {"request_params": {"page": "1 2"}},
        {"request_params": {"page": True}},
        {"request_params": {"page": 1.5}},
    ],
    ids=["log", "path", "header", "text", "bool", "float"],
)
def test_what_needs_more_than_numbers_in_the_query_is_left_to_the_cdk(context, by_cdk):
    ask(requester_of(Server([(200, PAGE)])), **context)
    assert len(by_cdk) == 1


def test_requests_are_left_to_the_cdk_while_it_logs_them(by_cdk, caplog):
    with caplog.at_level(logging.DEBUG, logger="airbyte.HttpRequester.lead_responses"):
        ask(requester_of(Server([(200, PAGE)])))
    assert len(by_cdk) == 1


def test_a_request_with_headers_of_its_own_is_left_to_the_cdk(by_cdk):
    events = json.dumps({"data": [], "next_cursor": None, "has_more": False})
    requester = requester_of(Server([(200, events)]), "webhook_events")
    requester.send_request(stream_slice=StreamSlice(partition={}, cursor_slice={}), request_params={"limit": 1})
    assert by_cdk == ["https://webhooks.example.com/events"]


@pytest.mark.parametrize("timeout", ["connect_timeout_in_seconds", "read_timeout_in_seconds"])
def test_a_request_without_a_timeout_is_left_to_the_cdk(timeout, by_cdk):
    ask(requester_of(Server([(200, PAGE)]), without=(timeout,)))
    assert len(by_cdk) == 1


def test_a_request_is_left_to_a_cdk_that_knows_no_timeouts():
    requester = requester_of(Server([(200, PAGE)]))
    older = SimpleNamespace(
        logger=requester.logger,
        error_handler=requester.error_handler,
        get_method=requester.get_method,
        get_authenticator=requester.get_authenticator,
        stream_response=False,
        _http_client=SimpleNamespace(_session=requests.Session()),
    )
    sent = FirstAttempt(older).send("https://leads.example.com/", {"page": 1}, lambda: "by the CDK")
    assert sent == "by the CDK"


def test_a_request_without_a_fixed_token_is_left_to_the_cdk(by_cdk):
    requester = ApiRequester(
        name="pages",
        url="https://leads.example.com/page/",
        config={},
        parameters={},
        error_handler=ApiErrorHandler(config={}, parameters={}, response_filters=[]),
        connect_timeout_in_seconds=15,
        read_timeout_in_seconds=60,
    )
    session_of(requester).mount("https://", Server([(200, PAGE)]))
    ask(requester)
    assert by_cdk == ["https://leads.example.com/page/"]


def test_parameters_that_contradict_each_other_are_refused_as_by_the_cdk():
    with pytest.raises(ValueError, match="processed_after"):
        ask(requester_of(Server([])), request_params={"processed_after": 1})


def test_an_outcome_that_the_cdk_did_not_take_is_not_taken_for_that_of_a_later_request(monkeypatch):
    server = Server([(500, ""), (200, PAGE, "lb=1; Path=/")])
    requester = requester_of(server)
    with monkeypatch.context() as patched:
        patched.setattr(HttpClient, "send_request", lambda *_, **__: (None, None))
        assert ask(requester) is None
    assert ask(requester, request_params={"page": 2, "page_size": 100}, log_formatter=lambda _: {}).status_code == 200
    assert server.asked[1][1].endswith("page=2&page_size=100")
