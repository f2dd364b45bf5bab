"""The memory of sent leads during a run: a temporary SQLite database, which deletes itself.

Memory stays flat: SQLite keeps so many pages in memory and the rest in its file, and which leads this run has seen is
one bit each.
"""

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag
from hashlib import blake2b
from typing import Any

from destination_squadstack.engine.tracking import Outcome, Unchanged
from destination_squadstack.sent_leads.resend import is_due

_ENTRY = "SELECT number, body, reason, at, overtaken FROM lead WHERE scope = ? AND lead_id = ?"
ACCEPTED = Unchanged(None)
# The runs that are told apart: who wrote an entry matters only where two ran at once.
_RUNS_KEPT = 100
_ID_BYTES = 16
_PAGE = 10_000


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
_HELD = int(Status.HELD | Status.PERHAPS)


@dataclass(frozen=True, slots=True)
class Scope:
    """What one stream sends to one campaign. `campaign` ends in a blank where the stream's records name theirs."""

    id: int
    campaign: str
    namespace: str
    stream: str


@dataclass(slots=True)
class _Row:
    number: int
    body: int | None
    reason: int | None
    at: int
    run: int
    status: int
    overtaken: int | None


class SentLeads:
    """What SquadStack has accepted; see the package for what an entry may claim."""

    def __init__(self, database: sqlite3.Connection, *, run_id: str, resend_after_days: int) -> None:
        self._database = database
        self.run_id = run_id
        self._days = resend_after_days
        self._execute = database.execute
        self.salt: bytes = self._meta("salt")
        self._salted = blake2b(digest_size=8, key=self.salt)
        self._scopes: dict[tuple[str, str, str], Scope] = {}
        # The other scopes whose records may be about the same leads, by scope.
        self._others: dict[int, list[Scope]] = {}
        for row in self._execute("SELECT id, campaign, namespace, stream FROM scope ORDER BY id"):
            self._add_scope(Scope(*row))
        self._next_number = self._free_number()
        self._first_new_number = self._next_number
        self._run = self._run_number(run_id)
        self._seen = bytearray()
        # Records on their way, by scope and lead.
        self._under_way: Counter[tuple[int, str]] = Counter()
        # What is not in the journal yet, and which of these leads may not be sent before it is.
        self.events: list[list[Any]] = []
        self.uncovered: set[tuple[int, str]] = set()
        self._reasons: dict[int, str] = dict(self._execute("SELECT id, text FROM reason"))
        self._reason_ids = {text: number for number, text in self._reasons.items()}

    def _meta(self, name: str) -> Any:
        (value,) = self._execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return value

    def _free_number(self) -> int:
        (number,) = self._execute("SELECT coalesce(max(number) + 1, 0) FROM lead").fetchone()
        return int(number)

    # --- scopes

    def scope(self, campaign: str, namespace: str | None, stream: str) -> Scope:
        """Return what a stream sends to a campaign."""
        key = (campaign, namespace or "", stream)
        if (scope := self._scopes.get(key)) is None:
            cursor = self._execute("INSERT INTO scope (campaign, namespace, stream) VALUES (?, ?, ?)", key)
            scope = self._add_scope(Scope(int(cursor.lastrowid or 0), *key))
        return scope

    def _add_scope(self, scope: Scope) -> Scope:
        self._scopes[scope.campaign, scope.namespace, scope.stream] = scope
        self._others[scope.id] = related = [other for other in self._scopes.values() if _are_related(scope, other)]
        for other in related:
            self._others[other.id].append(scope)
        return scope

    def scopes_of(self, namespace: str | None, stream: str) -> list[Scope]:
        """Return what a stream has sent, a scope for each campaign."""
        return [
            scope for scope in self._scopes.values() if (scope.namespace, scope.stream) == (namespace or "", stream)
        ]

    def hidden(self, lead_id: str) -> str:
        """Return what stands for an id that is itself a phone number."""
        return blake2b(lead_id.encode("utf-8", "surrogatepass"), digest_size=_ID_BYTES, key=self.salt).hexdigest()

    def fingerprint(self, operation: str, body: bytes) -> int:
        """Return the hash of what is sent."""
        hashed = self._salted.copy()
        hashed.update(operation.encode() + b"\0" + body)
        return int.from_bytes(hashed.digest(), signed=True)

    # --- records

    def see(self, scope: Scope, lead_id: str) -> None:
        """Note that this run has read a record of a lead."""
        try:
            row = self._row(scope.id, lead_id)
        except UnicodeEncodeError:
            # Half of a surrogate pair: no lead has ever been sent under such an id.
            return
        if row is not None:
            self._mark(row.number)

    def withdraw(self, scope: Scope, lead_id: str, now: int) -> None:
        """Note a record of a lead that is not sent, because its row is filtered or was deleted at its source."""
        try:
            row = self._row(scope.id, lead_id)
        except UnicodeEncodeError:  # as in `see`
            return
        # Without an entry nothing of the lead was ever rejected while there was a memory.
        if row is not None and not row.status & Status.WITHDRAWN:
            self._apply_outcome(scope, lead_id, None, Outcome.WITHDRAWN, now, self._run, None)
            self.events.append([scope.id, lead_id, now, None, Outcome.WITHDRAWN.value, None])

    def look(self, scope: Scope, lead_id: str, fingerprint: int, now: int) -> Unchanged | None:
        """Return that a record is unchanged, or None where it is to be sent. The run has seen its lead in any case."""
        row = self._execute(_ENTRY, (scope.id, lead_id)).fetchone()
        if row is None:
            return None
        number, body, reason, at, overtaken = row
        self._mark(number)
        if (
            body != fingerprint
            or overtaken == self._run
            or is_due(lead_id, at, now, self._days)
            or (self._under_way and self._is_under_way(scope, lead_id))
        ):
            return None
        return ACCEPTED if reason is None else Unchanged(self._reasons[reason])

    def _is_under_way(self, scope: Scope, lead_id: str) -> bool:
        return any((each.id, lead_id) in self._under_way for each in (scope, *self._others[scope.id]))

    def sending(self, scope: Scope, lead_id: str, now: int) -> None:
        """Note that a record of a lead will be sent: nothing is believed of the lead from now on."""
        self._mark(self._apply_sending(scope, lead_id, now, self._run))
        self._under_way[scope.id, lead_id] += 1
        self.uncovered.add((scope.id, lead_id))
        self.events.append([scope.id, lead_id, now])

    def settled(
        self, scope: Scope, lead_id: str, fingerprint: int, outcome: Outcome, now: int, reason: str | None = None
    ) -> None:
        """Note how a record ended that was announced by `sending`."""
        key = (scope.id, lead_id)
        self._under_way[key] -= 1
        body: int | None = fingerprint
        if self._under_way[key] > 0:
            # A later record of the lead is on its way and may be applied at any moment.
            body = None
        else:
            del self._under_way[key]
        if outcome is Outcome.UNKNOWN:
            return
        self._apply_outcome(scope, lead_id, body, outcome, now, self._run, reason)
        self.events.append([scope.id, lead_id, now, body, outcome.value, reason])

    # --- the database

    def _row(self, scope: int, lead_id: str) -> _Row | None:
        found = self._execute(
            "SELECT number, body, reason, at, run, status, overtaken FROM lead WHERE scope = ? AND lead_id = ?",
            (scope, lead_id),
        ).fetchone()
        return None if found is None else _Row(*found)

    def _apply_sending(self, scope: Scope, lead_id: str, at: int, run: int) -> int:
        row = self._row(scope.id, lead_id)
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
        for other in self._others[scope.id]:
            self._execute(
                "UPDATE lead SET body = CASE WHEN run = ?1 THEN body END, "
                "reason = CASE WHEN run = ?1 THEN reason END, overtaken = ?1 WHERE scope = ?2 AND lead_id = ?3",
                (run, other.id, lead_id),
            )
        return number

    def _apply_outcome(
        self, scope: Scope, lead_id: str, body: int | None, outcome: Outcome, at: int, run: int, reason: str | None
    ) -> None:
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
                mask, add, why = int(Status.HELD | Status.PERHAPS) | kept, 0, self._reason_id(reason or "")
            case _:
                mask, add, why, body = int(Status.HELD | Status.PERHAPS) | kept, 0, None, None
        self._execute(
            "UPDATE lead SET body = ?, reason = ?, at = ?, run = ?, status = (status & ?) | ? "
            "WHERE scope = ? AND lead_id = ?",
            (body, why, at, run, mask, add, scope.id, lead_id),
        )

    def _reason_id(self, text: str) -> int:
        if (number := self._reason_ids.get(text)) is None:
            cursor = self._execute("INSERT INTO reason (text) VALUES (?)", (text,))
            number = int(cursor.lastrowid or 0)
            self._reason_ids[text], self._reasons[number] = number, text
        return number

    def _run_number(self, run_id: str) -> int:
        found = self._execute("SELECT number FROM run WHERE run_id = ?", (run_id,)).fetchone()
        if found is not None:
            return int(found[0])
        cursor = self._execute("INSERT INTO run (run_id, last_at, members) VALUES (?, 0, 0)", (run_id,))
        return int(cursor.lastrowid or 0)

    # --- who left

    def _mark(self, number: int) -> None:
        byte, bit = number >> 3, 1 << (number & 7)
        if byte >= len(self._seen):
            self._seen.extend(bytes(byte + 1 - len(self._seen) + (len(self._seen) >> 1)))
        self._seen[byte] |= bit

    def _is_seen(self, number: int) -> bool:
        byte = number >> 3
        return byte < len(self._seen) and bool(self._seen[byte] & 1 << (number & 7))

    def known(self, scopes: Sequence[Scope]) -> int:
        """Return how many leads of these scopes SquadStack had, as far as was known when the run began."""
        return sum(
            self._execute(
                "SELECT count(*) FROM lead WHERE scope = ? AND status & ? AND number < ?",
                (scope.id, _HELD, self._first_new_number),
            ).fetchone()[0]
            for scope in scopes
        )

    def missing(self, scope: Scope, complete: Collection[tuple[str, str]]) -> Iterator[str]:
        """Yield the leads of a scope that this run has not read, and that no other stream of the campaign sends.

        Args:
            scope: What a stream sends to a campaign.
            complete: The (namespace, stream) of the streams that this run has read completely. Of any other, all that
                it has ever sent is taken to be sent still.
        """
        others = self._others[scope.id]
        return (lead_id for lead_id in self._not_read(scope) if not self._still_sent(others, lead_id, complete))

    def hand_over(self, scope: Scope, complete: Collection[tuple[str, str]], now: int) -> int:
        """Give up the leads that this run has not read and that another stream of the campaign sends; count them.

        What that stream says of them was overtaken by what this one sent, so the next sync sends it again.
        """
        count = 0
        if others := self._others[scope.id]:
            for lead_id in self._not_read(scope):
                if self._still_sent(others, lead_id, complete):
                    count += 1
                    for each, outcome in ((scope, Outcome.ENDED), *((other, Outcome.NOT_APPLIED) for other in others)):
                        self._apply_outcome(each, lead_id, None, outcome, now, self._run, None)
                        self.events.append([each.id, lead_id, now, None, outcome.value, None])
        return count

    def _not_read(self, scope: Scope) -> Iterator[str]:
        """Yield the leads of a scope that SquadStack has or may have and that this run has not read."""
        after = ""
        while page := self._execute(
            "SELECT lead_id, number, status FROM lead WHERE scope = ? AND lead_id > ? ORDER BY lead_id LIMIT ?",
            (scope.id, after, _PAGE),
        ).fetchall():
            after = page[-1][0]
            for lead_id, number, status in page:
                if status & _HELD and not self._is_seen(number):
                    yield lead_id

    def _still_sent(self, others: Sequence[Scope], lead_id: str, complete: Collection[tuple[str, str]]) -> bool:
        for other in others:
            row = self._row(other.id, lead_id)
            if row is None or not row.status & (_HELD | Status.OPEN):
                continue
            if (other.namespace, other.stream) not in complete or self._is_seen(row.number):
                return True
        return False

    # --- earlier rows

    def knows_later(self, scope: Scope, lead_id: str, rejected_at: int) -> bool:
        """Tell whether any stream of the campaign has sent or withdrawn a lead after a time."""
        rows = (self._row(each.id, lead_id) for each in (scope, *self._others[scope.id]))
        return any(row is not None and (row.at > rejected_at or row.status & Status.WITHDRAWN) for row in rows)

    # --- from and to files

    def take_events(self) -> list[list[Any]]:
        """Return what is not in the journal yet; the caller puts it there before anything else happens."""
        events, self.events = self.events, []
        self.uncovered.clear()
        return events

    def scope_names(self) -> list[list[Any]]:
        """Return how the scopes of events are called."""
        return [[scope.id, scope.campaign, scope.namespace, scope.stream] for scope in self._scopes.values()]

    def runs(self) -> dict[str, tuple[int, int]]:
        """Return the last moment and the number of journal members that are known of each run."""
        rows = self._execute("SELECT run_id, last_at, members FROM run WHERE run_id != ?", (self.run_id,))
        return {run_id: (last_at, members) for run_id, last_at, members in rows}

    def replay(
        self,
        run_id: str,
        scopes: Sequence[Sequence[Any]],
        events: Sequence[Sequence[Any]],
        knows: Mapping[str, int],
        conflicts: set[tuple[int, str]],
    ) -> None:
        """Apply a member of another run's journal.

        Args:
            run_id: Whose it is.
            scopes: How its scopes are called.
            events: What it sent and what became of it.
            knows: Until when that run knew of the others.
            conflicts: The leads that it and another run have sent without knowing of each other.
        """
        run = self._run_number(run_id)
        names = dict(self._execute("SELECT number, run_id FROM run"))
        here = {number: self.scope(campaign, namespace, stream) for number, campaign, namespace, stream in scopes}
        for number, lead_id, at, *outcome in events:
            scope = here[number]
            if not outcome:
                row = self._row(scope.id, lead_id)
                other = names.get(row.run, run_id) if row is not None else run_id
                if row is not None and other != run_id and row.at > knows.get(other, -1):
                    conflicts.add((scope.id, lead_id))
                self._apply_sending(scope, lead_id, at, run)
                continue
            body, how, reason = outcome
            if how == Outcome.WITHDRAWN.value:
                self._apply_outcome(scope, lead_id, None, Outcome.WITHDRAWN, at, run, None)
                continue
            row = self._row(scope.id, lead_id)
            if row is not None and (row.run != run or row.overtaken not in (None, run)):
                # Another run has sent the lead between this record and its answer: either may have been applied last.
                conflicts.add((scope.id, lead_id))
                self._apply_sending(scope, lead_id, at, run)
            void = (scope.id, lead_id) in conflicts
            self._apply_outcome(scope, lead_id, None if void else body, Outcome(how), at, run, reason)
        last_at = max((event[2] for event in events), default=0)
        self._execute(
            "UPDATE run SET members = members + 1, last_at = max(last_at, ?) WHERE number = ?", (last_at, run)
        )

    def pass_over(self, run_id: str, members: int | None = None) -> None:
        """Have so many members of a run's journal ignored from now on, or all: it or its memory is damaged."""
        ignored = 1 << 40 if members is None else members
        self._execute("UPDATE run SET members = ? WHERE number = ?", (ignored, self._run_number(run_id)))

    def ready(self) -> None:
        """Begin a run: what other runs left open is perhaps there."""
        self._execute(
            "UPDATE lead SET status = (status & ~?1) | ?2 WHERE status & ?1", (int(Status.OPEN), int(Status.PERHAPS))
        )
        self._next_number = self._free_number()
        self._first_new_number = self._next_number

    def make_void(self) -> None:
        """Believe no entry any more, and remember whose they were."""
        self._execute("UPDATE lead SET body = NULL, reason = NULL")

    def forget(self, lead_id: str) -> int:
        """Forget a lead in every scope; return in how many it was known."""
        ids = (lead_id, self.hidden(lead_id))
        return self._execute("DELETE FROM lead WHERE lead_id IN (?, ?)", ids).rowcount

    def store(self, path: str, *, members: int, now: int, journals: Collection[str]) -> None:
        """Write the whole memory to a file.

        Args:
            path: A file that is not there yet.
            members: How many of its own run's journal are part of it.
            now: The time.
            journals: The runs whose journals may still be found beside it.
        """
        self._execute("UPDATE run SET members = ?, last_at = ? WHERE number = ?", (members, now, self._run))
        old = self._execute(
            "SELECT number, run_id FROM run WHERE number <= (SELECT max(number) FROM run) - ?", (_RUNS_KEPT,)
        ).fetchall()
        # One that is forgotten would have its journal applied anew.
        forgotten = [(number,) for number, run_id in old if run_id not in journals]
        self._database.executemany("DELETE FROM run WHERE number = ?", forgotten)
        self._execute("VACUUM INTO ?", (path,))

    def close(self) -> None:
        """Delete the database."""
        self._database.close()


def _are_related(scope: Scope, other: Scope) -> bool:
    """Tell whether records of two scopes may be about the same leads."""
    if scope.id == other.id:
        return False
    if scope.campaign == other.campaign:
        return True
    kinds = {each.campaign.rpartition(" ")[0] for each in (scope, other)}
    return len(kinds) == 1 and (scope.campaign.endswith(" ") or other.campaign.endswith(" "))
