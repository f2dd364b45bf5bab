"""Migrations of a saved state to one that the CDK reads without skipping anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from airbyte_cdk.sources.declarative.migrations.state_migration import StateMigration
from airbyte_cdk.sources.types import Config

from source_squadstack.components.cursor_times import STATE_FORMAT
from source_squadstack.components.log import warn_once
from source_squadstack.components.response_body import Row
from squadstack_common.timestamps import parse_time


@dataclass
class PerCampaignState(StateMigration):
    """Keeps the readable cursors of campaigns and drops the global cursor.

    The CDK starts a campaign without a cursor of its own at the global cursor, which would skip the history of a
    campaign that is added later; without a global cursor it starts at `start_date`. Beyond 10,000 cursors the CDK
    switches to the global one: cursors of campaigns that are no longer configured are therefore kept only while there
    is room, the latest first. A cursor that is not a time would end the stream; without it the campaign is read from
    `start_date` again.
    """

    config: Config = field(default_factory=dict)

    def should_migrate(self, stream_state: Mapping[str, Any]) -> bool:
        """Tell whether the state differs from the migrated one."""
        return self.migrate(stream_state) != stream_state

    def migrate(self, stream_state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the state with the readable cursors of campaigns alone, in the format that the CDK reads."""
        if stream_state.get("use_global_cursor"):
            warn_once(
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
        too_many = len(configured) + len(gone) - MAX_CURSORS
        if too_many <= 0:
            return states
        gone.sort(key=lambda entry: str(entry["cursor"]["processed_at"]))
        dropped = set(map(id, gone[:too_many]))
        return [entry for entry in states if id(entry) not in dropped]


MAX_CURSORS = 10_000  # of the CDK's ConcurrentPerPartitionCursor: SWITCH_TO_GLOBAL_LIMIT


@dataclass
class ReadableState(StateMigration):
    """Drops a cursor that is not a time, which would end the stream: it is read from `start_date` again."""

    def should_migrate(self, stream_state: Mapping[str, Any]) -> bool:
        """Tell whether the state differs from the migrated one, which an empty state never does."""
        return bool(stream_state) and self.migrate(stream_state) != stream_state

    def migrate(self, stream_state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the state with its cursor as text of Unix seconds, an empty state if the cursor is not a time."""
        moment = cursor_time(stream_state, "timestamp")
        warn_of_future("the contact center's activity", moment)
        return {} if moment is None else {"timestamp": str(int(moment.timestamp()))}


def warn_of_future(what: str, cursor: datetime | None) -> None:
    """Warn of a cursor in the future: the sync would read nothing and succeed, and nobody would know why."""
    if cursor is not None and cursor > datetime.now(UTC):
        warn_once(
            f"The state of {what} lies in the future, so nothing of it is read until then. Reset the stream if no lead "
            "can be as new."
        )


def cursor_time(cursor: Any, name: str) -> datetime | None:
    """Return a cursor's time, `None` if it has none."""
    return parse_time(cursor.get(name)) if isinstance(cursor, Mapping) else None
