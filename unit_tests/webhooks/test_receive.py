"""`POST /events/{endpoint_key}` answers as the vendor's page expects, and a 201 means stored."""

import json

import pytest

from test_support.receiver_in_process import CALL, KEY, LEAD_PROCESSED, OTHER_KEY

MIB = 1024 * 1024


def padded(size: int) -> bytes:
    """A body of exactly so many bytes."""
    return b'{"note": "%s"}' % (b"x" * (size - len(b'{"note": ""}')))


def test_a_webhook_is_answered_with_201_and_can_be_pulled_as_it_came(service):
    answer = service.post(LEAD_PROCESSED)

    pulled = service.pull().json
    event_id = pulled["data"][0]["event_id"]
    assert (answer.status, answer.json) == (201, {"event_id": event_id, "repeated": False})
    assert pulled == {
        "data": [
            {
                "sequence": 1,
                "event_id": event_id,
                "event_type": "lead_processed",
                "campaign_id": "0PT711",
                "lead_id": "test_lead_id",
                "occurred_at": "2018-12-03T14:37:54Z",
                "received_at": "2024-06-01T12:00:00Z",
                "payload": LEAD_PROCESSED,
            }
        ],
        "next_cursor": 1,
        "has_more": False,
    }


@pytest.mark.parametrize("path", [f"/events/{KEY}", f"/events/{OTHER_KEY}", f"/events/{KEY}/"])
def test_each_key_is_taken_with_and_without_a_slash_behind_it(service, path):
    assert service.call("POST", path, body=b"{}").status == 201


@pytest.mark.parametrize("key", ["wrong", KEY + "x", KEY[:-1], KEY.upper(), f"{KEY},{OTHER_KEY}", "ключ", "\udcff"])
def test_a_wrong_key_is_answered_with_403_and_nothing_is_stored(service, key):
    path = f"/events/{key}"
    answer = service.call("POST", path.encode("utf-8", "replace").decode(), body=json.dumps(CALL).encode())

    assert (answer.status, list(answer.json)) == (403, ["error"])
    assert service.pull().json["data"] == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "The body is not JSON: Expecting value at character 0"),
        (b"lead_id=7", "The body is not JSON: Expecting value at character 0"),
        (b'{"lead_id": ', "The body is not JSON: Expecting value at character 12"),
        (b'{"a": 1} {}', "The body is not JSON: Extra data at character 9"),
        (b'{"a": NaN}', "The body is not JSON: NaN is no JSON value"),
        (b'{"a": "\x00"}', "The body is not JSON: Invalid control character at at character 7"),
        (b'{"a": "\xff"}', "The body is not UTF-8, at byte 7"),
        (b'{"a": "\xed\xa0\x80"}', "The body is not UTF-8, at byte 7"),
        (b"[]", "The body must be a JSON object"),
        (b'"text"', "The body must be a JSON object"),
        (b"null", "The body must be a JSON object"),
        (b"[" * 5000 + b"]" * 5000, "The body must be a JSON object"),
        (b'{"a": ' + b"[" * 5000, "The body is not JSON: its brackets are not paired"),
    ],
)
def test_a_body_that_is_no_json_object_is_answered_with_400_that_says_why_and_is_not_stored(service, body, said):
    answer = service.post(body)

    assert (answer.status, answer.json) == (400, {"error": said})
    assert service.pull().json["data"] == []


def test_a_body_of_1_mib_is_stored(service):
    assert service.post(padded(MIB)).status == 201
    assert len(service.pull().json["data"]) == 1


def test_a_body_over_1_mib_is_answered_with_413(service):
    assert service.post(padded(MIB + 1)).status == 413
    assert service.pull().json["data"] == []


def test_a_length_over_1_mib_is_answered_with_413_before_the_body_comes(service):
    answer = service.call("POST", f"/events/{KEY}", body=[], headers={"Content-Length": str(MIB + 1)})

    assert answer.status == 413


def test_a_body_that_comes_in_pieces_is_read_as_one(service):
    body = json.dumps(CALL).encode()

    assert service.call("POST", f"/events/{KEY}", body=[body[:7], body[7:50], body[50:]]).status == 201
    assert service.pull().json["data"][0]["payload"] == CALL


def test_a_body_that_is_cut_off_is_not_stored(service):
    # The end of the connection comes where the rest of the body should.
    answer = service.call("POST", f"/events/{KEY}", body=[])

    assert answer.status == 400
    assert service.pull().json["data"] == []


def test_a_repeat_is_answered_with_201_and_stored_once(service):
    first, again = service.post(CALL), service.post(CALL)

    assert (again.status, again.json) == (201, first.json | {"repeated": True})
    assert len(service.pull().json["data"]) == 1


def test_every_other_method_is_answered_with_405(service):
    answer = service.call("GET", f"/events/{KEY}")

    assert (answer.status, answer.headers["allow"], answer.json) == (405, "POST", {"error": "Method Not Allowed"})


def test_a_store_that_fails_is_answered_with_503_and_takes_the_event_when_it_comes_again(service, store, monkeypatch):
    def fail(_events: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(service.receiver._writer, "_append", fail)
        answer = service.post(CALL)
    assert (answer.status, list(answer.json)) == (503, ["error"])
    assert service.pull().json["data"] == []

    assert service.post(CALL).status == 201
    assert len(service.pull().json["data"]) == 1


def test_the_metrics_count_what_came_by_what_became_of_it(service):
    for body in (CALL, CALL, LEAD_PROCESSED, b"no json", padded(MIB + 1)):
        service.post(body)
    service.post(CALL, key="wrong")

    metrics = service.metrics()
    assert metrics["webhooks_received_total"] == 6
    assert metrics["webhooks_repeated_total"] == 1
    assert metrics['webhooks_stored_total{event_type="call"}'] == 1
    assert metrics['webhooks_stored_total{event_type="lead_processed"}'] == 1
    assert {name: value for name, value in metrics.items() if name.startswith("webhooks_refused") and value} == {
        'webhooks_refused_total{reason="unreadable"}': 1,
        'webhooks_refused_total{reason="too_large"}': 1,
        'webhooks_refused_total{reason="wrong_key"}': 1,
    }
