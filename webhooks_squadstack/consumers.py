"""The consumers of events: how far each has read, and up to where each has confirmed."""

from dataclasses import dataclass

from sqlalchemy import Connection, case, delete, func, select

from webhooks_squadstack.tables import CONSUMERS, insert


@dataclass(frozen=True, slots=True)
class Consumer:
    """A client that reads events by `GET /events`, and its progress. The wire calls its name `puller`.

    Attributes:
        name: The name that the client gives in its requests.
        position: The sequence number of the newest event that it was given.
        confirmed: The sequence number up to which it has confirmed to hold everything; 0 before it confirms anything.
        pulled_at: The time of its last request, in microseconds since 1970.
    """

    name: str
    position: int
    confirmed: int
    pulled_at: int


def record(connection: Connection, consumer: Consumer) -> None:
    """Store a consumer's progress, which never moves back: a first sync or a request by hand starts at 0 again."""
    row = insert(connection, CONSUMERS).values(
        name=consumer.name, position=consumer.position, confirmed=consumer.confirmed, pulled_at=consumer.pulled_at
    )
    new, old = row.excluded, CONSUMERS.c
    connection.execute(
        row.on_conflict_do_update(
            index_elements=["name"],
            set_={
                "position": case((new.position > old.position, new.position), else_=old.position),
                "confirmed": case((new.confirmed > old.confirmed, new.confirmed), else_=old.confirmed),
                "pulled_at": new.pulled_at,
            },
        )
    )


def every(connection: Connection) -> tuple[Consumer, ...]:
    """Return every consumer that ever asked for events, by name."""
    return tuple(Consumer(*row) for row in connection.execute(select(CONSUMERS).order_by(CONSUMERS.c.name)))


def confirmed_by_all(connection: Connection) -> int:
    """Return the sequence number that all consumers have confirmed; 0 if one has confirmed none, or there is none."""
    return connection.scalar(select(func.min(CONSUMERS.c.confirmed))) or 0


def forget(connection: Connection, name: str) -> bool:
    """Forget a consumer that will not come back, so that nothing is kept for it; return False if there is none."""
    return connection.execute(delete(CONSUMERS).where(CONSUMERS.c.name == name)).rowcount > 0
