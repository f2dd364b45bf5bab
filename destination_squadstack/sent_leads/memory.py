"""The memory of sent leads during a run: what counts as unchanged, and what a record that is sent does to that.

Memory stays flat: the rows are in a temporary SQLite database, which keeps so many pages in memory and the rest in its
file, and which leads this run has seen is one bit each.
"""

import sqlite3
from collections import Counter
from hashlib import blake2b
from typing import Any

from destination_squadstack.engine.tracking import Outcome, Unchanged
from destination_squadstack.sent_leads.bits import Bits
from destination_squadstack.sent_leads.lead_table import LeadTable, Status
from destination_squadstack.sent_leads.resend import is_due
from destination_squadstack.sent_leads.scopes import Scope

ACCEPTED = Unchanged(None)
_ID_BYTES = 16


class SentLeads:
    """What SquadStack has accepted; see the package for what an entry may claim."""

    def __init__(self, database: sqlite3.Connection, *, run_id: str, resend_after_days: int) -> None:
        self.table = LeadTable(database)
        self._days = resend_after_days
        self._salted = blake2b(digest_size=8, key=self.table.salt)
        self.run = self.table.run_number(run_id)
        # The numbers of the leads that this run has read or sent.
        self.seen = Bits()
        # Records on their way, by scope and lead.
        self._under_way: Counter[tuple[int, str]] = Counter()
        # What is not in the journal yet, and which of these leads may not be sent before it is.
        self.events: list[list[Any]] = []
        self.uncovered: set[tuple[int, str]] = set()

    def scope(self, campaign: str, namespace: str | None, stream: str) -> Scope:
        """Return what a stream sends to a campaign."""
        return self.table.scopes.of(campaign, namespace, stream)

    def hidden(self, lead_id: str) -> str:
        """Return what stands for an id that is itself a phone number."""
        key = self.table.salt
        return blake2b(lead_id.encode("utf-8", "surrogatepass"), digest_size=_ID_BYTES, key=key).hexdigest()

    def fingerprint(self, operation: str, body: bytes) -> int:
        """Return the hash of what is sent."""
        hashed = self._salted.copy()
        hashed.update(operation.encode() + b"\0" + body)
        return int.from_bytes(hashed.digest(), signed=True)

    # --- records

    def see(self, scope: Scope, lead_id: str) -> None:
        """Note that this run has read a record of a lead."""
        try:
            row = self.table.row(scope.id, lead_id)
        except UnicodeEncodeError:
            # Half of a surrogate pair: no lead has ever been sent under such an id.
            return
        if row is not None:
            self.seen.add(row.number)

    def withdraw(self, scope: Scope, lead_id: str, now: int) -> None:
        """Note a record of a lead that is not sent, because its row is filtered or was deleted at its source."""
        try:
            row = self.table.row(scope.id, lead_id)
        except UnicodeEncodeError:  # as in `see`
            return
        # Without an entry nothing of the lead was ever rejected while there was a memory.
        if row is not None and not row.status & Status.WITHDRAWN:
            self.note(scope, lead_id, Outcome.WITHDRAWN, now)

    def look(self, scope: Scope, lead_id: str, fingerprint: int, now: int) -> Unchanged | None:
        """Return that a record is unchanged, or None where it is to be sent. The run has seen its lead in any case."""
        row = self.table.row(scope.id, lead_id)
        if row is None:
            return None
        self.seen.add(row.number)
        if (
            row.body != fingerprint
            or row.overtaken == self.run
            or is_due(lead_id, row.at, now, self._days)
            or (self._under_way and self._is_under_way(scope, lead_id))
        ):
            return None
        return ACCEPTED if row.reason is None else Unchanged(self.table.reason(row.reason))

    def _is_under_way(self, scope: Scope, lead_id: str) -> bool:
        return any((each.id, lead_id) in self._under_way for each in self._related(scope))

    def _related(self, scope: Scope) -> tuple[Scope, ...]:
        return (scope, *self.table.scopes.others[scope.id])

    def sending(self, scope: Scope, lead_id: str, now: int) -> None:
        """Note that a record of a lead will be sent: nothing is believed of the lead from now on."""
        self.seen.add(self.table.send(scope, lead_id, now, self.run))
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
        if outcome is not Outcome.UNKNOWN:
            self.note(scope, lead_id, outcome, now, body, reason)

    def note(
        self,
        scope: Scope,
        lead_id: str,
        outcome: Outcome,
        now: int,
        body: int | None = None,
        reason: str | None = None,
    ) -> None:
        """Change what is known of a lead, here and in the journal."""
        self.table.end(scope, lead_id, body, outcome, now, self.run, reason)
        self.events.append([scope.id, lead_id, now, body, outcome.value, reason])

    def knows_later(self, scope: Scope, lead_id: str, rejected_at: int) -> bool:
        """Tell whether any stream of the campaign has sent or withdrawn a lead after a time."""
        rows = (self.table.row(each.id, lead_id) for each in self._related(scope))
        return any(row is not None and (row.at > rejected_at or row.status & Status.WITHDRAWN) for row in rows)

    def take_events(self) -> list[list[Any]]:
        """Return what is not in the journal yet; the caller puts it there before anything else happens."""
        events, self.events = self.events, []
        self.uncovered.clear()
        return events
