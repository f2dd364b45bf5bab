"""The leads that a stream has sent and does not hold any more, as far as this run has read."""

from collections.abc import Collection, Iterator, Sequence

from destination_squadstack.engine.tracking import Outcome
from destination_squadstack.sent_leads.lead_table import HELD, Status
from destination_squadstack.sent_leads.memory import SentLeads
from destination_squadstack.sent_leads.scopes import Scope

# The (namespace, stream) of streams.
StreamKeys = Collection[tuple[str, str]]


class MissingLeads:
    """See the module."""

    def __init__(self, memory: SentLeads) -> None:
        self._memory = memory
        self._table = memory.table

    def known(self, scope: Scope) -> int:
        """Return how many leads of a scope SquadStack had, as far as was known when the run began."""
        return self._table.count_held(scope)

    def of(self, scope: Scope, complete: StreamKeys) -> Iterator[str]:
        """Yield the leads of a scope that this run has not read, and that no other stream of the campaign sends.

        Args:
            scope: What a stream sends to a campaign.
            complete: The streams that this run has read completely. Of any other, all that it has ever sent is taken
                to be sent still.
        """
        others = self._table.scopes.others[scope.id]
        return (lead_id for lead_id in self._not_read(scope) if not self._still_sent(others, lead_id, complete))

    def hand_over(self, scope: Scope, complete: StreamKeys, now: int) -> None:
        """Give up the leads that this run has not read and that another stream of the campaign sends.

        What that stream says of them was overtaken by what this one sent, so the next sync sends it again.
        """
        if others := self._table.scopes.others[scope.id]:
            for lead_id in self._not_read(scope):
                if self._still_sent(others, lead_id, complete):
                    self._memory.note(scope, lead_id, Outcome.ENDED, now)
                    for other in others:
                        self._memory.note(other, lead_id, Outcome.NOT_APPLIED, now)

    def _not_read(self, scope: Scope) -> Iterator[str]:
        """Yield the leads of a scope that SquadStack has or may have and that this run has not read."""
        return (lead_id for lead_id, number in self._table.held(scope) if number not in self._memory.seen)

    def _still_sent(self, others: Sequence[Scope], lead_id: str, complete: StreamKeys) -> bool:
        for other in others:
            row = self._table.row(other.id, lead_id)
            if row is None or not row.status & (HELD | Status.OPEN):
                continue
            if other.stream_key not in complete or row.number in self._memory.seen:
                return True
        return False
