"""The requester: what it asks for, and that what it keeps for the next request is right for that, too."""

from typing import Any

import pytest
from airbyte_cdk.sources.declarative.models.declarative_component_schema import CustomRequester
from airbyte_cdk.sources.declarative.parsers.model_to_component_factory import ModelToComponentFactory
from airbyte_cdk.sources.types import StreamSlice

from source_squadstack.components.requester import REQUEST_PARAMETERS, ApiRequester
from source_squadstack.source import SourceSquadstack
from test_support.requesters import requesters_of

CONFIG = {
    "squadstack": {"token": "secret-token", "campaign_ids": ["C"], "start_date": "2026-01-01T00:00:00Z"},
    "contact_center": {
        "portal_url": "https://portal.example.com:9443",
        "username": "user",
        "password": "password",
        "domain": "tenant",
        "account_id": "12e4",
        "start_date": "2026-01-01T00:00:00Z",
    },
    "webhooks": {"url": "https://webhooks.example.com", "token": "pull-token"},
}
REQUESTERS = requesters_of(SourceSquadstack(config=CONFIG))


def requester_of(stream: str, **section: Any) -> ApiRequester:
    config = {**CONFIG, "squadstack": {**CONFIG["squadstack"], **section}}
    return ModelToComponentFactory().create_component(CustomRequester, REQUESTERS[stream], config, name=stream)


def window(campaign: str, start: str, end: str, **extra: Any) -> StreamSlice:
    return StreamSlice(
        partition={"campaign_id": campaign}, cursor_slice={"start_time": start, "end_time": end}, extra_fields=extra
    )


JANUARY = ("2026-01-01T00:00:00.000000Z", "2026-01-31T23:59:59.999999Z")


@pytest.mark.parametrize(
    ("unit", "after", "before"),
    [("milliseconds", 1767225599999, 1769904000001), ("seconds", 1767225599, 1769904001)],
)
def test_a_window_is_asked_for_one_unit_wider_on_both_sides(unit, after, before):
    asked = requester_of("lead_responses", timestamp_unit=unit).get_request_params(stream_slice=window("C", *JANUARY))
    assert list(asked.items()) == [("processed_after", after), ("processed_before", before)]


def test_a_bound_within_a_millisecond_is_asked_for_from_the_one_before():
    asked = requester_of("lead_responses").get_request_params(
        stream_slice=window("C", "2026-01-01T00:00:00.001500Z", "2026-01-01T00:00:00.002499Z")
    )
    assert asked == {"processed_after": 1767225600000, "processed_before": 1767225600004}


def test_parameters_that_a_slice_brings_along_are_asked_for_instead():
    brought = {"processed_after": 1, "processed_before": 2}
    asked = requester_of("lead_responses").get_request_params(
        stream_slice=window("C", *JANUARY, **{REQUEST_PARAMETERS: brought})
    )
    assert asked == brought


C, OTHER = {"campaign_id": "C"}, {"campaign_id": "a b/c"}
SECONDS = (
    {"start_time": "1767225600", "end_time": "1769904000"},
    {"start_time": "1769904000", "end_time": "1770000000"},
)
SLICES = [
    *(StreamSlice(partition=of, cursor_slice=cursor, extra_fields={}) for of in (C, OTHER) for cursor in SECONDS),
    StreamSlice(partition={}, cursor_slice={"start": 7}),
    StreamSlice(partition={}, cursor_slice={"start": 8}),
]


@pytest.mark.parametrize("stream", sorted(set(REQUESTERS) - {"lead_responses", "outreach_events", "call_recordings"}))
@pytest.mark.parametrize("evaluated", ["get_url", "get_request_params", "get_request_headers"])
def test_what_is_kept_of_a_template_is_what_each_request_would_evaluate_anew(stream, evaluated):
    keeping = requester_of(stream)
    contexts = [
        {"stream_slice": each, "next_page_token": token}
        for each in SLICES
        if each.partition or stream not in {"leads", "contact_center_leads"}
        if each.cursor_slice.get("start_time") or stream != "contact_center_activity"
        for token in (None, {"next_page_token": 5}, {"next_page_token": 6})
    ]
    kept = [getattr(keeping, evaluated)(**context) for context in contexts]
    anew = [getattr(requester_of(stream), evaluated)(**context) for context in contexts]
    assert kept == anew
    assert [getattr(keeping, evaluated)(**context) for context in contexts] == anew
