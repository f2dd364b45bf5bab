"""The operations, one row each: adding an endpoint is adding a row and a schema file.

The contracts of the rows below:

* SquadStack "CRM integration v2", bulk: 100 leads a call; every answer is HTTP 200 with one entry per lead, in the
  order they were sent. The same path takes one lead, an object in place of a list, and answers it with a status.
* SquadStack v4 and v1: create and disable take a list and answer for all of it at once; the others take one lead.
* The contact center's Campaigns API: one lead a call, most of them named in the path alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from squadstack_common.lossless_json import load

SCHEMAS = Path(__file__).with_name("schemas")
CRM_V2 = "crm_v2"
V4 = "v4"
V1 = "v1"
CONTACT_CENTER = "contact_center"
LEADS_PER_CALL = 100
# A lead that SquadStack refuses for its missing id, once it has looked at all else: a question that changes nothing.
PROBE_BODY = b'{"lead_id":""}'


class Cause(Enum):
    """Why the API refused a lead, as far as its wording tells."""

    BUSY = "busy"
    DUPLICATE_LEAD = "duplicate_lead"
    DUPLICATE_FIELD = "duplicate_field"
    STILL_ACTIVE = "still_active"
    CONVERTED = "converted"
    DELETED = "deleted"
    UNKNOWN_LEAD = "unknown_lead"
    NO_INTEGRATION = "no_integration"
    UNKNOWN_CAMPAIGN = "unknown_campaign"
    NOT_ENABLED = "not_enabled"
    OTHER = "other"


class Fact(IntEnum):
    """A fact that a run may know about a lead of a campaign."""

    PRESENT = 0
    CONVERTED = 1
    GONE = 2


# An answer that a lead is already as asked proves nothing about our own earlier attempt if the run knew that before.
FACT_OF_CAUSE = {
    Cause.DUPLICATE_LEAD: Fact.PRESENT,
    Cause.STILL_ACTIVE: Fact.PRESENT,
    Cause.CONVERTED: Fact.CONVERTED,
    Cause.DELETED: Fact.GONE,
    Cause.UNKNOWN_LEAD: Fact.GONE,
}

# What the first calls return after a crash and a restart: the leads exist already. That proves nothing about the
# config.
RESTART_CAUSES = frozenset(
    {Cause.DUPLICATE_LEAD, Cause.DUPLICATE_FIELD, Cause.STILL_ACTIVE, Cause.CONVERTED, Cause.DELETED}
)


class Body(Enum):
    """The form of the leads in a request."""

    LIST = "list"
    ONE = "one"
    IN_PATH = "in_path"


class Target(Enum):
    """The id that a path needs besides the lead: the config's field of that name, or nothing."""

    REF_ID = "ref_id"
    CAMPAIGN_ID = "campaign_id"
    NOTHING = ""


class Request(NamedTuple):
    """An HTTP request."""

    method: str
    path: str
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation on a lead: its endpoint, and all properties that the engine needs."""

    name: str
    api: str
    # What messages call it.
    endpoint: str
    sync_mode: str
    template: str
    # Two calls for one lead are never under way together. Leads are identified by this field, in this namespace of a
    # campaign.
    lead_namespace: str
    key: str = "lead_id"
    method: str = "POST"
    target: Target = Target.REF_ID
    body: Body = Body.LIST
    batch_size: int = LEADS_PER_CALL
    # Whether the answer has an entry for each lead, or is one for all of them.
    has_row_results: bool = False
    # What each lead of a list must have, while one that is sent alone may lack it: a record without it is sent alone.
    list_requires: frozenset[str] = frozenset()
    # Answers that mean "done" when an earlier attempt for the same lead may have been carried out.
    done_after_unknown_outcome: frozenset[Cause] = frozenset()
    removes_leads: bool = False
    # Whether it is for a row that was deleted at its source as well: it disables the lead, or purges it.
    for_deleted_rows: bool = False
    needs_allow_delete: bool = False
    # Whether a call may be sent again when nobody knows whether it was carried out.
    repeatable: bool = True
    integer_key: bool = False

    @property
    def object_name(self) -> str:
        """Return its name in the catalog of `discover`, and so in the mapping form of a platform."""
        return f"{self.api}.{self.name}"

    def path(self, target: str) -> str:
        """Return the path of the endpoint for one campaign; that of a lead is filled in by `request`."""
        return self.template.replace("{target}", target)

    def request(self, path: str, bodies: Sequence[bytes]) -> Request:
        """Return the request that sends leads, given as JSON texts, to a path of this operation."""
        if self.body is Body.LIST:
            return Request(self.method, path, b"[" + b",".join(bodies) + b"]")
        (body,) = bodies
        if self.body is Body.ONE:
            return Request(self.method, path, body)
        for name, value in load(body).items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        return Request(self.method, path, None)

    @property
    def for_one_lead(self) -> "Operation":
        """Return the same operation in the form that takes one lead in place of a list."""
        return replace(self, body=Body.ONE, batch_size=1, has_row_results=False)

    @property
    def establishes(self) -> frozenset[Fact]:
        """Return what is so of a lead once this has been done to it."""
        if self.removes_leads:
            return frozenset({Fact.GONE})
        return frozenset({Fact.PRESENT, Fact.CONVERTED} if self.name == "convert" else {Fact.PRESENT})

    @property
    def calls_leads(self) -> bool:
        """Return whether a lead is called once this has been done to it."""
        return self.name in ("create", "upsert", "update", "add_lead")

    @property
    def ends_leads(self) -> bool:
        """Return whether SquadStack says of a lead, once this has been done to it, that it does not exist."""
        return self.removes_leads or self.name == "convert"

    @property
    def stops_calls(self) -> bool:
        """Return whether a lead is not called any more once this has been done to it."""
        return self.ends_leads or self.name == "disable"

    @property
    def ends(self) -> frozenset[Fact]:
        """Return what is not so any more: to make or change a converted lead activates it again."""
        if self.removes_leads:
            return frozenset({Fact.PRESENT, Fact.CONVERTED})
        return frozenset({Fact.GONE} if self.name in ("convert", "disable") else {Fact.GONE, Fact.CONVERTED})

    @property
    def service(self) -> str:
        """Return whose answers these are, as messages call it."""
        return "The contact center" if self.api == CONTACT_CENTER else "SquadStack"

    @property
    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of a record."""
        return load_schema(f"{self.api}_{self.name}")


@cache
def load_schema(name: str) -> dict[str, Any]:
    """Read one schema file."""
    schema: dict[str, Any] = orjson.loads((SCHEMAS / f"{name}.json").read_bytes())
    return schema


_THERE = frozenset({Cause.DUPLICATE_LEAD, Cause.STILL_ACTIVE})
_ACTIVE = frozenset({Cause.STILL_ACTIVE})
_CONVERTED = frozenset({Cause.CONVERTED})
_DELETED = frozenset({Cause.DELETED})
# v4 says "doesn't exist" of a deleted lead as well.
_GONE = frozenset({Cause.DELETED, Cause.UNKNOWN_LEAD})


def _crm_v2(name: str, endpoint: str, sync_mode: str, **more: Any) -> Operation:
    template = f"/voice/crm-integration-v2/{{target}}/{endpoint}"
    return Operation(name, CRM_V2, endpoint, sync_mode, template, CRM_V2, has_row_results=True, **more)


def _leads(api: str, name: str, sync_mode: str, **more: Any) -> Operation:
    """Return a row of v4 or v1, which know a campaign, and so its leads, by the same id."""
    endpoint = f"{api}/leads/{name}"
    template = f"/api/{endpoint}/{{target}}/"
    return Operation(name, api, endpoint, sync_mode, template, "campaign", target=Target.CAMPAIGN_ID, **more)


def _contact_center(name: str, sync_mode: str, template: str, **more: Any) -> Operation:
    """Return a row of the contact center, whose lead ids, call ids and numbers are three lead namespaces."""
    row = {"lead_namespace": "lead", "target": Target.NOTHING, "body": Body.IN_PATH, "batch_size": 1, **more}
    row["lead_namespace"] = f"{CONTACT_CENTER}_{row['lead_namespace']}"
    return Operation(name, CONTACT_CENTER, name, sync_mode, f"/api/v2/config/campaigns/{template}", **row)


_CREATES: dict[str, Any] = {"done_after_unknown_outcome": _THERE}
_CHANGES: dict[str, Any] = {"done_after_unknown_outcome": _ACTIVE}
_STOPS: dict[str, Any] = {"for_deleted_rows": True}
_DELETES: dict[str, Any] = {"removes_leads": True, "needs_allow_delete": True, **_STOPS}
_ALONE: dict[str, Any] = {"body": Body.ONE, "batch_size": 1}

_ROWS = (
    _crm_v2("create", "lead-created", "append", **_CREATES),
    _crm_v2(
        "upsert",
        "lead-upserted",
        "append_dedup",
        list_requires=frozenset({"phone_number", "contact_name"}),
        **_CHANGES,
    ),
    _crm_v2("update", "lead-updated", "update", **_CHANGES),
    _crm_v2("convert", "lead-converted", "append", done_after_unknown_outcome=_CONVERTED),
    _crm_v2("disable", "lead-disabled", "soft_delete", **_STOPS),
    _crm_v2("delete", "lead-deleted", "append", done_after_unknown_outcome=_DELETED, **_DELETES),
    _leads(V4, "create", "append", **_CREATES),
    _leads(V4, "update", "update", method="PATCH", **_CHANGES, **_ALONE),
    _leads(V4, "convert", "append", done_after_unknown_outcome=_CONVERTED, **_ALONE),
    _leads(V4, "disable", "soft_delete", **_STOPS),
    _leads(V4, "delete", "append", done_after_unknown_outcome=_GONE, **_DELETES, **_ALONE),
    _leads(V1, "create", "append", integer_key=True, **_CREATES),
    _leads(V1, "disable", "soft_delete", integer_key=True, **_STOPS),
    _contact_center(
        "add_lead",
        "append",
        "{target}/lead",
        method="PUT",
        lead_namespace="number",
        key="number",
        target=Target.CAMPAIGN_ID,
        body=Body.ONE,
        repeatable=False,
    ),
    _contact_center("set_status", "update", "leads/{lead_id}/status/{status}"),
    _contact_center(
        "delete_lead", "append", "leads/{lead_id}", method="DELETE", done_after_unknown_outcome=_GONE, **_DELETES
    ),
    _contact_center(
        "voicemail_disposition",
        "append",
        "call/{cdr_id}/disposition/voicemail",
        method="PUT",
        lead_namespace="call",
        key="cdr_id",
    ),
)

OPERATIONS = {(row.api, row.name): row for row in _ROWS}
NAMES = tuple(dict.fromkeys(row.name for row in _ROWS))
APIS = tuple(dict.fromkeys(row.api for row in _ROWS))


def in_place_of(operation: Operation, name: str) -> Operation | None:
    """Return the operation of the same API that is done to a lead in place of another one.

    None where there is nothing to replace: the other one is that already, or purges the lead.
    """
    return None if operation.name == name or operation.removes_leads else OPERATIONS[operation.api, name]


def offered_by(api: str) -> list[str]:
    """Return the names of the operations of one API."""
    return [row.name for row in _ROWS if row.api == api]


@cache
def documented_fields() -> frozenset[str]:
    """Return the names of fields that the schemas describe; no lead's own data is among them."""
    return frozenset(name for row in _ROWS for name in row.schema["properties"])
