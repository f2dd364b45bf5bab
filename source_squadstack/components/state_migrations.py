"""States as this version reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from airbyte_cdk.sources.declarative.migrations.state_migration import StateMigration
from airbyte_cdk.sources.types import Config

from source_squadstack.components.cursor_times import STATE_FORMAT
from source_squadstack.components.log import say_once
from source_squadstack.components.response_body import Row
from squadstack_common.timestamps import parse_time


@dataclass
class PerCampaignState(StateMigration):
    """Keeps the campaigns' own cursors, those that can be read, and drops the global one.

    The CDK starts a campaign that has no cursor of its own at the global cursor, so the history of one that is added
    later would be skipped; without a global cursor it starts at `start_date`. Beyond 10,000 cursors the CDK goes over
    to the global one by itself: cursors of campaigns that are not configured any more are kept, the latest first, as
    long as there is room for all that are. A cursor that is no time would end the stream; without it the campaign is
    read from `start_date` again.
    """

    config: Config = field(default_factory=dict)

    def should_migrate(self, stream_state: Mapping[str, Any]) -> bool:
        """Tell whether the state holds something that it can do without."""
        return self.migrate(stream_state) != stream_state

    def migrate(self, stream_state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the state with nothing but the campaigns' readable cursors, spelled as the CDK reads them."""
        if stream_state.get("use_global_cursor"):
            say_once(
                "The state holds one progress for all campaigns, as the CDK writes it for more than 10,000: a campaign "
                "that was added later is read from there on. Refresh the stream to read all from the start date."
            )
            return stream_state
        kept = {key: value for key, value in stream_state.items() if key not in {"state", "lookback_window"}}
        if "states" in kept:
            cursors = [(entry, cursor_time(entry.get("cursor"), "processed_at")) for entry in kept["states"] or []]
            for entry, moment in cursors:
                partition = entry.get("partition")
                warn_of_future(f"campaign {partition.get('campaign_id')}" if partition else "a campaign", moment)
            states = [
                {**entry, "cursor": {"processed_at": moment.strftime(STATE_FORMAT)}}
                for entry, moment in cursors
                if moment is not None
            ]
            kept["states"] = self._with_room_for_all(states)
        return kept

    def _with_room_for_all(self, states: list[Row]) -> list[Row]:
        configured = set(self.config.get("squadstack", {}).get("campaign_ids", ()))
        gone = [entry for entry in states if (entry.get("partition") or {}).get("campaign_id") not in configured]
        too_many = len(configured) + len(gone) - MOST_CURSORS
        if too_many <= 0:
            return states
        gone.sort(key=lambda entry: str(entry["cursor"]["processed_at"]))
        dropped = set(map(id, gone[:too_many]))
        return [entry for entry in states if id(entry) not in dropped]


MOST_CURSORS = 10_000  # of the CDK's ConcurrentPerPartitionCursor: SWITCH_TO_GLOBAL_LIMIT


@dataclass
class ReadableState(StateMigration):
    """Drops a cursor that is no time, which would end the stream: it is read from `start_date` again."""

    def should_migrate(self, stream_state: Mapping[str, Any]) -> bool:
        """Tell whether the state is not yet as the CDK reads it."""
        return bool(stream_state) and self.migrate(stream_state) != stream_state

    def migrate(self, stream_state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the state with its cursor in Unix seconds, as text; nothing where it is no time."""
        moment = cursor_time(stream_state, "timestamp")
        warn_of_future("the contact center's activity", moment)
        return {} if moment is None else {"timestamp": str(int(moment.timestamp()))}


def warn_of_future(what: str, cursor: datetime | None) -> None:
    """Warn of a cursor in the future: the sync would end with success and read nothing, and nobody know why."""
    if cursor is not None and cursor > datetime.now(UTC):
        say_once(
            f"The state of {what} lies in the future, so nothing of it is read until then. Reset the stream if no lead "
            "can be as new."
        )


def cursor_time(cursor: Any, name: str) -> datetime | None:
    """Return the time that a cursor stands at, `None` where it is none."""
    return parse_time(cursor.get(name)) if isinstance(cursor, Mapping) else None
