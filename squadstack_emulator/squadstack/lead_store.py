"""The leads of every campaign, and the rows that Get Leads (squadvoice-v4, squadvoice-v1) gives of them."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from squadstack_emulator import timestamps
from squadstack_emulator.pseudo_random import pseudo_random
from squadstack_emulator.scenario import Campaign, Order
from squadstack_emulator.squadstack.lead import Lead
from squadstack_emulator.squadstack.seeds import seeded_leads


class RawRow(NamedTuple):
    """A response row that is shown verbatim, whatever it holds."""

    lead_id: str
    row: Mapping[str, object]
    processed: int | None  # microseconds; None: the row is in every read, filtered or not


Row = Lead | RawRow
_NEVER = 10**30


@dataclass(frozen=True, slots=True)
class Window:
    """What a read asks for: microseconds, None where the parameter was not given."""

    after: int | None = None
    before: int | None = None
    lead_id: str | None = None
    after_inclusive: bool = True
    before_inclusive: bool = True

    @property
    def is_filtered(self) -> bool:
        """Whether only processed leads can be in the answer."""
        return self.after is not None or self.before is not None


class _Index(NamedTuple):
    """Rows by the time they were processed, so that a window is a slice."""

    timed: list[Row]
    waiting: list[Row]  # not processed: in unfiltered reads only
    always: list[Row]

    def select(self, window: Window) -> list[Row]:
        if not window.is_filtered:
            return self.timed + self.waiting + self.always
        low, high = 0, len(self.timed)
        if window.after is not None:
            low = (bisect_left if window.after_inclusive else bisect_right)(self.timed, window.after, key=_processed)
        if window.before is not None:
            find = bisect_right if window.before_inclusive else bisect_left
            high = find(self.timed, window.before, key=_processed)
        return self.timed[low:high] + self.always


@dataclass(slots=True)
class CampaignLeads:
    """The leads of one campaign. `version` rises with every change, so that rendered pages know when they are stale."""

    campaign: Campaign
    seed: int
    version: int = 0
    leads: dict[str, Lead] = field(default_factory=dict)
    raw: dict[str, RawRow] = field(default_factory=dict)
    _index: _Index | None = None
    _selections: dict[tuple[Window, Order], list[Row]] = field(default_factory=dict)

    def put(self, lead: Lead) -> None:
        """Add or replace a lead; a raw row of the same id gives way to it."""
        self.leads[lead.lead_id] = lead
        self.raw.pop(lead.lead_id, None)
        self._changed()

    def put_raw(self, row: RawRow) -> None:
        """Add or replace a raw row, which hides a lead of the same id from reads."""
        self.raw[row.lead_id] = row
        self._changed()

    def restore(self, leads: Mapping[str, Lead]) -> None:
        """Take back what a refused request has changed."""
        self.leads.clear()
        self.leads.update(leads)
        self._changed()

    def select(self, window: Window, order: Order, call_seq: int = 0) -> list[Row]:
        """Return the rows of a read, all pages of it. The list is shared: do not change it."""
        if order == "reshuffled":
            rows = self.select(window, "processed_at")
            return sorted(rows, key=lambda row: pseudo_random(self.seed, call_seq, row.lead_id))
        known = self._selections.get((window, order))
        if known is None:
            known = self._selections[(window, order)] = self._ordered(self._selected(window), order)
        return known

    def _changed(self) -> None:
        self.version += 1
        self._index = None
        self._selections.clear()

    def _selected(self, window: Window) -> list[Row]:
        if self._index is None:
            shown = (lead for lead in self.leads.values() if lead.state != "deleted" and lead.lead_id not in self.raw)
            rows: list[Row] = sorted((*shown, *self.raw.values()), key=_processed)
            untimed = [row for row in rows if _processed(row) == _NEVER]
            self._index = _Index(
                timed=rows[: len(rows) - len(untimed)],
                waiting=[row for row in untimed if isinstance(row, Lead)],
                always=[row for row in untimed if isinstance(row, RawRow)],
            )
        found = self._index.select(window)
        return found if window.lead_id is None else [row for row in found if row.lead_id == window.lead_id]

    def _ordered(self, rows: list[Row], order: Order) -> list[Row]:
        if order == "processed_at":
            return rows
        if order == "lead_id":
            return sorted(rows, key=lambda row: row.lead_id)
        return sorted(rows, key=lambda row: pseudo_random(self.seed, "shuffle", row.lead_id))


def _processed(row: Row) -> int:
    """Return the time a row was processed, in microseconds; `_NEVER` where it was not."""
    if isinstance(row, RawRow):
        return _NEVER if row.processed is None else row.processed
    return _NEVER if row.processed_at is None else timestamps.microseconds(row.processed_at)


class LeadStore:
    """All campaigns the emulator has ever been given, by campaign id."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._campaigns: dict[str, CampaignLeads] = {}

    def open(self, campaigns: Iterable[Campaign]) -> None:
        """Create and seed the campaigns that are new; the others keep what is in them."""
        for campaign in campaigns:
            if campaign.id not in self._campaigns:
                leads = {lead.lead_id: lead for lead in seeded_leads(campaign, self._seed)}
                self._campaigns[campaign.id] = CampaignLeads(campaign, self._seed, leads=leads)

    def __getitem__(self, campaign_id: str) -> CampaignLeads:
        return self._campaigns[campaign_id]
