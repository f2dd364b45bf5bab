"""`POST /events/{endpoint_key}` answers as the vendor's page expects, and a 201 means stored."""

import json
from collections.abc import Iterator

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
        (b'[{"lead_id": "7"}]', "The body must be a JSON object, one event: no list of events"),
        (b'"text"', "The body must be a JSON object"),
        (b"null", "The body must be a JSON object"),
        (b"[" * 5000 + b"]" * 5000, "The body must be a JSON object, one event: no list of events"),
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


def pieces(count: int, taken: list[int]) -> Iterator[bytes]:
    """A body of so many pieces of 64 KiB, which notes each that is taken."""
    for number in range(count):
        taken.append(number)
        yield b"x" * 65536


@pytest.mark.parametrize("headers", [{}, {"Content-Length": str(20 * 65536)}])
def test_a_body_over_1_mib_is_read_to_its_end_before_it_is_answered_with_413(service, headers):
    taken: list[int] = []
    answer = service.call("POST", f"/events/{KEY}", body=pieces(20, taken), headers=headers)

    assert (answer.status, answer.json) == (413, {"error": "The body is larger than 1048576 bytes"})
    assert len(taken) == 20
    assert "connection" not in answer.headers


def test_a_body_of_a_wrong_key_is_read_to_its_end_before_it_is_answered_with_403(service):
    taken: list[int] = []
    answer = service.call("POST", "/events/wrong", body=pieces(20, taken))

    assert (answer.status, len(taken), "connection" in answer.headers) == (403, 20, False)


@pytest.mark.parametrize(
    ("key", "status", "read"),
    # The first megabyte is what would have been stored.
    [(KEY, 413, 17 + 17), ("wrong", 403, 17)],
)
def test_what_is_discarded_of_a_body_is_bounded_and_then_the_connection_is_closed(serve, store, key, status, read):
    service = serve(store, max_discarded=16 * 65536)
    taken: list[int] = []
    answer = service.call("POST", f"/events/{key}", body=pieces(1000, taken))

    assert (answer.status, len(taken), answer.headers["connection"]) == (status, read, "close")


@pytest.mark.parametrize(("key", "status"), [(KEY, 413), ("wrong", 403)])
def test_who_waits_for_leave_to_send_a_body_that_is_refused_gets_the_answer_instead(service, key, status):
    taken: list[int] = []
    headers = {"Content-Length": str(20 * 65536), "Expect": "100-continue"}
    answer = service.call("POST", f"/events/{key}", body=pieces(20, taken), headers=headers)

    assert (answer.status, taken, answer.headers["connection"]) == (status, [], "close")


@pytest.mark.parametrize(
    ("key", "came", "status"), [(KEY, b"{", 408), (KEY, b"x" * (MIB + 1), 413), ("wrong", b"{", 403)]
)
def test_a_body_that_does_not_end_in_time_is_answered_and_the_connection_is_closed(serve, store, key, came, status):
    answer = serve(store, body_seconds=0.0).call("POST", f"/events/{key}", body=came, stalls=True)

    assert (answer.status, answer.headers["connection"]) == (status, "close")


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/x-www-form-urlencoded; charset=utf-8", b"lead_id=7&call_outcome=x"),
        ("Multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--'),
    ],
)
def test_a_form_is_answered_with_400_that_asks_for_json(service, media_type, body):
    answer = service.call("POST", f"/events/{KEY}", body=body, headers={"Content-Type": media_type})

    said = "The body is a form, and must be a JSON object: have the webhook post JSON"
    assert (answer.status, answer.json) == (400, {"error": said})


def test_json_that_a_sender_calls_a_form_is_stored(service):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    assert service.call("POST", f"/events/{KEY}", body=b'{"lead_id": "7"}', headers=headers).status == 201


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
