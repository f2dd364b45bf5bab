"""The warehouse of the demo: DuckDB, one row a lead, as a destination with deduplication would keep it."""

from pathlib import Path

import duckdb

COLUMNS = (
    "campaign_id VARCHAR, lead_id VARCHAR, phone_number VARCHAR, contact_name VARCHAR, lead_outcome VARCHAR, "
    "processed_at TIMESTAMPTZ, latest_called_at TIMESTAMPTZ, created_at TIMESTAMPTZ, latest_recording_url VARCHAR, "
    "lead_responses JSON"
)


class Warehouse:
    """A DuckDB file with the table `lead_responses`."""

    def __init__(self, path: Path) -> None:
        self._connection = duckdb.connect(str(path))
        self._connection.execute(f"CREATE TABLE lead_responses ({COLUMNS}, PRIMARY KEY (campaign_id, lead_id))")

    def load(self, records: Path) -> int:
        """Merge a JSONL file of records by primary key; return how many rows are new."""
        before = len(self.lead_ids())
        if records.stat().st_size:
            names = [column.split()[0] for column in COLUMNS.split(", ")]
            types = ", ".join(f"{column.split()[0]}: '{column.split()[1]}'" for column in COLUMNS.split(", "))
            self._connection.execute(
                f"INSERT OR REPLACE INTO lead_responses SELECT {', '.join(names)} "  # noqa: S608  # our own names
                f"FROM read_json(?, format='newline_delimited', columns={{{types}}})",
                [str(records)],
            )
        return len(self.lead_ids()) - before

    def lead_ids(self) -> set[str]:
        """Return the ids of all leads in the table."""
        return {row[0] for row in self._connection.execute("SELECT lead_id FROM lead_responses").fetchall()}

    def outcomes(self) -> list[tuple[str, int]]:
        """Return each outcome and how many leads have it, the commonest first."""
        return self._connection.execute(
            "SELECT lead_outcome, count(*) FROM lead_responses GROUP BY 1 ORDER BY 2 DESC, 1"
        ).fetchall()
