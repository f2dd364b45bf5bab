"""Activity: in every shape that the endpoint may answer in, each record of a window comes once, or an error comes."""

import time
from collections import Counter
from types import SimpleNamespace

import orjson
import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.extractors.record_selector import RecordSelector
from airbyte_cdk.sources.declarative.requesters.paginators.default_paginator import PaginatorTestReadDecorator
from airbyte_cdk.sources.types import StreamSlice
from airbyte_cdk.sources.utils.transform import TransformConfig, TypeTransformer
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import given, settings
from hypothesis import strategies as st

from source_squadstack.components.activity_records import ActivityFilter
from source_squadstack.components.errors import RefusedError
from source_squadstack.components.response_body import BodyExtractor
from source_squadstack.components.retrievers.activity import ActivityRetriever

START, END = 1_700_000_000, 1_700_000_000 + 30 * 86_400 - 1


class Portal:
    """Answers like the history endpoint ("Get Campaigns activity"): rows of a time range, capped, in one of its shapes.

    What the page leaves open is told: whether the bounds are inclusive, how rows are spelled, and by which time of an
    activity the portal filters, its `timestamp` and so many seconds.
    """

    def __init__(self, times, cap, shape, bounds="[]", filtered_by=None):
        self.rows = [{"timestamp": at, "lead_history": [{"uuid": f"u{n}"}]} for n, at in enumerate(times)]
        self.filtered_by = filtered_by or [0] * len(self.rows)
        self.cap = cap
        self.shape = shape
        self.bounds = bounds
        self.calls = 0
        self.asked = []

    def page(self, window, token):
        self.calls += 1
        low, high = int(window.cursor_slice["start_time"]), int(window.cursor_slice["end_time"])
        self.asked.append((low, high))
        # Kazoo, below the portal, refuses more than 31 days.
        assert high - low <= 31 * 86_400
        rows = [row for row, more in zip(self.rows, self.filtered_by, strict=True) if self.lies(row, more, low, high)]
        first = int(token) if token and self.shape != "ignores startKey" else 0
        if token and self.shape == "forgets keys":
            raise refused(400)
        shown, rest = rows[first : first + self.cap], len(rows) > first + self.cap
        key = str(first + self.cap) if rest else None
        headers = {"next_start_key": key} if self.shape == "header" and key else {}
        body = shown
        if self.shape in {"data", "cdrs", "ignores startKey", "forgets keys", "number"}:
            name = "cdrs" if self.shape == "cdrs" else "data"
            body = {name: shown or None} | (
                {"next_start_key": int(key) if self.shape == "number" else key} if key else {}
            )
        if self.shape == "bare null":
            body = shown or None
        return SimpleNamespace(content=orjson.dumps(body), headers=headers)

    def lies(self, row, more, low, high):
        at = row["timestamp"] + more
        return (low <= at if self.bounds[0] == "[" else low < at) and (
            at <= high if self.bounds[1] == "]" else at < high
        )


def refused(status):
    error = RefusedError(message="refused")
    error.status_code = status
    return error


def retriever(paginator):
    selector = RecordSelector(
        extractor=BodyExtractor(shape="activity", parameters={}),
        record_filter=ActivityFilter(config={}, parameters={}),
        config={},
        parameters={},
        schema_normalization=TypeTransformer(TransformConfig.NoTransform),
        name="contact_center_activity",
    )
    return ActivityRetriever(
        requester=None,
        record_selector=selector,
        config={},
        parameters={},
        name="contact_center_activity",
        primary_key=None,
        paginator=paginator,
    )


def read(portal, page_size=1000, start=START, end=END):
    activity = retriever(SimpleNamespace(get_request_params=lambda: {"pageSize": page_size}))
    activity.fetch = portal.page
    window = StreamSlice(partition={}, cursor_slice={"start_time": str(start), "end_time": str(end)})
    return Counter(record["activity_id"] for record in activity.read_records({}, window))


def once(portal, start=START, end=END):
    return Counter(
        f"{row['lead_history'][0]['uuid']}:{row['timestamp']}"
        for row in portal.rows
        if start <= row["timestamp"] <= end
    )


SHAPES = ["data", "cdrs", "header", "number", "bare", "bare null", "ignores startKey", "forgets keys"]
BOUNDS = ["[]", "[)", "(]", "()"]
# A header without a key may be one that has none, so "header" is not among them.
KEYED = {"data", "cdrs", "number"}


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=25)
@given(
    times=st.lists(st.integers(START - 3, END + 3), max_size=60, unique_by=lambda at: at // 4),
    cap=st.integers(4, 30),
    bounds=st.sampled_from(BOUNDS),
)
def test_each_record_of_a_window_comes_once(shape, times, cap, bounds):
    portal = Portal(sorted(times), cap, shape, bounds)
    assert read(portal) == once(portal)


@given(
    seconds=st.lists(st.integers(0, 40), max_size=60),
    cap=st.integers(1, 20),
    shape=st.sampled_from(SHAPES),
    bounds=st.sampled_from(BOUNDS),
)
def test_a_crowded_window_is_read_whole_or_fails_loudly(seconds, cap, shape, bounds):
    portal = Portal(sorted(START + second for second in seconds), cap, shape, bounds)
    try:
        found = read(portal, page_size=cap, end=START + 40)
    except AirbyteTracedException:
        # One second alone fills a page, or of a portal with one inclusive bound two of them.
        widest = 1 if bounds in {"[]", "()"} else 2
        crowds = Counter(second + more for second in seconds for more in range(widest))
        assert max(crowds.values()) >= cap
        assert shape not in KEYED
    else:
        assert found == once(portal, end=START + 40)


@settings(max_examples=50)
@given(
    calls=st.lists(st.tuples(st.integers(START - 40_000, END + 14_000), st.integers(0, 40_000)), max_size=40),
    shape=st.sampled_from(SHAPES),
    cap=st.integers(4, 30),
    bounds=st.sampled_from(BOUNDS),
)
def test_a_portal_that_filters_by_a_calls_end_loses_none_or_fails_loudly(calls, shape, cap, bounds):
    calls.sort(key=sum)
    portal = Portal([at for at, _ in calls], cap, shape, bounds, filtered_by=[lasts for _, lasts in calls])
    try:
        found = read(portal)
    except AirbyteTracedException:
        assert shape not in KEYED
    else:
        assert set(found) == set(once(portal))


def test_a_long_call_over_the_end_of_a_window_is_read_though_the_portal_filters_by_its_end():
    portal = Portal([END - 600], 1000, "data", filtered_by=[3 * 3600])
    assert read(portal) == once(portal) != Counter()


def test_a_call_whose_beginning_the_portal_filters_by_is_read_though_its_timestamp_is_its_end():
    portal = Portal([START + 600], 1000, "data", filtered_by=[-3 * 3600])
    assert read(portal) == once(portal) != Counter()


def test_a_window_is_asked_for_with_a_margin_that_leaves_it_below_31_days():
    portal = Portal([], 1000, "bare")
    read(portal)
    assert portal.asked == [(START - 4 * 3600 - 1, END + 12 * 3600 + 1)]


def test_the_margin_never_reaches_into_the_future(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: END + 60.5)
    portal = Portal([], 1000, "bare")
    read(portal)
    assert portal.asked == [(START - 4 * 3600 - 1, END + 61)]


def test_a_single_record_in_thirty_days_is_believed():
    portal = Portal([START + 5], 1000, "bare")
    assert read(portal) == once(portal)


def test_an_empty_window_costs_one_call():
    portal = Portal([], 1000, "bare")
    assert (read(portal), portal.calls) == (Counter(), 1)


def test_a_few_records_far_apart_cost_three_calls():
    portal = Portal([START + 86_400, END - 86_400], 1000, "bare")
    assert (read(portal), portal.calls) == (once(portal), 3)


@pytest.mark.parametrize("cap", [2, 7, 9])
def test_a_cap_of_a_few_rows_loses_none(cap):
    portal = Portal([START + hour * 3600 for hour in range(60)], cap, "bare")
    assert read(portal) == once(portal)


def test_ten_records_in_the_longest_page_are_not_believed_at_once():
    portal = Portal([START + day * 86_400 for day in range(1, 11)], 10, "bare")
    assert read(portal) == once(portal)
    assert portal.calls > 1


def test_as_many_records_as_asked_for_are_not_believed_though_they_are_few():
    portal = Portal([START + day * 86_400 for day in range(1, 6)], 3, "bare")
    assert read(portal, page_size=3) == once(portal)


class UnfilteredPortal(Portal):
    """A portal that gives the same first rows whatever time it is asked for."""

    def lies(self, row, more, low, high):
        return True


@pytest.mark.parametrize("rows", [1, 9])
def test_a_few_records_of_a_portal_that_does_not_filter_by_time_are_an_error_that_says_so(rows):
    portal = UnfilteredPortal([START + at for at in range(rows)], 1000, "bare")
    with pytest.raises(AirbyteTracedException, match="does not apply `startDate` and `endDate`"):
        read(portal, start=START - 30 * 86_400, end=START - 1)
    assert portal.calls < 12


@pytest.mark.parametrize("shape", ["bare", "ignores startKey", "forgets keys"])
@pytest.mark.parametrize(
    "apart", [1, 60, 86_400, 3 * 86_400], ids=["a minute in all", "an hour", "two months", "half a year"]
)
def test_a_portal_that_does_not_filter_by_time_is_an_error_that_says_so_after_a_few_calls(shape, apart):
    portal = UnfilteredPortal([START + 10 * 86_400 + number * apart for number in range(60)], 50, shape)
    with pytest.raises(AirbyteTracedException, match="does not apply `startDate` and `endDate`") as caught:
        read(portal)
    assert caught.value.failure_type == FailureType.config_error
    assert portal.calls < 12


@pytest.mark.parametrize("shape", ["data", "header"])
def test_a_portal_that_does_not_filter_by_time_is_read_where_its_keys_lead_on(shape):
    portal = UnfilteredPortal([START + number * 86_400 for number in range(-30, 60)], 50, shape)
    assert read(portal) == once(portal)


def test_a_record_whose_clock_is_wrong_does_not_fail_a_window():
    times = sorted([START + 5, START + 86_400, *range(START + 9 * 86_400, START + 9 * 86_400 + 20)])
    portal = Portal(times, 15, "bare", filtered_by=[0] * 10 + [-40 * 86_400] + [0] * 11)
    portal.rows[10]["timestamp"] += 40 * 86_400
    assert read(portal) == once(portal)


def test_the_page_size_is_known_in_a_test_read_that_limits_the_pages():
    paginator = SimpleNamespace(get_request_params=lambda **_: {"pageSize": 7})
    sizes = [retriever(by).page_size for by in (paginator, PaginatorTestReadDecorator(paginator))]
    assert sizes == [7, 7]


def test_a_second_with_as_many_records_as_asked_for_is_an_error_that_names_the_page_size():
    portal = Portal([START] * 9, 3, "bare")
    with pytest.raises(AirbyteTracedException, match=r"Make `contact_center\.page_size` larger"):
        read(portal, page_size=3)


@pytest.mark.parametrize(("rows", "cap"), [(12, 1000), (60, 50), (2000, 1000)], ids=["no cap", "own cap", "largest"])
def test_a_second_that_a_larger_page_size_would_not_help_is_an_error_that_says_so(rows, cap):
    with pytest.raises(AirbyteTracedException, match=r"larger `contact_center\.page_size` does not help") as caught:
        read(Portal([START + 5] * rows, cap, "bare"))
    assert f"gives {min(rows, cap)} activities around the second" in caught.value.message


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("shape", ["bare", "ignores startKey"])
def test_a_second_that_the_portal_cuts_at_a_cap_of_its_own_is_never_a_success(shape, bounds):
    with pytest.raises(AirbyteTracedException, match=r"around the second 2023-11-14T22:13:2[456]Z"):
        read(Portal([START + 5] * 60, 50, shape, bounds))


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize("shape", ["bare", "ignores startKey"])
@pytest.mark.parametrize(
    ("in_each", "cap"), [(40, 100), (49, 100), (60, 130)], ids=["two fit", "two just fit", "two fit a larger page"]
)
def test_seconds_that_fit_a_page_are_read_though_their_neighbours_fill_it(shape, bounds, in_each, cap):
    portal = Portal(sorted([START + 5, START + 6, START + 7, START + 8] * in_each), cap, shape, bounds)
    assert read(portal) == once(portal)


@pytest.mark.parametrize("bounds", ["[]", "()"])
def test_a_second_that_fits_a_page_alone_is_read_alone(bounds):
    portal = Portal(sorted([START + 5, START + 6, START + 7, START + 8] * 60), 100, "bare", bounds)
    assert read(portal) == once(portal)
