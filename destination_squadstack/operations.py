"""The operations, one row each: adding an endpoint is adding a row and a schema file.

The contract of the rows below: SquadStack "CRM integration v2", bulk. 100 leads a call; every answer is HTTP 200 with
one entry per lead, in the order they were sent.
"""

from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import orjson

SCHEMAS = Path(__file__).with_name("schemas")
CRM_V2 = "crm_v2"
LEADS_PER_CALL = 100


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
    NOT_ENABLED = "not_enabled"
    OTHER = "other"


# What the first calls look like after a crash and a restart: the leads are there already. It proves nothing about the
# config.
LOOKS_LIKE_A_RESTART = frozenset(
    {Cause.DUPLICATE_LEAD, Cause.DUPLICATE_FIELD, Cause.STILL_ACTIVE, Cause.CONVERTED, Cause.DELETED}
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be done to a lead, and everything the flow has to know about it."""

    name: str
    api: str
    endpoint: str
    sync_mode: str
    batch_size: int = LEADS_PER_CALL
    # Answers that mean "done" when an earlier attempt for the same lead went unanswered.
    done_after_silence: frozenset[Cause] = frozenset()
    # The subset of them that proves nothing if this run knows that the lead was there before that attempt.
    unless_known: frozenset[Cause] = frozenset()
    removes_leads: bool = False
    needs_allow_delete: bool = False

    def path(self, ref_id: str) -> str:
        """Return the path of the endpoint for one campaign."""
        return f"/voice/crm-integration-v2/{ref_id}/{self.endpoint}"

    @property
    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of a record."""
        return load_schema(f"{self.api}_{self.name}")


@cache
def load_schema(name: str) -> dict[str, Any]:
    """Read one schema file."""
    schema: dict[str, Any] = orjson.loads((SCHEMAS / f"{name}.json").read_bytes())
    return schema


_ROWS = (
    Operation(
        name="create",
        api=CRM_V2,
        endpoint="lead-created",
        sync_mode="append",
        done_after_silence=frozenset({Cause.DUPLICATE_LEAD, Cause.STILL_ACTIVE}),
        unless_known=frozenset({Cause.DUPLICATE_LEAD, Cause.STILL_ACTIVE}),
    ),
    Operation(
        name="upsert",
        api=CRM_V2,
        endpoint="lead-upserted",
        sync_mode="append_dedup",
        done_after_silence=frozenset({Cause.STILL_ACTIVE}),
        unless_known=frozenset({Cause.STILL_ACTIVE}),
    ),
    Operation(
        name="update",
        api=CRM_V2,
        endpoint="lead-updated",
        sync_mode="update",
        done_after_silence=frozenset({Cause.STILL_ACTIVE}),
        unless_known=frozenset({Cause.STILL_ACTIVE}),
    ),
    Operation(
        name="convert",
        api=CRM_V2,
        endpoint="lead-converted",
        sync_mode="append",
        done_after_silence=frozenset({Cause.CONVERTED}),
    ),
    Operation(name="disable", api=CRM_V2, endpoint="lead-disabled", sync_mode="soft_delete"),
    Operation(
        name="delete",
        api=CRM_V2,
        endpoint="lead-deleted",
        sync_mode="append",
        done_after_silence=frozenset({Cause.DELETED}),
        removes_leads=True,
        needs_allow_delete=True,
    ),
)

OPERATIONS = {(row.api, row.name): row for row in _ROWS}
