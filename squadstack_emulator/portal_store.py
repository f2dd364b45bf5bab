"""The contact center's leads and activities, and the rows that reading them gives."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from squadstack_emulator import instants
from squadstack_emulator.calling import dice
from squadstack_emulator.portal import Portal, PortalCampaign
from squadstack_emulator.portal_seeds import PortalLead, activity_row, activity_times, queue_row, seeded_lead
from squadstack_emulator.portal_tokens import PortalTokens
from squadstack_emulator.scenario import Order


class Activity(NamedTuple):
    """One activity; that of a campaign is made out when it is shown, or many would fill the memory.

    The first two fields compare, and the second is never the same.
    """

    timestamp: int
    serial: int
    campaign: PortalCampaign | None = None
    number: int = 0
    row: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True)
class Span:
    """What a read of activities asks for, in Unix seconds."""

    start: int
    end: int
    inclusive: bool


@dataclass(slots=True)
class PortalStore:
    """Everything the portal was ever given. `version` rises with every change of it."""

    seed: int
    version: int = 0
    tokens: PortalTokens = field(default_factory=PortalTokens)
    _leads: dict[str, dict[str, PortalLead]] = field(default_factory=dict)
    _timed: list[Activity] = field(default_factory=list)
    _timeless: list[Activity] = field(default_factory=list)
    _serial: int = 0

    def open(self, portal: Portal) -> None:
        """Create and seed the campaigns that are new; the others keep what is in them."""
        for campaign in portal.campaigns:
            if campaign.id not in self._leads:
                leads = (seeded_lead(campaign, self.seed, number) for number in range(campaign.leads))
                self._leads[campaign.id] = {lead.id: lead for lead in leads}
                self._timed += [
                    Activity(at, self._next_serial(), campaign, number)
                    for number, at in enumerate(activity_times(campaign))
                ]
        self._timed.sort()
        self.version += 1

    def put_activity(self, row: Mapping[str, object]) -> None:
        """Add an activity that is shown verbatim."""
        at = instants.parse(row.get("timestamp"))
        activity = Activity(0 if at is None else at // 1_000_000, self._next_serial(), row=dict(row))
        if at is None:
            self._timeless.append(activity)
        else:
            insort(self._timed, activity)
        self.version += 1

    def leads(self, campaign_id: str, order: Order = "processed_at") -> list[PortalLead]:
        """The leads of a campaign, by default in the order of their creation."""
        leads = list(self._leads[campaign_id].values())
        if order == "processed_at":
            return leads
        if order == "lead_id":
            return sorted(leads, key=lambda lead: lead.id)
        return sorted(leads, key=lambda lead: dice(self.seed, "shuffle", lead.id))

    def activities(self, portal: Portal, span: Span | None, order: Order = "processed_at") -> list[Activity]:
        """The activities of a portal's campaigns within a span, and those whose timestamp is no time."""
        campaigns = {campaign.id for campaign in portal.campaigns}
        found = [
            each
            for each in (*self._within(span), *self._timeless)
            if each.campaign is None or each.campaign.id in campaigns
        ]
        if order in {"shuffled", "reshuffled"}:
            found.sort(key=lambda each: dice(self.seed, "shuffle", each.serial))
        elif order == "lead_id":
            found.sort(key=lambda each: str(self.activity_row(each).get("lead_number")))
        return found

    def activity_row(self, activity: Activity) -> Mapping[str, object]:
        """An activity as the history shows it."""
        if activity.campaign is None:
            return activity.row
        return activity_row(activity.campaign, self.seed, activity.number, activity.timestamp)

    def queues(self, portal: Portal) -> list[dict[str, object]]:
        """The portal's queues."""
        return [queue_row(self.seed, number) for number in range(portal.queues)]

    def _within(self, span: Span | None) -> Iterable[Activity]:
        if span is None:
            return self._timed
        find_start, find_end = (bisect_left, bisect_right) if span.inclusive else (bisect_right, bisect_left)
        low = find_start(self._timed, span.start, key=lambda each: each.timestamp)
        high = find_end(self._timed, span.end, key=lambda each: each.timestamp)
        return self._timed[low:high]

    def _next_serial(self) -> int:
        self._serial += 1
        return self._serial
