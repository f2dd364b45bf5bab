"""The account of a run: what the API has and the store keeps, against what was acknowledged."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from endurance_tests.tools.soak.records import CREATES, Plan, Planned
from squadstack_emulator import Emulator, Lead


@dataclass(slots=True)
class Account:
    """What must be zero, and what must be equal."""

    read: int = 0
    written: int = 0
    rejected: int = 0
    states: int = 0
    calls: int = 0
    lost: int = 0
    inversions: int = 0
    overlaps: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, turned round, sent twice at once, or left uncounted."""
        wrong = self.lost or self.inversions or self.overlaps or self.problems
        return not wrong and self.written + self.rejected == self.read


def lost(records: Iterable[Planned], leads: Mapping[str, Lead], refused: set[int]) -> int:
    """Count records that are neither applied nor kept, nor followed by a later one of their lead that was applied."""
    return sum(not (record.number in refused or _is_there(record, leads)) for record in records)


def _is_there(record: Planned, leads: Mapping[str, Lead]) -> bool:
    lead = leads.get(record.lead_id)
    return lead is not None and record.mark in lead.custom


def inversions(leads: Mapping[str, Lead]) -> int:
    """Count changes of a lead that came before an earlier one, and leads whose last word is not the input's last."""
    count = 0
    for lead in leads.values():
        marks = [int(name[1:]) for name in lead.custom if name.startswith("r")]
        count += sum(later < earlier for earlier, later in pairwise(marks))
        count += lead.custom["n"] != max(marks)
    return count


def doubled_creates(plan: Plan, emulator: Emulator) -> int:
    """Count leads that were made more often than the input asks for."""
    asked = sum(record.stream == CREATES and not record.bad for record in plan.records)
    return max(0, sum(applied.operation == "create" for applied in emulator.request_log.applied) - asked)


def numbers(rows: Iterable[Mapping[str, Any]]) -> set[int]:
    """Return which records the rows are."""
    return {row["data"]["n"] for row in rows}


def add_state(account: Account, state: Mapping[str, Any]) -> None:
    """Add what a state says was written and rejected."""
    stats = state["destinationStats"]
    account.states += 1
    account.written += stats["recordCount"]
    account.rejected += stats["rejectedRecordCount"]
