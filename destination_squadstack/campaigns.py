"""Campaigns and what is done in them: a lane is one operation on one campaign.

The config names the campaign of a stream, or the field in which each record names its own (`ref_id_from`,
`campaign_id_from`). Lanes of the second kind are made while records arrive.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from destination_squadstack.api.fix_messages import FixContext
from destination_squadstack.mapping import InvalidRecord
from destination_squadstack.operations import Operation
from destination_squadstack.record_rules.field_paths import MISSING, field_reader

# Each has batches of its own, which wait in memory until they are full or due.
MAX_IDS_OF_RECORDS = 1_000
# What the specification allows in `ref_id` and `campaign_id`: an id becomes part of an address. One that is longer than
# any id is none.
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
# The id that `check` asks with where only records name campaigns.
TRIAL_ID = "airbyte-check"

# A kind of id, and the campaign that knows leads by it.
LeadNamespace = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign by its id, and where the id comes from: the entry of the config, and its field."""

    id: str
    config_entry: str
    config_field: str
    # Whether a record names it, in the field that `config_field` names.
    is_of_record: bool = False


@dataclass(frozen=True, slots=True)
class CampaignOperation:
    """One operation on one campaign, a lane: records of any stream that share it also share its calls.

    Leads are told apart within a `lead_namespace`: two lanes of one campaign, also those of v4 and v1, must keep the
    order of a lead between them. `order_namespace` is the same, or wider where records name campaigns: the records of a
    lead leave in order of reading whichever campaigns they go to. `config_entry` is the entry of the config that it
    comes from, `campaign_field` the config's field that names the campaign.
    """

    index: int
    # The index of the lane that stands for all whose campaigns records name in one field; else its own. The circuit
    # breaker counts their outcomes together.
    family: int
    lead_namespace: LeadNamespace
    order_namespace: LeadNamespace
    operation: Operation
    path: str
    config_entry: str
    campaign_field: str
    is_of_record: bool = False

    @property
    def for_one_lead(self) -> "CampaignOperation":
        """Return the same lane, for leads that no list takes: calls and outcomes count as those of this one."""
        return replace(self, operation=self.operation.for_one_lead)

    @property
    def fix_context(self) -> FixContext:
        """What a message has to name."""
        return FixContext(
            api=self.operation.api,
            endpoint=self.operation.endpoint,
            config_entry=self.config_entry,
            campaign_field=self.campaign_field,
        )


class CampaignOperations:
    """The lanes of a sync, each made once: while the sync is planned, and when a record names another campaign.

    Args:
        kinds_of_records: The kinds of ids (`Operation.lead_namespace`) that some stream takes from its records.
    """

    def __init__(self, kinds_of_records: Collection[str] = ()) -> None:
        self._kinds_of_records = frozenset(kinds_of_records)
        self._lanes: dict[tuple[str, str, str, str], CampaignOperation] = {}
        self._ids_of_records: set[LeadNamespace] = set()

    def get(self, operation: Operation, campaign: Campaign) -> CampaignOperation:
        """Return the lane of an operation on a campaign."""
        field = campaign.config_field if campaign.is_of_record else ""
        key = (operation.api, campaign.id, operation.name, field)
        if (lane := self._lanes.get(key)) is None:
            lane = self._lanes[key] = self._make(operation, campaign)
        return lane

    def _make(self, operation: Operation, campaign: Campaign) -> CampaignOperation:
        family = None
        if campaign.is_of_record and campaign.id:
            family = self.get(operation, replace(campaign, id="")).index
        index, kind = len(self._lanes), operation.lead_namespace
        return CampaignOperation(
            index=index,
            family=index if family is None else family,
            lead_namespace=(kind, campaign.id),
            order_namespace=(kind, "" if kind in self._kinds_of_records else campaign.id),
            operation=operation,
            path=operation.path(campaign.id),
            config_entry=campaign.config_entry,
            campaign_field=campaign.config_field,
            is_of_record=campaign.is_of_record,
        )

    def admits(self, kind: str, campaign_id: str) -> bool:
        """Tell whether an id that a record holds is one of the first thousand, which have room."""
        ids = self._ids_of_records
        if (kind, campaign_id) in ids:
            return True
        if len(ids) >= MAX_IDS_OF_RECORDS:
            return False
        ids.add((kind, campaign_id))
        return True

    def all(self) -> list[CampaignOperation]:
        """Return every lane that has been made."""
        return list(self._lanes.values())


@dataclass(frozen=True, slots=True)
class CampaignField:
    """The field in which records name their campaigns, and the field of the config that says so."""

    name: str
    config_entry: str
    config_field: str

    def campaign(self, campaign_id: str = "") -> Campaign:
        """Return a campaign that a record names; without an id, what stands for all of them."""
        return Campaign(campaign_id, self.config_entry, self.config_field, is_of_record=True)


class RecordCampaigns:
    """The campaigns that the records of a stream name.

    Args:
        field: Where they name them.
        own: The campaign of records that name none; None where such records are rejected.
        lanes: The lanes of the sync.
    """

    def __init__(self, field: CampaignField, own: Campaign | None, lanes: CampaignOperations) -> None:
        self._field = field
        self._own = own
        self._lanes = lanes
        self._read = field_reader(field.name)

    def id_of(self, data: Mapping[str, Any]) -> str:
        """Return the id of the campaign that a record goes to; empty if it names none that could be."""
        return _text(self._read(data)) or (self._own.id if self._own else "")

    def lane(self, data: Mapping[str, Any], operation: Operation, lead_id: str) -> CampaignOperation:
        """Return the lane of an operation on the campaign that a record names.

        Raises:
            InvalidRecord: It names none, or one that cannot be.
        """
        what = operation.target.value
        named = self._read(data)
        text = _text(named)
        if not text:
            if named is not MISSING and named is not None and named.__class__ is not str:
                raise InvalidRecord(f"{what}: must be text or an integer", lead_id)
            if self._own is None:
                raise InvalidRecord(f"{what}: the record names none", lead_id)
            return self._lanes.get(operation, self._own)
        if self._own is not None and text == self._own.id:
            return self._lanes.get(operation, self._own)
        if not _ID.fullmatch(text):
            raise InvalidRecord(f"{what}: may hold letters, digits, - and _ only", lead_id)
        if not self._lanes.admits(operation.lead_namespace, text):
            reason = f"{what}: a sync has room for {MAX_IDS_OF_RECORDS:,} of them"
            raise InvalidRecord(reason, lead_id, about_config=False, retryable=True)
        return self._lanes.get(operation, self._field.campaign(text))


def _text(named: object) -> str:
    return named.strip() if isinstance(named, str) else str(named) if named.__class__ is int else ""
