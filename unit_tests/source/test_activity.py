"""Activity: in every shape that the endpoint may answer in, each record of a window comes once, or an error comes."""

from collections import Counter
from types import SimpleNamespace

import orjson
import pytest
from airbyte_cdk.sources.declarative.extractors.record_selector import RecordSelector
from airbyte_cdk.sources.types import StreamSlice
from airbyte_cdk.sources.utils.transform import TransformConfig, TypeTransformer
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import given
from hypothesis import strategies as st

from source_squadstack.components import (
    ActivityFilter,
    ActivityRetriever,
    BodyExtractor,
    activity_id,
    normalize_activity,
)

START, END = 1_700_000_000, 1_700_000_000 + 30 * 86_400 - 1


class Portal:
    """Answers like the history endpoint: rows of a time range, capped, in one of its shapes."""

    def __init__(self, times, cap, shape):
        self.rows = [{"timestamp": at, "lead_history": [{"uuid": f"u{n}"}]} for n, at in enumerate(times)]
        self.cap = cap
        self.shape = shape
        self.calls = 0

    def page(self, window, token):
        self.calls += 1
        low, high = int(window.cursor_slice["start_time"]) - 1, int(window.cursor_slice["end_time"]) + 1
        rows = [row for row in self.rows if low <= row["timestamp"] <= high]
        first = int(token["next_page_token"]) if token and self.shape != "ignores startKey" else 0
        shown, rest = rows[first : first + self.cap], len(rows) > first + self.cap
        key = str(first + self.cap) if rest else None
        headers = {"next_start_key": key} if self.shape == "header" and key else {}
        body = shown
        if self.shape in {"data", "cdrs", "ignores startKey"}:
            name = "cdrs" if self.shape == "cdrs" else "data"
            body = {name: shown} | ({"next_start_key": key} if key else {})
        return SimpleNamespace(content=orjson.dumps(body), headers=headers)


def read(portal, page_size=1000, start=START, end=END):
    selector = RecordSelector(
        extractor=BodyExtractor(shape="activity"),
        record_filter=ActivityFilter(config={}, parameters={}),
        config={},
        parameters={},
        schema_normalization=TypeTransformer(TransformConfig.NoTransform),
        name="contact_center_activity",
    )
    retriever = ActivityRetriever(
        requester=None,
        record_selector=selector,
        config={},
        parameters={},
        name="contact_center_activity",
        primary_key=None,
        paginator=SimpleNamespace(get_page_size=lambda: page_size),
    )
    retriever._fetch_next_page = portal.page
    window = StreamSlice(partition={}, cursor_slice={"start_time": str(start), "end_time": str(end)})
    return Counter(record["activity_id"] for record in retriever.read_records({}, window))


def once(portal, start=START, end=END):
    return Counter(
        f"{row['lead_history'][0]['uuid']}:{row['timestamp']}"
        for row in portal.rows
        if start <= row["timestamp"] <= end
    )


SHAPES = ["data", "cdrs", "header", "bare", "ignores startKey"]


@pytest.mark.parametrize("shape", SHAPES)
@given(
    times=st.lists(st.integers(START - 3, END + 3), max_size=60, unique_by=lambda at: at // 4),
    cap=st.integers(4, 30),
)
def test_each_record_of_a_window_comes_once(shape, times, cap):
    portal = Portal(sorted(times), cap, shape)
    assert read(portal) == once(portal)


@given(
    seconds=st.lists(st.integers(0, 40), max_size=60),
    cap=st.integers(1, 20),
    shape=st.sampled_from(SHAPES),
)
def test_a_crowded_window_is_read_whole_or_fails_loudly(seconds, cap, shape):
    portal = Portal(sorted(START + second for second in seconds), cap, shape)
    try:
        found = read(portal, page_size=cap, end=START + 40)
    except AirbyteTracedException:
        # A second holds as many rows as a page, with the seconds beside it that are asked for as well.
        assert max(sum(abs(at - second) <= 1 for at in seconds) for second in range(41)) >= cap
    else:
        assert found == once(portal, end=START + 40)


def test_a_single_record_in_thirty_days_is_believed():
    portal = Portal([START + 5], 1000, "bare")
    assert read(portal) == once(portal)


def test_an_empty_window_costs_one_call():
    portal = Portal([], 1000, "bare")
    assert (read(portal), portal.calls) == (Counter(), 1)


def test_a_few_records_far_apart_cost_three_calls():
    portal = Portal([START + 86_400, END - 86_400], 1000, "bare")
    assert (read(portal), portal.calls) == (once(portal), 3)


def test_a_full_second_is_an_error_that_says_what_to_do():
    portal = Portal([START] * 9, 3, "bare")
    with pytest.raises(AirbyteTracedException, match=r"contact_center\.page_size"):
        read(portal, page_size=3)


def test_an_activity_is_known_by_its_first_uuid_and_its_time():
    row = {"timestamp": 1666222318, "lead_history": [{"event": "x"}, {"uuid": "a"}, {"uuid": "b"}]}
    assert activity_id(row) == "a:1666222318"


def test_an_activity_without_a_uuid_is_known_by_what_tells_it_apart():
    row = {
        "timestamp": 1666222318,
        "campaign_name": "c",
        "lead_number": "+1",
        "agent_name": "a",
        "agent_extension": "1",
    }
    assert activity_id(row) == activity_id({**row, "lead_history": [], "note": "x"})
    assert activity_id(row) != activity_id({**row, "lead_number": "+2"})


@pytest.mark.parametrize(
    ("timestamp", "seconds", "kept"),
    [
        (1666222318, 1666222318, 1666222318),
        ("1666222318", 1666222318, 1666222318),
        (1666222318220, 1666222318, 1666222318),
        (None, None, None),
        ("soon", None, "soon"),
        ({"at": 1}, None, '{"at": 1}'),
    ],
)
def test_a_timestamp_is_whole_seconds_or_stays_as_text(timestamp, seconds, kept):
    row = {"timestamp": timestamp, "datetime": "2022-10-19 23:31:58 +0000 UTC", "agent_extension": 1071}
    assert normalize_activity(row) == seconds
    assert (row["timestamp"], row["datetime"], row["agent_extension"]) == (kept, "2022-10-19T23:31:58Z", "1071")
