"""Takes the journals of other runs into the memory."""

from destination_squadstack.engine.tracking import Outcome
from destination_squadstack.sent_leads.journal import Member
from destination_squadstack.sent_leads.lead_table import LeadTable

# A lead in a scope.
Key = tuple[int, str]


def take_in(table: LeadTable, member: Member, conflicts: set[Key]) -> None:
    """Apply a member of another run's journal.

    Args:
        table: The memory.
        member: What that run sent and what became of it.
        conflicts: The leads that it and another run have sent without knowing of each other.
    """
    run = table.run_number(member.run_id)
    names = table.run_names()
    here = {
        number: table.scopes.of(campaign, namespace, stream) for number, campaign, namespace, stream in member.scopes
    }
    for number, lead_id, at, *outcome in member.events:
        scope = here[number]
        if not outcome:
            row = table.row(scope.id, lead_id)
            other = names.get(row.run, member.run_id) if row is not None else member.run_id
            if row is not None and other != member.run_id and row.at > member.knows.get(other, -1):
                conflicts.add((scope.id, lead_id))
            table.send(scope, lead_id, at, run)
            continue
        body, how, reason = outcome
        if how == Outcome.WITHDRAWN.value:
            table.end(scope, lead_id, None, Outcome.WITHDRAWN, at, run, None)
            continue
        row = table.row(scope.id, lead_id)
        if row is not None and (row.run != run or row.overtaken not in (None, run)):
            # Another run has sent the lead between this record and its answer: either may have been applied last.
            conflicts.add((scope.id, lead_id))
            table.send(scope, lead_id, at, run)
        void = (scope.id, lead_id) in conflicts
        table.end(scope, lead_id, None if void else body, Outcome(how), at, run, reason)
    table.took_member(run, max((event[2] for event in member.events), default=0))
