"""Records without the phone numbers, names and fields that the config's section `privacy` keeps back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.extractors.record_filter import RecordFilter
from airbyte_cdk.sources.types import StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from squadstack_common.privacy import Masker
from squadstack_common.privacy_settings import PrivacySettings

# Streams whose rows are no persons, so that their `name` is none's.
IMPERSONAL_STREAMS = frozenset({"contact_center_campaigns", "contact_center_queues"})
# The receiver hashes and drops by settings of its own: what it has hashed must not be hashed again.
RECEIVER_STREAM = "webhook_events"


def masker_of(config: Mapping[str, Any], stream: str) -> Masker | None:
    """Return what masks a stream's records; None where nothing is kept back.

    Raises:
        AirbyteTracedException: the section asks for what cannot be done. The stock runner checks its shape alone.
    """
    settings = PrivacySettings.of(config.get("privacy") or {})
    if not settings.changes_anything:
        return None
    found = [f"`privacy.{name}` {says}." for name, says in settings.problems()]
    if found:
        raise AirbyteTracedException(message=" ".join(found), failure_type=FailureType.config_error)
    return Masker(settings, keeps_hashes=stream == RECEIVER_STREAM)


@dataclass
class PrivacyFilter(RecordFilter):
    """Masks what the config keeps back: the last thing that happens to a row, so that the whole row is covered.

    The base of every filter, and the filter of streams that need no other. Where nothing is kept back it costs nothing.
    """

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self.stream = str(parameters.get("name", ""))
        self.masker = masker_of(self.config, self.stream)

    def filter_records(
        self,
        records: Iterable[Mapping[str, Any]],
        stream_state: Mapping[str, Any],  # noqa: ARG002  # the CDK's signature
        stream_slice: StreamSlice | None = None,
        next_page_token: Mapping[str, Any] | None = None,  # noqa: ARG002  # the CDK's signature
    ) -> Iterable[Mapping[str, Any]]:
        """Yield the rows that belong to the slice, as they may leave."""
        rows = self.kept(records, stream_slice)
        return rows if self.masker is None else self.masked(rows, self.masker)

    def kept(
        self,
        records: Iterable[Mapping[str, Any]],
        stream_slice: StreamSlice | None,  # noqa: ARG002  # for those that cut
    ) -> Iterable[Mapping[str, Any]]:
        """Return the rows that belong to the slice."""
        return records

    def masked(self, rows: Iterable[Mapping[str, Any]], masker: Masker) -> Iterable[Mapping[str, Any]]:
        """Yield rows as they may leave."""
        is_person = self.stream not in IMPERSONAL_STREAMS
        return (masker.masked(row, is_person=is_person) for row in rows)  # type: ignore[arg-type]  # the extractor's dicts
