"""Records that are one row each: their types, and the leads that lie within a window."""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import Any

from airbyte_cdk.sources.declarative.transformations import RecordTransformation
from airbyte_cdk.sources.types import Config, StreamSlice

from source_squadstack.components.cursor_times import sort_key
from source_squadstack.components.log import warn_once
from source_squadstack.components.privacy import PrivacyFilter
from source_squadstack.components.v1_leads import add_v4_names
from squadstack_common.timestamps import written_time, written_times


def normalize(
    rows: Sequence[MutableMapping[str, Any]], times: Iterable[str], texts: Iterable[str]
) -> Sequence[str | None]:
    """Convert fields of rows in place: times to RFC 3339 UTC, ids and phone numbers to text.

    A value that cannot be converted, and every other field, stays as it came. Returns the last of each row's times,
    `None` if it is not a time.
    """
    for name in texts:
        for row in rows:
            value = row.get(name)
            if type(value) is int or type(value) is float:
                row[name] = str(value)
    written: Sequence[str | None] = [None] * len(rows)
    for name in times:
        written = written_times([row.get(name) for row in rows])
        for row, time in zip(rows, written, strict=True):
            if time is not None:
                row[name] = time
    return written


@dataclass
class TypedRow(RecordTransformation):
    """Converts fields of a row, and adds the campaign's id where the row lacks it."""

    parameters: InitVar[Mapping[str, Any]]
    times: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def transform(
        self,
        record: dict[str, Any],
        config: Config | None = None,  # noqa: ARG002  # the CDK's signature
        stream_state: Mapping[str, Any] | None = None,  # noqa: ARG002  # the CDK's signature
        stream_slice: StreamSlice | None = None,
    ) -> None:
        """Convert a record in place."""
        normalize([record], self.times, self.texts)
        campaign = stream_slice.partition.get("campaign_id") if stream_slice else None
        if campaign is not None and record.get("campaign_id") is None:
            record["campaign_id"] = campaign


LEAD_TIMES = ("created_at", "latest_called_at", "processed_at")
LEAD_TEXTS = ("campaign_id", "lead_id", "phone_number", "contact_number")


def normalize_leads(
    rows: Sequence[MutableMapping[str, Any]], campaign_id: str, api_version: str = "v4"
) -> Sequence[str | None]:
    """Convert leads in place and complete their keys; v1 leads also get v4's names.

    Returns each lead's `processed_at`, `None` if it is not a time.
    """
    for row in rows:
        if row.get("campaign_id") is None:
            row["campaign_id"] = campaign_id
        if api_version == "v1":
            add_v4_names(row)
    return normalize(rows, LEAD_TIMES, LEAD_TEXTS)


@dataclass
class LeadFilter(PrivacyFilter):
    """Normalises leads, and keeps those within the slice's window.

    Requests ask for one unit more on both sides, because no page says whether the API's bounds are inclusive; this
    filter gives the same rows either way. A row whose `processed_at` is not a time belongs to no window and is kept.
    """

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self._api_version = str(self.config.get("squadstack", {}).get("api_version", "v4"))

    def kept(
        self, records: Iterable[Mapping[str, Any]], stream_slice: StreamSlice | None
    ) -> Iterable[Mapping[str, Any]]:
        """Yield the normalised rows that belong to the slice; a window includes its last microsecond."""
        assert stream_slice is not None  # noqa: S101  # every partition of these streams is a campaign, or its window
        campaign_id = stream_slice.partition["campaign_id"]
        start, end = (written_time(stream_slice.cursor_slice.get(name)) for name in ("start_time", "end_time"))
        first, last = (start and sort_key(start), end and sort_key(end))
        rows: list[Any] = list(records)
        for row, written in zip(rows, normalize_leads(rows, campaign_id, self._api_version), strict=True):
            if not isinstance(row.get("lead_id"), str):
                warn_once(
                    f"Campaign {campaign_id} has leads without a `lead_id`: they are read as they come; a warehouse "
                    "that deduplicates by the key keeps one of them. Ask SquadStack's support about them."
                )
            if written is None or first is None or last is None or first <= sort_key(written) <= last:
                yield row
