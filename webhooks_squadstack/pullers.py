"""Who has pulled to where, and up to where they need nothing any more."""

from dataclasses import dataclass

from sqlalchemy import Connection, case, delete, func, select

from webhooks_squadstack.tables import PULLERS, insert


@dataclass(frozen=True, slots=True)
class Puller:
    """How far somebody has pulled.

    Attributes:
        name: What they call themselves.
        position: The furthest event that was handed to them.
        confirmed: They have said that everything up to it is safe with them; 0 where they said nothing.
        pulled_at: When they asked last, in microseconds since 1970.
    """

    name: str
    position: int
    confirmed: int
    pulled_at: int


def record(connection: Connection, puller: Puller) -> None:
    """Keep where somebody is, the furthest of it: a first sync, a test or a look by hand takes nothing back."""
    row = insert(connection, PULLERS).values(
        name=puller.name, position=puller.position, confirmed=puller.confirmed, pulled_at=puller.pulled_at
    )
    new, old = row.excluded, PULLERS.c
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


def every(connection: Connection) -> tuple[Puller, ...]:
    """Return everybody who ever pulled, by name."""
    return tuple(Puller(*row) for row in connection.execute(select(PULLERS).order_by(PULLERS.c.name)))


def confirmed_by_all(connection: Connection) -> int:
    """Return the event up to which nobody needs anything; 0 where somebody has confirmed nothing, or nobody pulled."""
    return connection.scalar(select(func.min(PULLERS.c.confirmed))) or 0


def forget(connection: Connection, name: str) -> bool:
    """Forget somebody who will not come back, so that nothing is kept for them; False where nobody knows them."""
    return connection.execute(delete(PULLERS).where(PULLERS.c.name == name)).rowcount > 0
