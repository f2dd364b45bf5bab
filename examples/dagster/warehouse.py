"""The warehouse: one DuckDB file with the leads to send, the responses to them, and how far each sync has got."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

TABLES = """
CREATE TABLE IF NOT EXISTS leads (
    lead_id VARCHAR PRIMARY KEY, phone_number VARCHAR, contact_name VARCHAR, city VARCHAR, updated_at TIMESTAMP
);
CREATE TABLE IF NOT EXISTS lead_responses (
    campaign_id VARCHAR, lead_id VARCHAR, lead_outcome VARCHAR, processed_at TIMESTAMPTZ, record JSON,
    PRIMARY KEY (campaign_id, lead_id)
);
CREATE TABLE IF NOT EXISTS states (stream VARCHAR PRIMARY KEY, state JSON);
"""
# A lead that another one was updated together with must not be passed over: the mark holds both.
NEWER = """
SELECT lead_id, phone_number, contact_name, city, updated_at::VARCHAR FROM leads
WHERE (updated_at, lead_id) > (?::TIMESTAMP, ?) ORDER BY updated_at, lead_id
"""
BEGINNING = {"updated_at": "1970-01-01", "lead_id": ""}


class Warehouse:
    """An open warehouse. Threads other than the one that opened it may read."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def newer_leads(self) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
        """Yield each lead that was not sent yet, and the mark that says it was."""
        mark = self.state("leads") or BEGINNING
        found = self._connection.cursor().execute(NEWER, [mark["updated_at"], mark["lead_id"]])
        while batch := found.fetchmany(1_000):
            for lead_id, phone_number, contact_name, city, updated_at in batch:
                lead = {"lead_id": lead_id, "phone_number": phone_number, "contact_name": contact_name, "city": city}
                yield lead, {"updated_at": updated_at, "lead_id": lead_id}

    def state(self, stream: str) -> Any:
        """Return the latest state of a stream, None before the first."""
        found = self._connection.cursor().execute("SELECT state FROM states WHERE stream = ?", [stream]).fetchone()
        return found and json.loads(found[0])

    def keep(self, stream: str, state: Any, responses: list[dict[str, Any]] | None = None) -> None:
        """Keep a state, together with the rows that it says are safe: both or neither."""
        with self._connection.cursor() as cursor:
            cursor.begin()
            if responses:
                cursor.executemany(
                    "INSERT OR REPLACE INTO lead_responses VALUES (?, ?, ?, ?, ?)",
                    [
                        [row["campaign_id"], row["lead_id"], row["lead_outcome"], row["processed_at"], json.dumps(row)]
                        for row in responses
                    ],
                )
            cursor.execute("INSERT OR REPLACE INTO states VALUES (?, ?)", [stream, json.dumps(state)])
            cursor.commit()


@contextmanager
def opened(path: str) -> Iterator[Warehouse]:
    """Open the file, with its tables made."""
    with duckdb.connect(path) as connection:
        connection.execute(TABLES)
        yield Warehouse(connection)
