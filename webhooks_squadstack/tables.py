"""The tables. Times are whole microseconds since 1970: both databases store and compare them alike."""

from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, String, Table, Text
from sqlalchemy.dialects import postgresql, sqlite

VERSION = 1
MINUTE = 60_000_000
DAY = 24 * 60 * MINUTE

# SQLite gives its rows no second number only where the key is declared INTEGER.
_number = BigInteger().with_variant(Integer, "sqlite")
METADATA = MetaData()

STORE = Table(
    "webhook_store",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("last_sequence", BigInteger, nullable=False),
    Column("deleted_to", BigInteger, nullable=False),
)
EVENTS = Table(
    "webhook_events",
    METADATA,
    Column("sequence", _number, primary_key=True, autoincrement=False),
    Column("event_id", String(32), nullable=False, unique=True),
    Column("event_type", String(32), nullable=False),
    Column("campaign_id", Text),
    Column("lead_id", Text),
    Column("occurred_at", BigInteger),
    Column("received_at", BigInteger, nullable=False),
    Column("payload", Text, nullable=False),
)
# Counted while they are stored: counting a day's events anew for each look at the page would take seconds.
MINUTES = Table(
    "webhook_minutes",
    METADATA,
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    Column("event_type", String(32), primary_key=True),
    Column("events", BigInteger, nullable=False),
)
CONSUMERS = Table(
    "webhook_pullers",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("confirmed", BigInteger, nullable=False),
    Column("pulled_at", BigInteger, nullable=False),
)


def insert(connection: Connection, table: Table) -> Any:
    """Return an INSERT with ON CONFLICT: both databases write it alike, and SQLAlchemy has a class for each."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
