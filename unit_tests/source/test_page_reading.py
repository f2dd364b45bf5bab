"""Pages on their way to stdout: the lines are the CDK's, and the cursor learns what it would from each row."""

import io
import json
import logging
import sys
from itertools import chain
from types import SimpleNamespace

import pytest
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.sources.streams.concurrent.cursor import CursorField
from airbyte_cdk.sources.types import StreamSlice
from airbyte_cdk.sources.utils.record_helper import stream_data_to_airbyte_message
from hypothesis import given
from hypothesis import strategies as st

from source_squadstack.cdk_fast_path.cursor_tracking import CursorTracker
from source_squadstack.cdk_fast_path.page import page_of
from source_squadstack.cdk_fast_path.page_reading import GROUP, groups
from source_squadstack.cli import write_lines

ROWS = [
    {"lead_id": "1", "processed_at": None, "nested": {"null": None, "list": [None, 1.0]}},
    {"lead_id": "2", "name": "Zoë \ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "quote": '"\\\n'},
    {"lead_id": "3", "huge": 2**80, "great": 2**63},
    {},
]


def without_moment(lines):
    return [(message["type"], {**message["record"], "emitted_at": 0}) for message in map(json.loads, lines)]


def test_a_page_holds_the_lines_that_the_cdk_writes_of_its_rows():
    page = page_of('stream "s"', ROWS)
    cdks = [
        AirbyteEntrypoint.airbyte_message_to_string(stream_data_to_airbyte_message('stream "s"', row)) for row in ROWS
    ]
    assert page.lines.endswith(b"\n")
    assert without_moment(page.lines.splitlines()) == without_moment(cdks)
    assert (page.stream, page.records, page.last) == ('stream "s"', 4, {})


class Cursor:
    """Stands for the CDK's: keeps what it is shown."""

    cursor_field = CursorField("at")

    def __init__(self):
        self.shown = []

    def observe(self, record):
        self.shown.append((record.data["at"], record.stream_name, record.associated_slice))


SLICE = StreamSlice(partition={"campaign_id": "0PT711"}, cursor_slice={})


def shown(*pages):
    cursor = Cursor()
    tracker = CursorTracker(cursor, "s", SLICE)
    for values in pages:
        tracker.track([{"at": value} for value in values])
    tracker.finish()
    assert {(stream, piece) for _, stream, piece in cursor.shown} <= {("s", SLICE)}
    return [at for at, _, _ in cursor.shown]


@pytest.mark.parametrize(
    ("values", "newest"),
    [
        (
            ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.500Z", "2025-12-31T23:59:59.999999Z"],
            "2026-01-01T00:00:00.500Z",
        ),
        (["2026-01-31T00:00:00Z", None], "2026-01-31T00:00:00Z"),
        ([1666222318, 1666222319], 1666222319),
    ],
)
def test_the_cursor_is_shown_the_newest_row_of_all_pages(values, newest):
    assert shown(values) == [newest]
    assert shown(*([value] for value in values)) == [newest]
    assert shown([], values, []) == [newest]


@pytest.mark.parametrize(
    "values",
    [
        ["2026-01-01T00:00:00Z", "soon"],
        ["2026-01-01T00:00:00Z", "2026-02-30T00:00:00Z"],
        ["2026-01-01T00:00:00Z", 1666222318],
        [1666222318, 10**15],
        [1666222318, True],
        [{"at": "noon"}],
    ],
)
def test_where_the_newest_cannot_be_told_the_cursor_is_shown_every_row(values):
    assert shown(values) == values
    assert shown(values, [values[0]])[: len(values)] == values


def test_pages_without_times_move_no_cursor():
    assert shown([], [None]) == []


def test_the_cursor_of_a_full_refresh_is_shown_nothing():
    tracker = CursorTracker(object(), "s", SLICE)
    tracker.track([{"at": 1}])
    tracker.finish()


@given(st.integers(0, 3 * GROUP))
def test_records_come_in_groups_and_none_is_left_behind(count):
    found = list(groups(SimpleNamespace(data={"number": number}) for number in range(count)))
    assert [row["number"] for row in chain(*found)] == list(range(count))
    assert all(0 < len(group) <= GROUP for group in found)


def test_records_before_an_error_come_before_it():
    def failing():
        yield SimpleNamespace(data={"number": 1})
        raise RuntimeError

    found = groups(failing())
    assert next(found) == [{"number": 1}]
    with pytest.raises(RuntimeError):
        next(found)


def test_no_thread_can_log_to_stdout_while_lines_are_written(monkeypatch):
    handler, owned = logging.StreamHandler(), []

    class Buffer(io.BytesIO):
        def write(self, data):
            owned.append(handler.lock._is_owned())
            return super().write(data)

    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(Buffer()))
    write_lines(b"one\n")
    assert owned == [True]
    assert sys.stdout.buffer.getvalue() == b"one\n"
