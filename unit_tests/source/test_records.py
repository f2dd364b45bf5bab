"""A row's types: every spelling of time in the vendor's pages, ids as text, all else untouched."""

from datetime import UTC, datetime

from airbyte_cdk.sources.types import StreamSlice

from source_squadstack.components.records import LeadFilter, normalize_leads

MOMENT = datetime(2018, 12, 3, 14, 37, 54, tzinfo=UTC)


def test_a_row_gets_its_types_and_keeps_all_else():
    row = {
        "lead_id": 10,
        "phone_number": 919899550412,
        "created_at": 1531409739413,
        "latest_called_at": None,
        "processed_at": "2018-12-03T14:37:54+00:00",
        "city": "Bangalore",
        "huge": 2**70,
        "lead_responses": {"visit_at": "2018-12-03T14:37:54+00:00"},
    }
    assert normalize_leads([row], "0PT711") == ["2018-12-03T14:37:54Z"]
    assert row == {
        "campaign_id": "0PT711",
        "lead_id": "10",
        "phone_number": "919899550412",
        "created_at": "2018-07-12T15:35:39.413Z",
        "latest_called_at": None,
        "processed_at": "2018-12-03T14:37:54Z",
        "city": "Bangalore",
        "huge": 2**70,
        "lead_responses": {"visit_at": "2018-12-03T14:37:54+00:00"},
    }


def test_the_campaign_a_row_names_is_kept():
    row = {"lead_id": "1", "campaign_id": "0pt711"}
    normalize_leads([row], "0PT711")
    assert row["campaign_id"] == "0pt711"


WINDOW = StreamSlice(
    partition={"campaign_id": "0PT711"},
    cursor_slice={"start_time": "2024-01-01T00:00:00.000000Z", "end_time": "2024-01-30T23:59:59.999999Z"},
)


def kept(*times):
    window_filter = LeadFilter(config={}, parameters={})
    rows = window_filter.filter_records([{"processed_at": at} for at in times], stream_state={}, stream_slice=WINDOW)
    return [row["processed_at"] for row in rows]


def test_a_window_keeps_its_first_instant_and_not_the_next_windows():
    assert kept("2024-01-01T00:00:00Z", "2024-01-31T00:00:00Z") == ["2024-01-01T00:00:00Z"]


def test_a_window_cuts_off_what_the_wider_request_brought():
    assert kept("2023-12-31T23:59:59.999Z", "2024-01-30T23:59:59.999999Z", "2024-01-31T00:00:00.001Z") == [
        "2024-01-30T23:59:59.999999Z"
    ]


def test_rows_that_cannot_be_cut_are_kept_as_they_came():
    assert kept(None, "soon", {"at": "noon"}) == [None, "soon", {"at": "noon"}]
