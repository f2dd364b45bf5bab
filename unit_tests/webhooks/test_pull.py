"""`GET /events` hands out every event once, in the order of its sequence, to who has the token."""

import json
import sqlite3

import pytest

from test_support.receiver_in_process import CALL, TOKEN


def sent(service, count: int) -> None:
    for number in range(count):
        assert service.post({"lead_id": f"lead-{number}"}).status == 201


def sequences(answer) -> list[int]:
    return [event["sequence"] for event in answer.json["data"]]


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer key-of-the-tests"],
)
def test_without_the_token_the_answer_is_401_that_asks_for_it(service, authorization):
    answer = service.call("GET", "/events", headers={} if authorization is None else {"Authorization": authorization})

    assert (answer.status, answer.headers["www-authenticate"], list(answer.json)) == (401, "Bearer", ["error"])


def test_pages_follow_one_another_and_the_last_one_says_so(service):
    sent(service, 5)

    pages = [service.pull(limit=2), service.pull(limit=2, after=2), service.pull(limit=2, after=4)]
    assert [sequences(page) for page in pages] == [[1, 2], [3, 4], [5]]
    assert [page.json["next_cursor"] for page in pages] == [2, 4, 5]
    assert [page.json["has_more"] for page in pages] == [True, True, False]


def test_an_empty_page_gives_the_same_cursor_again(service):
    sent(service, 2)

    assert service.pull(after=2).json == {"data": [], "next_cursor": 2, "has_more": False}


def test_an_empty_cursor_counts_as_no_cursor(service):
    sent(service, 1)

    assert sequences(
        service.call(
            "GET", "/events", headers={"Authorization": f"Bearer {TOKEN}", "Confirmed-Sequence": ""}, query="after="
        )
    ) == [1]


@pytest.mark.parametrize(
    "query",
    [
        {"after": "x"},
        {"after": -1},
        {"after": 2**63},
        {"after": "1.5"},
        {"limit": 0},
        {"limit": 1001},
        {"limit": ""},
        {"puller": "a b"},
    ],
)
def test_a_malformed_parameter_is_answered_with_400_that_names_it(service, query):
    answer = service.pull(**query)

    assert answer.status == 400
    assert answer.json["error"].startswith(next(iter(query)))


def test_a_confirmation_that_is_no_number_is_answered_with_400(service):
    assert service.pull(confirmed="x").status == 400


def test_a_cursor_beyond_the_newest_event_is_answered_with_409(service):
    sent(service, 2)

    assert service.pull(after=3).status == 409
    assert service.pull(after=2, confirmed="3").status == 409


def test_large_events_make_a_page_short_and_not_the_last(service):
    for number in range(10):
        service.post({"number": number, "note": "x" * 1_000_000})

    first = service.pull()
    rest = service.pull(after=first.json["next_cursor"])
    assert (sequences(first), first.json["has_more"]) == (list(range(1, 10)), True)
    assert (sequences(rest), rest.json["has_more"]) == ([10], False)


@pytest.mark.parametrize(
    "text",
    [
        '{"number": 123456789012345678901234567890}',
        '{"number": %s}' % ("9" * 5000),
        '{"number": 1.0000000000000000000000000001, "small": 1e-400, "minus": -0}',
        r'{"half": "\ud800", "nul": "\u0000", "lead_id": "a\u0000b"}',
        '{"twice": 1, "twice": 2}',
        '{ "spaced" :\t[ ] ,\r\n"last":{} }',
        '{"name": "राम", "": null}',
    ],
)
def test_a_payload_comes_back_to_the_letter(service, text):
    assert service.post(text.encode()).status == 201

    assert b'"payload":%s}]' % text.encode() in service.pull().body


def test_a_payload_nested_too_deeply_for_its_readers_comes_back_as_text(service):
    text = '{"lead_id": "7", "deep": %s}' % ("[" * 20_000 + "]" * 20_000)
    assert service.post(text.encode()).status == 201

    (event,) = service.pull().json["data"]
    assert event["payload"] == {"_json": text}
    assert (event["event_type"], event["lead_id"]) == ("unknown", None)


def test_a_payload_nested_100_deep_comes_back_as_it_is(service):
    document = json.loads('{"deep": %s}' % ("[" * 99 + "]" * 99))
    assert service.post(document).status == 201

    assert service.pull().json["data"][0]["payload"] == document


def test_the_metrics_say_how_far_a_puller_is_behind(service, clock):
    sent(service, 5)
    service.pull(limit=2)
    service.pull(after=2, limit=2, puller="staging")
    service.pull(limit=1)  # a test of the connection, which takes nothing back
    metrics = service.metrics()

    assert metrics['webhooks_puller_lag{puller="default"}'] == 3
    assert metrics['webhooks_puller_lag{puller="staging"}'] == 1
    assert metrics['webhooks_puller_last_pull_timestamp_seconds{puller="default"}'] == clock.now / 1e6
    assert metrics["webhooks_last_sequence"] == 5
    assert metrics["webhooks_pulled_total"] == 5


def test_a_store_that_is_down_is_answered_with_503_by_all_that_needs_it(service, store, monkeypatch):
    service.post(CALL)
    monkeypatch.setattr(store, "_prepared", False)
    monkeypatch.setattr(store, "prepare", fail)

    assert service.pull().status == 503
    assert service.call("GET", "/readyz").status == 503
    assert service.call("GET", "/").status == 503
    assert service.metrics()["webhooks_store_up"] == 0
    assert service.call("GET", "/healthz").status == 200


def fail() -> None:
    raise sqlite3.OperationalError("unable to open database file")
