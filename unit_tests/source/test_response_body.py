"""A response's body: what has the shape of its endpoint, and what of it is read as something else."""

import json
from types import SimpleNamespace

import pytest

from source_squadstack.components.errors import UnreadableBodyError
from source_squadstack.components.log import warn_once
from source_squadstack.components.response_body import BodyExtractor, parse_json, read_body, webhook_event_rows


def response(content: bytes):
    return SimpleNamespace(content=content)


@pytest.mark.parametrize(
    ("content", "how"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"<html>maintenance</html>", "not JSON"),
        (b'{"count": 1, "next": null, "resul', "not JSON"),
        (b"[]", "list"),
        (b"null", "NoneType"),
        (b"{}", "results"),
        (b'{"count": 0, "next": null, "results": null}', "results"),
        (b'{"count": 1, "next": null, "results": ["x"]}', "results"),
        (b'{"next": null, "results": []}', "count"),
        (b'{"count": true, "next": null, "results": []}', "count"),
        (b'{"count": 0, "next": 2, "results": []}', "next"),
        (b'{"detail": "Ms. Canary is out"}', "results"),
        (b"[" * 100_000, "nested more deeply"),
    ],
)
def test_a_body_that_is_not_the_page_is_never_accepted_for_an_empty_one(content, how):
    with pytest.raises(UnreadableBodyError, match=how) as caught:
        read_body(response(content), "lead_page")
    assert "Canary" not in str(caught.value)


def test_a_page_is_parsed_once():
    answer = response(b'{"count": 0, "next": null, "results": []}')
    assert read_body(answer, "lead_page") is read_body(answer, "lead_page")


@pytest.mark.parametrize(
    ("body", "difference"), [(b" ", "the body is empty"), (b"<html>", "the body is not JSON"), (b"[nan]", "not JSON")]
)
def test_a_body_that_is_no_json_is_refused(body, difference):
    with pytest.raises(UnreadableBodyError, match=difference):
        parse_json(body)


def test_integers_beyond_64_bits_stay_exact():
    page = read_body(
        response(b'{"count": 1, "next": null, "results": [{"account": 1180591620717411303424}]}'), "lead_page"
    )
    assert page.rows == [{"account": 1180591620717411303424}]


def test_a_number_that_is_none_here_stays_as_its_text_instead_of_ending_the_stream():
    assert parse_json(b'{"digits": %b, "large": -1e400}' % (b"9" * 4_301)) == {"digits": "9" * 4_301, "large": "-1e400"}


def test_half_of_an_emoji_does_not_cost_the_page():
    found = read_body(response(b'{"count": 1, "next": null, "results": [{"note": "ok \\ud83d cut"}]}'), "lead_page")
    assert found.rows == [{"note": "ok \ufffd cut"}]


def test_a_whole_emoji_beside_half_of_one_survives():
    body = b'{"count": 1, "next": null, "results": [{"note": "\\ud83d\\ude00 \\ud83d"}]}'
    assert read_body(response(body), "lead_page").rows == [{"note": "\U0001f600 \ufffd"}]


def test_nan_and_infinity_become_null_and_the_other_rows_come():
    first = b'{"lead_id": "a", "score": NaN, "more": {"x": [-Infinity, 1e400, 1.5]}}'
    second = b'{"lead_id": "b", "account": 1180591620717411303424, "high": Infinity}'
    body = b'{"count": 2, "next": null, "results": [%b, %b]}' % (first, second)
    assert read_body(response(body), "lead_page").rows == [
        {"lead_id": "a", "score": None, "more": {"x": [None, "1e400", 1.5]}},
        {"lead_id": "b", "account": 1180591620717411303424, "high": None},
    ]


def test_nan_is_told_of_once_a_stream_and_never_with_its_row(caplog):
    warn_once.cache_clear()
    body = b'{"count": 1, "next": null, "results": [{"contact_name": "Canary", "score": NaN}]}'
    extractors = [BodyExtractor(shape="lead_page", parameters={"name": name}) for name in ("leads", "leads", "others")]
    for extractor in extractors:
        assert list(extractor.extract_records(response(body))) == [{"contact_name": "Canary", "score": None}]
    assert [record.getMessage() for record in caplog.records] == [
        f"Stream {name}: an answer holds NaN or Infinity, which are no values in JSON: taken as null."
        for name in ("leads", "others")
    ]


@pytest.mark.parametrize(
    ("body", "is_empty"),
    [
        (b"null", True),
        (b'{"data": null}', True),
        (b'{"cdrs": null, "next_start_key": ""}', True),
        (b'{"data": null, "next_start_key": "k"}', False),
        (b'{"next_start_key": null}', False),
        (b"{}", False),
        (b"0", False),
        (b'{"data": [], "next_start_key": true}', False),
    ],
)
def test_null_is_an_empty_list_where_it_stands_for_one(body, is_empty):
    answer = response(body)
    if is_empty:
        assert read_body(answer, "activity").rows == []
    else:
        with pytest.raises(UnreadableBodyError):
            read_body(answer, "activity")


def event_page(*sequences, **keys):
    rows = [{"sequence": sequence} for sequence in sequences]
    return {"data": rows, "next_cursor": max(sequences, default=0), **keys}


@pytest.mark.parametrize(
    "body",
    [
        event_page(),
        event_page(1, 2, 3),
        event_page(4, 9, next_cursor=20),
        event_page(4, 9, next_cursor=None),
        event_page(next_cursor=None),
        event_page(2**62, has_more=True),
    ],
)
def test_a_page_in_the_order_of_its_sequences_is_read(body):
    assert webhook_event_rows(body) == body["data"]


@pytest.mark.parametrize(
    ("body", "difference"),
    [
        ([], "the body is not an object but a JSON list"),
        ({"error": "canary"}, "`data` is not a list of objects"),
        (event_page(data=None), "`data` is not a list of objects"),
        (event_page(data=["canary"]), "`data` is not a list of objects"),
        ({"data": [{}], "next_cursor": 1}, "a `sequence` is not an integer"),
        ({"data": [{"sequence": "1"}], "next_cursor": 1}, "a `sequence` is not an integer"),
        ({"data": [{"sequence": True}], "next_cursor": 1}, "a `sequence` is not an integer"),
        (event_page(1, next_cursor="2"), "`next_cursor` is neither an integer nor null"),
        (event_page(1, next_cursor=True), "`next_cursor` is neither an integer nor null"),
        (event_page(2, 1, next_cursor=2), "`data` and `next_cursor` are not in the order of `sequence`"),
        (event_page(1, 1), "`data` and `next_cursor` are not in the order of `sequence`"),
        (event_page(1, 2, next_cursor=1), "`data` and `next_cursor` are not in the order of `sequence`"),
    ],
)
def test_a_page_that_could_lose_an_event_or_go_round_for_ever_is_refused(body, difference):
    with pytest.raises(UnreadableBodyError) as caught:
        webhook_event_rows(body)
    assert str(caught.value) == difference


@pytest.mark.parametrize(("asked", "taken"), [("", True), ("after=2", True), ("after=3", False), ("after=7", False)])
def test_a_page_that_begins_before_what_was_asked_for_is_refused(asked, taken):
    answer = response(json.dumps(event_page(3, 4)).encode())
    answer.request = SimpleNamespace(url=f"https://webhooks.example.com/events?{asked}&limit=1000")
    if taken:
        assert [row["sequence"] for row in read_body(answer, "webhook_events").rows] == [3, 4]
    else:
        with pytest.raises(UnreadableBodyError, match="begins before the `after`"):
            read_body(answer, "webhook_events")
