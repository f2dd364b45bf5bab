"""The records of `contact_center_activity`: their types, their key, and the window that they belong to."""

import json
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from airbyte_cdk.sources.types import StreamSlice

from source_squadstack.components.privacy import PrivacyFilter
from source_squadstack.components.records import normalize
from source_squadstack.components.stable_hash import stable_hash
from squadstack_common.privacy import Masker
from squadstack_common.timestamps import parse_time


@dataclass
class ActivityFilter(PrivacyFilter):
    """Normalises activities, and keeps those within the slice's window: whole seconds, both ends included."""

    def kept(
        self, records: Iterable[Mapping[str, Any]], stream_slice: StreamSlice | None
    ) -> Iterable[Mapping[str, Any]]:
        """Yield the rows that belong to the slice, and those whose `timestamp` is not a time: no slice has them."""
        assert stream_slice is not None  # noqa: S101  # every partition of the stream is a window
        start, end = (int(stream_slice.cursor_slice[name]) for name in ("start_time", "end_time"))
        for row in records:
            seconds = normalize_activity(row)  # type: ignore[arg-type]  # the extractor's own dicts
            if seconds is None or start <= seconds <= end:
                yield row

    def masked(self, rows: Iterable[Mapping[str, Any]], masker: Masker) -> Iterable[Mapping[str, Any]]:
        """Yield rows as they may leave, with a key from which nobody can find the number by trying all numbers."""
        secret = str(self.config["contact_center"]["account_id"])
        for row, masked in zip(kept := list(rows), super().masked(kept, masker), strict=True):
            yield {**masked, "activity_id": masker.keyed(row["activity_id"], secret)}


def normalize_activity(row: MutableMapping[str, Any]) -> int | None:
    """Convert an activity in place and add its key; return its `timestamp`, `None` if it is not a time."""
    moment = parse_time(row.get("timestamp"))
    seconds = None if moment is None else int(moment.timestamp())
    if seconds is not None:
        row["timestamp"] = seconds
    elif isinstance(row.get("timestamp"), dict | list):
        row["timestamp"] = json.dumps(row["timestamp"])  # the CDK's cursor ends the stream over a value that is no text
    row["activity_id"] = activity_id(row)
    normalize([row], ("datetime",), ("lead_number", "agent_extension"))
    return seconds


def activity_id(row: Mapping[str, Any]) -> str:
    """Return the first `lead_history[].uuid` with the timestamp, else a hash of the fields that identify an activity.

    The id is the same in every sync: it does not depend on the row's position in a response.
    """
    history = row.get("lead_history")
    for event in history if isinstance(history, list) else ():
        if isinstance(event, dict) and event.get("uuid"):
            return f"{event['uuid']}:{row.get('timestamp')}"
    named = ("timestamp", "campaign_name", "lead_number", "agent_name", "agent_extension")
    return stable_hash(*(row.get(name) for name in named))
