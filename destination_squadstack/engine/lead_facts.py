"""The facts of leads that a sync may have to know again: which are kept, and what an outcome says about them.

They are kept in `seen_leads`.
"""

from collections.abc import Iterable, Mapping, Sequence

from destination_squadstack.campaigns import CampaignOperation, LeadNamespace
from destination_squadstack.engine.seen_leads import SeenLeads
from destination_squadstack.operations import FACT_OF_CAUSE, Cause, Fact


class LeadFacts:
    """What a run learns of leads, as far as an operation of the same campaign may ask for it."""

    def __init__(self, lanes: Iterable[CampaignOperation], seen_leads: SeenLeads) -> None:
        self._seen_leads = seen_leads
        self._asked_for: dict[LeadNamespace, set[Fact]] = {}
        for lane in lanes:
            asked_for = self._asked_for.setdefault(lane.lead_namespace, set())
            asked_for |= {FACT_OF_CAUSE[cause] for cause in lane.operation.done_after_unknown_outcome}

    def _asked_of(self, lane: CampaignOperation) -> set[Fact]:
        return set().union(*(self._asked_for.get(namespace, ()) for namespace in namespaces_of(lane)))

    def written(self, lane: CampaignOperation, lead_ids: Sequence[str]) -> None:
        """Note that an operation was carried out for leads."""
        asked_for = self._asked_of(lane)
        self._add(lane, asked_for & lane.operation.establishes, lead_ids)
        for fact in asked_for & lane.operation.ends:
            self._seen_leads.discard(lane.lead_namespace, fact, lead_ids)

    def maybe_written(self, lane: CampaignOperation, lead_id: str) -> None:
        """Note that one may have been: the next record of the lead would take that for its own effect."""
        self._add(lane, self._asked_of(lane) & lane.operation.establishes, [lead_id])

    def refused(self, lane: CampaignOperation, lead_id: str, cause: Cause) -> None:
        """Note what a refusal says about a lead."""
        fact = FACT_OF_CAUSE.get(cause)
        if fact is Fact.GONE and not lane.operation.removes_leads:
            # The API also answers "does not exist" to an update of a lead that has been processed.
            return
        if fact in self._asked_of(lane):
            self._add(lane, {fact}, [lead_id])

    def known(self, lane: CampaignOperation, lead_ids: Mapping[Fact, Iterable[str]]) -> dict[Fact, set[str]]:
        """Return those of the leads of which a fact was known already."""
        return {fact: self._seen_leads.among(lane.lead_namespace, fact, ids) for fact, ids in lead_ids.items()}

    def _add(self, lane: CampaignOperation, facts: Iterable[Fact], lead_ids: Sequence[str]) -> None:
        for fact in facts:
            self._seen_leads.add(lane.lead_namespace, fact, lead_ids)

    def close(self) -> None:
        """Delete the temporary files."""
        self._seen_leads.close()


def namespaces_of(lane: CampaignOperation) -> tuple[LeadNamespace, LeadNamespace]:
    """Return the namespace of a lane's leads, and the one that stands for the campaigns that records name."""
    kind, _ = lane.lead_namespace
    return lane.lead_namespace, (kind, "")
