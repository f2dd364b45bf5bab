"""The sender of webhooks: every event until it is answered 201, those of a lead in their order."""

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from squadstack_emulator import Campaign, Emulator, Scenario, Webhook

CAMPAIGN = Campaign(unprocessed=40)


class Endpoint:
    """A web server that takes what is posted; `answer` gives the status to each, None hangs up."""

    def __init__(self) -> None:
        self.answer: Callable[[int], int | None] = lambda number: 201
        self.posted: list[tuple[str, str, bytes]] = []
        lock = threading.Lock()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with lock:
                    endpoint.posted.append((self.path, self.headers["Content-Type"], body))
                    status = endpoint.answer(len(endpoint.posted))
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/events/key?campaign=1"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.posted]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    thread = threading.Thread(target=endpoint.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield endpoint
    endpoint.server.shutdown()
    endpoint.server.server_close()


def called(webhook: Webhook, **scenario: Any) -> Emulator:
    """Return a stopped emulator whose leads were called and whose events were posted."""
    emulator = Emulator(Scenario(campaigns=(CAMPAIGN,), webhook=webhook, **scenario))
    emulator.call_leads()
    assert emulator.wait_for_posts(30)
    emulator.stop()
    return emulator


def test_every_event_of_every_called_lead_is_posted_once_as_json(endpoint: Endpoint) -> None:
    emulator = called(Webhook(endpoint.url))
    assert {(path, content) for path, content, _ in endpoint.posted} == {("/events/key?campaign=1", "application/json")}
    judged = Counter(body["lead_id"] for body in endpoint.bodies if "lead_responses" in body)
    assert judged == Counter(list(emulator.leads()))
    assert Counter(post.body for post in emulator.request_log.posts) == Counter(body for _, _, body in endpoint.posted)
    assert {post.status for post in emulator.request_log.posts} == {201}


def test_the_events_of_a_lead_arrive_in_their_order(endpoint: Endpoint) -> None:
    called(Webhook(endpoint.url))
    numbers = defaultdict(list)
    for body in endpoint.bodies:
        numbers[body["lead_id"]].append(body.get("call_attempt_number", 99))
    assert all(seen == sorted(seen) for seen in numbers.values())


@pytest.mark.parametrize("status", [200, 400, 403, 500, 503, None])
def test_whatever_is_not_a_201_is_posted_again_until_it_is(endpoint: Endpoint, status: int | None) -> None:
    endpoint.answer = lambda number: status if number <= 10 else 201
    emulator = called(Webhook(endpoint.url, first_wait_seconds=0.001))
    assert Counter(post.status for post in emulator.request_log.posts if post.status != 201) == {status: 10}
    events = {post.event for post in emulator.request_log.posts}
    assert {post.event for post in emulator.request_log.posts if post.status == 201} == events


def test_an_event_is_given_up_after_its_attempts(endpoint: Endpoint) -> None:
    endpoint.answer = lambda number: 503
    emulator = called(Webhook(endpoint.url, ("lead_processed",), attempts=3, first_wait_seconds=0.001))
    assert Counter(Counter(post.event for post in emulator.request_log.posts).values()) == {3: 40}


def test_a_sender_that_loses_answers_posts_the_same_body_twice(endpoint: Endpoint) -> None:
    called(Webhook(endpoint.url, ("lead_processed",), repeat_every=10))
    assert Counter(Counter(body for _, _, body in endpoint.posted).values()) == {1: 36, 2: 4}


def test_nothing_is_posted_where_no_webhook_is_set(endpoint: Endpoint) -> None:
    emulator = Emulator(Scenario(campaigns=(CAMPAIGN,)))
    emulator.call_leads(limit=20)
    assert emulator.request_log.posts == []
    emulator.change(webhook=Webhook(endpoint.url, ("judgement",)))
    emulator.call_leads()
    assert emulator.wait_for_posts(30)
    emulator.stop()
    assert len(endpoint.posted) == 20


def test_leads_processed_again_are_told_again(endpoint: Endpoint) -> None:
    emulator = Emulator(Scenario(campaigns=(CAMPAIGN,), webhook=Webhook(endpoint.url, ("judgement",))))
    emulator.call_leads()
    emulator.reprocess(None, ["seed-0000003"])
    assert emulator.wait_for_posts(30)
    emulator.stop()
    assert Counter(body["lead_id"] for body in endpoint.bodies)["seed-0000003"] == 2


def test_stopping_ends_what_is_still_to_be_posted(endpoint: Endpoint) -> None:
    endpoint.answer = lambda number: 503
    emulator = Emulator(Scenario(campaigns=(CAMPAIGN,), webhook=Webhook(endpoint.url, first_wait_seconds=3600)))
    emulator.call_leads()
    emulator.stop()
    assert emulator.wait_for_posts(0)


@pytest.mark.parametrize(
    "wrong", [{"url": "ftp://x"}, {"attempts": 0}, {"connections": 0}, {"repeat_every": -1}], ids=str
)
def test_a_webhook_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"webhook"):
        Webhook(**{"url": "http://127.0.0.1/", **wrong})
