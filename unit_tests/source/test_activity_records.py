"""The records of activity: the key that is the same in every sync, and the types."""

import pytest

from source_squadstack.components.activity_records import activity_id, normalize_activity


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
