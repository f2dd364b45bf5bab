"""The rows of the memory: what is known of each lead, and how a record that is sent or ends changes it.

A run changes rows as it goes, and the journals of other runs change them alike when they are taken in.
"""

import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import IntFlag
from typing import Any

from destination_squadstack.engine.tracking import Outcome
from destination_squadstack.sent_leads.database import write_to
from destination_squadstack.sent_leads.scopes import Scope, Scopes

# The runs that are told apart: who wrote an entry matters only where two ran at once.
_RUNS_KEPT = 100
_PAGE = 10_000
_ALL_MEMBERS = 1 << 40


class Status(IntFlag):
    """What is known of a lead's place at SquadStack."""

    # It was accepted and has not been ended by us since.
    HELD = 1
    # A run that was killed sent it, and nobody knows whether it arrived.
    PERHAPS = 2
    # It has been sent and has no outcome yet.
    OPEN = 4
    # The last record that was read of it is not sent: what was rejected before must not be retried.
    WITHDRAWN = 8


# As a plain number: it is asked of every lead.
HELD = int(Status.HELD | Status.PERHAPS)


@dataclass(slots=True)
class Row:
    """What is known of a lead. `overtaken`: the run in which another stream sent it later."""

    number: int
    body: int | None
    reason: int | None
    at: int
    run: int
    status: int
    overtaken: int | None


class LeadTable:
    """The leads, and the runs and reasons that their rows name by number."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._execute = database.execute
        self.scopes = Scopes(database)
        (self.salt,) = self._execute("SELECT value FROM meta WHERE name = 'salt'").fetchone()
        # The leads of this number and above have been added since `begin`.
        self.first_new_number = self._next_number = self._free_number()
        self._reasons: dict[int, str] = dict(self._execute("SELECT id, text FROM reason"))
        self._reason_ids = {text: number for number, text in self._reasons.items()}

    def _free_number(self) -> int:
        (number,) = self._execute("SELECT coalesce(max(number) + 1, 0) FROM lead").fetchone()
        return int(number)

    # --- leads

    def row(self, scope: int, lead_id: str) -> Row | None:
        """Return what is known of a lead."""
        found = self._execute(
            "SELECT number, body, reason, at, run, status, overtaken FROM lead WHERE scope = ? AND lead_id = ?",
            (scope, lead_id),
        ).fetchone()
        return None if found is None else Row(*found)

    def held(self, scope: Scope) -> Iterator[tuple[str, int]]:
        """Yield the id and the number of each lead of a scope that SquadStack has or may have."""
        after = ""
        while page := self._execute(
            "SELECT lead_id, number, status FROM lead WHERE scope = ? AND lead_id > ? ORDER BY lead_id LIMIT ?",
            (scope.id, after, _PAGE),
        ).fetchall():
            after = page[-1][0]
            yield from ((lead_id, number) for lead_id, number, status in page if status & HELD)

    def count_held(self, scope: Scope) -> int:
        """Return how many leads of a scope SquadStack had, as far as was known at `begin`."""
        (count,) = self._execute(
            "SELECT count(*) FROM lead WHERE scope = ? AND status & ? AND number < ?",
            (scope.id, HELD, self.first_new_number),
        ).fetchone()
        return int(count)

    def send(self, scope: Scope, lead_id: str, at: int, run: int) -> int:
        """Make void what is known of a lead, because a record of it is sent; return the lead's number."""
        row = self.row(scope.id, lead_id)
        if row is None:
            number, self._next_number = self._next_number, self._next_number + 1
            self._execute(
                "INSERT INTO lead (scope, lead_id, number, at, run, status) VALUES (?, ?, ?, ?, ?, ?)",
                (scope.id, lead_id, number, at, run, int(Status.OPEN)),
            )
        else:
            number = row.number
            self._execute(
                "UPDATE lead SET body = NULL, reason = NULL, at = ?, run = ?, status = (status & ?) | ?, "
                "overtaken = NULL WHERE scope = ? AND lead_id = ?",
                (at, run, ~int(Status.WITHDRAWN), int(Status.OPEN), scope.id, lead_id),
            )
        for other in self.scopes.others[scope.id]:
            self._execute(
                "UPDATE lead SET body = CASE WHEN run = ?1 THEN body END, "
                "reason = CASE WHEN run = ?1 THEN reason END, overtaken = ?1 WHERE scope = ?2 AND lead_id = ?3",
                (run, other.id, lead_id),
            )
        return number

    def end(
        self, scope: Scope, lead_id: str, body: int | None, outcome: Outcome, at: int, run: int, reason: str | None
    ) -> None:
        """Note how a record ended. `body` is None where a later one of its lead is on its way."""
        if outcome is Outcome.WITHDRAWN:
            self._execute(
                "UPDATE lead SET status = status | ? WHERE scope = ? AND lead_id = ?",
                (int(Status.WITHDRAWN), scope.id, lead_id),
            )
            return
        # An earlier record's outcome takes nothing back of what a later one said.
        kept = int(Status.WITHDRAWN)
        if body is None and outcome is not Outcome.NOT_APPLIED:
            kept |= int(Status.OPEN)
        match outcome:
            case Outcome.ACCEPTED:
                mask, add, why = kept, int(Status.HELD), None
            case Outcome.ENDED:
                mask, add, why = kept, 0, None
            case Outcome.REJECTED:
                mask, add, why = HELD | kept, 0, self._reason_id(reason or "")
            case _:
                mask, add, why, body = HELD | kept, 0, None, None
        self._execute(
            "UPDATE lead SET body = ?, reason = ?, at = ?, run = ?, status = (status & ?) | ? "
            "WHERE scope = ? AND lead_id = ?",
            (body, why, at, run, mask, add, scope.id, lead_id),
        )

    def forget(self, *lead_ids: str) -> int:
        """Forget a lead in every scope, by each of its names; return in how many it was known."""
        return sum(self._execute("DELETE FROM lead WHERE lead_id = ?", (lead_id,)).rowcount for lead_id in lead_ids)

    def make_void(self) -> None:
        """Believe no entry any more, and remember whose they were."""
        self._execute("UPDATE lead SET body = NULL, reason = NULL")

    def begin(self) -> None:
        """Begin a run: what other runs left open is perhaps there."""
        self._execute(
            "UPDATE lead SET status = (status & ~?1) | ?2 WHERE status & ?1", (int(Status.OPEN), int(Status.PERHAPS))
        )
        self.first_new_number = self._next_number = self._free_number()

    # --- reasons

    def reason(self, number: int) -> str:
        """Return a reason by its number."""
        return self._reasons[number]

    def _reason_id(self, text: str) -> int:
        if (number := self._reason_ids.get(text)) is None:
            cursor = self._execute("INSERT INTO reason (text) VALUES (?)", (text,))
            number = int(cursor.lastrowid or 0)
            self._reason_ids[text], self._reasons[number] = number, text
        return number

    # --- runs

    def run_number(self, run_id: str) -> int:
        """Return the number of a run."""
        found = self._execute("SELECT number FROM run WHERE run_id = ?", (run_id,)).fetchone()
        if found is not None:
            return int(found[0])
        cursor = self._execute("INSERT INTO run (run_id, last_at, members) VALUES (?, 0, 0)", (run_id,))
        return int(cursor.lastrowid or 0)

    def run_names(self) -> dict[int, str]:
        """Return the runs by number."""
        return dict(self._execute("SELECT number, run_id FROM run"))

    def runs(self) -> dict[str, tuple[int, int]]:
        """Return the last moment and the number of journal members that are known of each run."""
        rows = self._execute("SELECT run_id, last_at, members FROM run")
        return {run_id: (last_at, members) for run_id, last_at, members in rows}

    def took_member(self, run: int, last_at: int) -> None:
        """Note that a member of a run's journal has been taken in."""
        self._execute(
            "UPDATE run SET members = members + 1, last_at = max(last_at, ?) WHERE number = ?", (last_at, run)
        )

    def pass_over(self, run_id: str, members: int | None = None) -> None:
        """Have so many members of a run's journal ignored from now on, or all: it or its memory is damaged."""
        ignored = _ALL_MEMBERS if members is None else members
        self._execute("UPDATE run SET members = ? WHERE number = ?", (ignored, self.run_number(run_id)))

    # --- the whole

    def store(self, path: str, run: int, *, members: int, now: int, journals: Collection[str]) -> None:
        """Write the whole memory to a file that is not there yet.

        Args:
            path: The file.
            run: Who writes it.
            members: How many of its journal are part of it.
            now: The time.
            journals: The runs whose journals may still be found beside it.
        """
        self._execute("UPDATE run SET members = ?, last_at = ? WHERE number = ?", (members, now, run))
        old = self._execute(
            "SELECT number, run_id FROM run WHERE number <= (SELECT max(number) FROM run) - ?", (_RUNS_KEPT,)
        ).fetchall()
        # One that is forgotten would have its journal applied anew.
        forgotten: list[tuple[Any]] = [(number,) for number, run_id in old if run_id not in journals]
        self._database.executemany("DELETE FROM run WHERE number = ?", forgotten)
        write_to(self._database, path)

    def close(self) -> None:
        """Delete the database."""
        self._database.close()
