"""The store: events in a database, SQLite or PostgreSQL, by the same statements.

**How a cursor never skips.** A serial column gives its numbers when rows are inserted, and rows become visible when
they are committed: with two writers, 7 may appear after 8 was read, and who goes on after 8 never sees it. Here
`sequence` is given under a lock that lasts to the end of the transaction (the one row of `webhook_store`; SQLite locks
the database), so that numbers are given in the order of the commits: who sees a number sees every smaller one. It costs
that commits follow one another, which group commit makes cheap: a commit takes hundreds of events.
"""

import logging
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, delete, func, select, text, update

from webhooks_squadstack import consumers
from webhooks_squadstack.consumers import Consumer
from webhooks_squadstack.database import Database, reconnecting
from webhooks_squadstack.events import Event
from webhooks_squadstack.logs import log
from webhooks_squadstack.named_ids import named_ids
from webhooks_squadstack.tables import DAY, EVENTS, METADATA, MINUTE, MINUTES, STORE, VERSION, insert

# What an answer may hold, lest a thousand events of a megabyte each be read into memory at once.
_MAX_CHARACTERS = 8 * 1024 * 1024
_ROWS_AT_A_TIME = 50
_DELETED_AT_A_TIME = 500
# Any number that no other program locks. Of two receivers that start together, one makes the tables.
_ADVISORY_LOCK = 7_391_246_105


class StoreError(Exception):
    """The database is not one that this version can use; its text says why."""


class BeyondEndError(Exception):
    """A consumer asks for what follows an event that never existed: its cursor is of another database.

    An empty answer would make them wait for ever, or skip what comes until then.
    """


class DeletedError(Exception):
    """A consumer asks for events that were deleted: continuing after them would skip what it has not read."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An event with its place in the order of commits."""

    sequence: int
    event: Event


@dataclass(frozen=True, slots=True)
class Page:
    """Some events, in the order of their sequence.

    Attributes:
        events: Fewer than asked for where they are large; none where there are no more.
        next_cursor: What to ask to go on after.
        has_more: Whether more events were there at the moment of reading.
    """

    events: list[Stored]
    next_cursor: int
    has_more: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """What the page and the metrics show.

    Attributes:
        last_sequence: Of the newest event; 0 before the first.
        last_received_at: Microseconds since 1970; None where there is no event.
        minutes: (start of a minute in microseconds, event type) -> events, of the last day.
        consumers: By name.
    """

    last_sequence: int
    last_received_at: int | None
    minutes: dict[tuple[int, str], int]
    consumers: tuple[Consumer, ...]


class Store:
    """The events in a database. Each method is one transaction, and any of them may be called from any thread.

    Every method raises SQLAlchemyError where the database does not answer, and StoreError where it cannot be used.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._prepared = False

    def prepare(self) -> None:
        """Create the tables if they do not exist."""
        if self._prepared:
            return
        with self._database.writing.begin() as connection:
            if connection.dialect.name == "postgresql":
                if connection.scalar(text("SHOW server_encoding")) != "UTF8":
                    raise StoreError("The database's encoding must be UTF8: no other holds every name and every note")
                if connection.scalar(text("SHOW fsync")) != "on":
                    log(
                        "not_durable",
                        level=logging.WARNING,
                        cause="the server's fsync is off: a power cut loses events",
                    )
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
            METADATA.create_all(connection)
            version = connection.scalar(select(STORE.c.version))
            if version is None:
                version = VERSION
                connection.execute(STORE.insert().values(id=1, version=version, last_sequence=0, deleted_to=0))
        if version != VERSION:
            raise StoreError(f"The tables are of version {version}; this program knows version {VERSION} alone")
        self._prepared = True

    def close(self) -> None:
        """Close the connections."""
        self._database.reading.dispose()

    @reconnecting
    def append(self, events: Sequence[Event]) -> list[bool]:
        """Store events in one transaction; when it returns they are on disk.

        Returns:
            For each event whether it is new: a repeat is stored once.
        """
        self.prepare()
        by_id: dict[str, Event] = {}
        for event in events:
            by_id.setdefault(event.event_id, event)
        with self._database.writing.begin() as connection:
            last = connection.execute(select(STORE.c.last_sequence).with_for_update()).scalar_one()
            # Asked only now that the lock is held: what another receiver stored is committed, and nothing is under way.
            known = set(connection.scalars(select(EVENTS.c.event_id).where(EVENTS.c.event_id.in_(by_id))))
            new = [event for event in by_id.values() if event.event_id not in known]
            if new:
                rows = [_row(number, event) for number, event in enumerate(new, last + 1)]
                connection.execute(EVENTS.insert(), rows)
                connection.execute(update(STORE).values(last_sequence=last + len(new)))
                _count(connection, new)
        first = {event.event_id: event for event in new}
        return [first.pop(event.event_id, None) is not None for event in events]

    @reconnecting
    def read(self, *, after: int | None, limit: int, confirmed: int = 0) -> Page:
        """Return at most so many of the events that follow one; None: from the oldest that is kept.

        Raises:
            BeyondEndError: That one, or the one that is confirmed, does not exist and never did.
            DeletedError: Of the events that follow it, some were deleted.
        """
        self.prepare()
        found: list[Stored] = []
        characters = 0
        with self._database.reading.begin() as connection:
            last, deleted_to = connection.execute(select(STORE.c.last_sequence, STORE.c.deleted_to)).one()
            cursor = deleted_to if after is None else after
            if max(cursor, confirmed) > last:
                raise BeyondEndError
            if cursor < deleted_to:
                raise DeletedError
            query = select(EVENTS).where(EVENTS.c.sequence > cursor).order_by(EVENTS.c.sequence).limit(limit)
            with connection.execution_options(yield_per=_ROWS_AT_A_TIME).execute(query) as rows:
                for sequence, *fields in rows:
                    found.append(Stored(sequence, Event(*fields)))
                    characters += len(found[-1].event.payload)
                    if characters > _MAX_CHARACTERS:
                        break
        next_cursor = found[-1].sequence if found else cursor
        # Without an event there are no more, whatever was given: a restored store has had its sequence raised.
        return Page(found, next_cursor, has_more=bool(found) and next_cursor < last)

    @reconnecting
    def last_sequence(self) -> int:
        """Return the newest event's sequence; 0 before the first."""
        self.prepare()
        with self._database.reading.begin() as connection:
            return _last_sequence(connection)

    @reconnecting
    def pulled(self, consumer: Consumer) -> None:
        """Store a consumer's progress."""
        self.prepare()
        with self._database.writing.begin() as connection:
            consumers.record(connection, consumer)

    @reconnecting
    def forget(self, consumer: str) -> bool:
        """Forget a consumer that will not come back; return False if there is none of this name."""
        self.prepare()
        with self._database.writing.begin() as connection:
            return consumers.forget(connection, consumer)

    @reconnecting
    def delete_some(self, *, received_before: int) -> int:
        """Delete some old events that all consumers have confirmed; return how many. Call it until that is 0."""
        self.prepare()
        with self._database.writing.begin() as connection:
            # Of two receivers that delete at once, the later one must not take back how far the other one came.
            connection.execute(select(STORE.c.deleted_to).with_for_update())
            confirmed = consumers.confirmed_by_all(connection)
            query = (
                select(EVENTS.c.sequence, EVENTS.c.received_at)
                .where(EVENTS.c.sequence <= confirmed)
                .order_by(EVENTS.c.sequence)
                .limit(_DELETED_AT_A_TIME)
            )
            # Up to the first that is too young, so that what is kept has no holes.
            rows = takewhile(lambda row: row.received_at < received_before, connection.execute(query))
            old = [row.sequence for row in rows]
            if old:
                connection.execute(update(STORE).values(deleted_to=old[-1]))
                connection.execute(delete(EVENTS).where(EVENTS.c.sequence <= old[-1]))
        return len(old)

    def forget_lead(self, lead_ids: AbstractSet[str], campaign_ids: AbstractSet[str] = frozenset()) -> int:
        """Delete every event of a lead; return how many there were.

        An event without an id at its top is looked into: the sender's format may have it further down. What is kept
        has a hole then, which no reader minds: sequences are followed, not counted.

        Args:
            lead_ids: How the lead's id may be stored.
            campaign_ids: How its campaign's id may be stored: an event that names no campaign may be of any. Without
                it, the events of every campaign.
        """
        deleted = self._forget_lead(lead_ids, campaign_ids)
        self._clear_log()
        return deleted

    @reconnecting
    def _forget_lead(self, lead_ids: AbstractSet[str], campaign_ids: AbstractSet[str]) -> int:
        self.prepare()
        with self._database.writing.begin() as connection:
            query = select(EVENTS.c.sequence, EVENTS.c.lead_id, EVENTS.c.campaign_id, EVENTS.c.payload)
            query = query.where(EVENTS.c.lead_id.in_(lead_ids) | _is_blank(EVENTS.c.lead_id))
            if campaign_ids:
                query = query.where(EVENTS.c.campaign_id.in_(campaign_ids) | _is_blank(EVENTS.c.campaign_id))
            # Said of this statement alone: of the connection, PostgreSQL would be asked for a cursor to delete with.
            with connection.execute(query, execution_options={"yield_per": _ROWS_AT_A_TIME}) as rows:
                found = [
                    sequence
                    for sequence, lead_id, campaign_id, payload in rows
                    if (lead_id in lead_ids or not lead_ids.isdisjoint(named_ids(payload, "lead_id")))
                    and (
                        not campaign_ids
                        or campaign_id in campaign_ids
                        or not (named := named_ids(payload, "campaign_id"))
                        or not campaign_ids.isdisjoint(named)
                    )
                ]
            for start in range(0, len(found), _DELETED_AT_A_TIME):
                part = found[start : start + _DELETED_AT_A_TIME]
                connection.execute(delete(EVENTS).where(EVENTS.c.sequence.in_(part)))
        return len(found)

    def _clear_log(self) -> None:
        """Empty SQLite's log of what was written, where what is deleted may stand until it is written over."""
        with self._database.writing.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.rollback()
                connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @reconnecting
    def summary(self, *, now: int) -> Summary:
        """Return what the page and the metrics show; it costs the same however many events there are."""
        self.prepare()
        with self._database.reading.begin() as connection:
            newest = select(EVENTS.c.received_at).order_by(EVENTS.c.sequence.desc()).limit(1)
            counts = connection.execute(select(MINUTES).where(MINUTES.c.minute > now - DAY))
            return Summary(
                last_sequence=_last_sequence(connection),
                last_received_at=connection.scalar(newest),
                minutes={(minute, event_type): events for minute, event_type, events in counts},
                consumers=consumers.every(connection),
            )


def _is_blank(column: Column[str | None]) -> ColumnElement[bool]:
    return column.is_(None) | (func.trim(column, " \t\r\n") == "")


def _last_sequence(connection: Connection) -> int:
    last: int = connection.execute(select(STORE.c.last_sequence)).scalar_one()
    return last


def _count(connection: Connection, events: Iterable[Event]) -> None:
    counts: dict[tuple[int, str], int] = {}
    for event in events:
        key = event.received_at // MINUTE * MINUTE, event.event_type
        counts[key] = counts.get(key, 0) + 1
    row = insert(connection, MINUTES)
    connection.execute(
        row.on_conflict_do_update(
            index_elements=["minute", "event_type"], set_={"events": MINUTES.c.events + row.excluded.events}
        ),
        [{"minute": minute, "event_type": kind, "events": events} for (minute, kind), events in counts.items()],
    )


def _row(sequence: int, event: Event) -> dict[str, Any]:
    return {
        "sequence": sequence,
        "event_id": event.event_id,
        "event_type": event.event_type,
        "campaign_id": event.campaign_id,
        "lead_id": event.lead_id,
        "occurred_at": event.occurred_at,
        "received_at": event.received_at,
        "payload": event.payload,
    }
