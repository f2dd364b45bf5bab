"""The contact center's leads and activities (page Campaigns), and the rows that reading them gives."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeVar

from squadstack_emulator import timestamps
from squadstack_emulator.contact_center.portal import LateFacts, Portal, PortalCampaign
from squadstack_emulator.contact_center.seeds import (
    NO_DISPOSITION,
    PortalLead,
    activity_row,
    activity_times,
    delay,
    disposition,
    queue_row,
    seeded_lead,
)
from squadstack_emulator.contact_center.tokens import AccessTokens
from squadstack_emulator.pseudo_random import hexadecimal, pseudo_random
from squadstack_emulator.scenario import Order

_LISTINGS_KEPT = 16
# Beyond every seeded lead's.
_FIRST_ADDED = 1_000_000_000
_NOT_SHOWN = frozenset({"type", "ticket_id", "note", "cool_off"})


class Numbered(Protocol):
    """A row that a key can name, wherever it stands."""

    @property
    def serial(self) -> int: ...  # noqa: D102


RowT = TypeVar("RowT", bound=Numbered)


class Listing(Generic[RowT]):
    """The rows of a read, all pages of it; `positions` finds a row by its serial, or long reads would slow down."""

    def __init__(self, rows: Iterable[RowT]) -> None:
        self.rows = list(rows)
        self.positions = {row.serial: position for position, row in enumerate(self.rows)}


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


class Moment(NamedTuple):
    """When activities are looked at, in Unix seconds, by a portal whose facts come late."""

    now: int
    late: LateFacts


@dataclass(slots=True)
class ContactCenterStore:
    """Everything the portal was ever given."""

    seed: int
    tokens: AccessTokens = field(default_factory=AccessTokens)
    _leads: dict[str, dict[str, PortalLead]] = field(default_factory=dict)
    _timed: list[Activity] = field(default_factory=list)
    _timeless: list[Activity] = field(default_factory=list)
    _serial: int = 0
    _listings: dict[Hashable, Listing[Any]] = field(default_factory=dict)

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
        self._listings.clear()

    def put_activity(self, row: Mapping[str, object]) -> None:
        """Add an activity that is shown verbatim."""
        at = timestamps.parse(row.get("timestamp"))
        activity = Activity(0 if at is None else at // 1_000_000, self._next_serial(), row=dict(row))
        if at is None:
            self._timeless.append(activity)
        else:
            insort(self._timed, activity)
        self._listings.clear()

    def add_lead(self, campaign_id: str, fields: Mapping[str, Any], now: datetime) -> None:
        """Add a lead of these documented fields."""
        serial = _FIRST_ADDED + self._next_serial()
        lead = PortalLead(
            created=timestamps.microseconds(now) // 1_000_000,
            campaign_id=campaign_id,
            number=fields["number"],
            status="new",
            retries=fields.get("retries", 0),
            first_name=fields.get("first_name", ""),
            last_name=fields.get("last_name", ""),
            priority=fields.get("priority", 0),
            id=hexadecimal(self.seed, campaign_id, "added", serial),
            serial=serial,
            more={name: value for name, value in fields.items() if name in _NOT_SHOWN},
        )
        self._leads[campaign_id][lead.id] = lead
        self._listings.clear()

    def set_status(self, lead_id: str, status: str) -> bool:
        """Change the status of a lead; tell whether there is such a lead."""
        return self._change(lead_id, lambda leads: leads.update({lead_id: replace(leads[lead_id], status=status)}))

    def delete_lead(self, lead_id: str) -> bool:
        """Remove a lead; tell whether there was such a lead."""
        return self._change(lead_id, lambda leads: leads.pop(lead_id))

    def _change(self, lead_id: str, change: Callable[[dict[str, PortalLead]], object]) -> bool:
        found = [leads for leads in self._leads.values() if lead_id in leads]
        for leads in found:
            change(leads)
            self._listings.clear()
        return bool(found)

    def leads(self, campaign_id: str, order: Order = "processed_at") -> Listing[PortalLead]:
        """Return the leads of a campaign, by default in the order of their creation."""
        return self._listing(campaign_id, order, self._leads[campaign_id].values, lambda lead: lead.id)

    def activities(
        self, portal: Portal, span: Span | None, order: Order = "processed_at", moment: Moment | None = None
    ) -> Listing[Activity]:
        """Return the activities of a portal's campaigns within a span, and those whose timestamp is no time.

        Without a moment all of them; else those that have appeared by then.
        """
        campaigns = frozenset(campaign.id for campaign in portal.campaigns)

        def rows() -> Iterable[Activity]:
            found = (*self._within(span), *self._timeless)
            return (
                each
                for each in found
                if each.campaign is None or (each.campaign.id in campaigns and self._has(each, "row", moment))
            )

        return self._listing(
            (campaigns, span, moment), order, rows, lambda each: str(self.activity_row(each).get("lead_number"))
        )

    def activity_row(self, activity: Activity, moment: Moment | None = None) -> Mapping[str, object]:
        """Return an activity as the history shows it, at a moment if it matters."""
        if activity.campaign is None:
            return activity.row
        row = activity_row(activity.campaign, self.seed, activity.number, activity.timestamp)
        if moment is None:
            return row
        written = self._has(activity, "disposition", moment)
        return row | (disposition(activity.campaign, self.seed, activity.number) if written else NO_DISPOSITION)

    def _has(self, activity: Activity, fact: Literal["row", "disposition"], moment: Moment | None) -> bool:
        """Tell whether a fact of an activity has come by a moment."""
        if activity.campaign is None or moment is None:
            return True
        minutes = moment.late.rows_minutes if fact == "row" else moment.late.dispositions_minutes
        late = delay(activity.campaign, self.seed, activity.number, fact, minutes)
        return activity.timestamp + late <= moment.now

    def queues(self, portal: Portal) -> list[dict[str, object]]:
        """Return the portal's queues."""
        return [queue_row(self.seed, number) for number in range(portal.queues)]

    def _listing(
        self, what: Hashable, order: Order, rows: Callable[[], Iterable[RowT]], by: Callable[[RowT], str]
    ) -> Listing[RowT]:
        """Return the listing of a read that is being paged; a few are kept, since several streams may be."""
        if (what, order) not in self._listings:
            if len(self._listings) >= _LISTINGS_KEPT:
                self._listings.clear()
            found = rows()
            if order == "lead_id":
                found = sorted(found, key=by)
            elif order != "processed_at":
                found = sorted(found, key=lambda row: pseudo_random(self.seed, "shuffle", row.serial))
            self._listings[what, order] = Listing(found)
        return self._listings[what, order]

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
