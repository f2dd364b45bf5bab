"""The warehouse of the demo: DuckDB, a table a stream, as a destination with deduplication would keep it."""

from dataclasses import dataclass
from pathlib import Path

import duckdb


@dataclass(frozen=True)
class Table:
    """A table: its columns with their types, and its primary key."""

    columns: dict[str, str]
    key: tuple[str, ...]


TABLES = {
    "lead_responses": Table(
        {
            "campaign_id": "VARCHAR",
            "lead_id": "VARCHAR",
            "phone_number": "VARCHAR",
            "contact_name": "VARCHAR",
            "lead_outcome": "VARCHAR",
            "processed_at": "TIMESTAMPTZ",
            "latest_called_at": "TIMESTAMPTZ",
            "created_at": "TIMESTAMPTZ",
            "latest_recording_url": "VARCHAR",
            "lead_responses": "JSON",
        },
        ("campaign_id", "lead_id"),
    ),
    "webhook_events": Table(
        {
            "sequence": "BIGINT",
            "event_id": "VARCHAR",
            "event_type": "VARCHAR",
            "campaign_id": "VARCHAR",
            "lead_id": "VARCHAR",
            "occurred_at": "TIMESTAMPTZ",
            "received_at": "TIMESTAMPTZ",
            "payload": "JSON",
        },
        ("event_id",),
    ),
}


class Warehouse:
    """A DuckDB file with the tables of `TABLES`."""

    def __init__(self, path: Path) -> None:
        self._connection = duckdb.connect(str(path))
        for name, table in TABLES.items():
            columns = ", ".join(f"{column} {kind}" for column, kind in table.columns.items())
            self._connection.execute(f"CREATE TABLE {name} ({columns}, PRIMARY KEY ({', '.join(table.key)}))")

    def load(self, stream: str, records: Path) -> int:
        """Merge a JSONL file of a stream's records by primary key; return how many rows are new."""
        before = self._count(stream)
        if records.exists():
            columns = TABLES[stream].columns
            types = ", ".join(f"{column}: '{kind}'" for column, kind in columns.items())
            self._connection.execute(
                f"INSERT OR REPLACE INTO {stream} SELECT {', '.join(columns)} "  # noqa: S608  # our own names
                f"FROM read_json(?, format='newline_delimited', columns={{{types}}})",
                [str(records)],
            )
        return self._count(stream) - before

    def lead_ids(self) -> set[str]:
        """Return the ids of all leads that were responded."""
        return {row[0] for row in self._connection.execute("SELECT lead_id FROM lead_responses").fetchall()}

    def outcomes(self) -> list[tuple[str, int]]:
        """Return each outcome and how many leads have it, the commonest first."""
        return self._connection.execute(
            "SELECT lead_outcome, count(*) FROM lead_responses GROUP BY 1 ORDER BY 2 DESC, 1"
        ).fetchall()

    def payloads(self) -> list[str]:
        """Return the payload of every webhook event, in the order of arrival."""
        return [
            row[0]
            for row in self._connection.execute("SELECT payload FROM webhook_events ORDER BY sequence").fetchall()
        ]

    def event_types(self) -> list[tuple[str, int]]:
        """Return each type of event and how many there are, the commonest first."""
        return self._connection.execute(
            "SELECT event_type, count(*) FROM webhook_events GROUP BY 1 ORDER BY 2 DESC, 1"
        ).fetchall()

    def _count(self, stream: str) -> int:
        rows = self._connection.execute(f"SELECT count(*) FROM {stream}").fetchall()  # noqa: S608  # our own names
        return int(rows[0][0])
