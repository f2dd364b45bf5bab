"""What this run knows of leads: that a campaign has them, that they are converted, that they are gone.

A create whose answer was lost and that is then refused as a duplicate was applied by us, unless the lead was there
before; so was a conversion, or a deletion. Counting the second kind as written would hide that the record never
arrived: 2,227 records of a first version were lost that way.

Only 8 bytes of a hash are kept for each lead, in the order of events, in a file that is handed in.
Writing costs next to nothing; looking up reads through all of it, and happens only after a lost answer.
"""

from array import array
from collections.abc import Iterable
from typing import IO

from destination_squadstack.campaigns import LeadNamespace
from destination_squadstack.operations import Fact

_CHUNK = 1 << 20
_EVEN = (1 << 64) - 2


def _fingerprints(lead_namespace: LeadNamespace, fact: Fact, lead_ids: Iterable[str]) -> list[int]:
    """Return an even number for each lead; the odd one after it stands for "no longer".

    Python's own hash of a text has 64 bits and a key of its own in each process, and nothing here outlives the process.
    """
    of_fact = hash((lead_namespace, fact))
    return [(hash(lead_id) ^ of_fact) & _EVEN for lead_id in lead_ids]


class SeenLeads:
    """Facts about leads of this run, and of which leads each holds. The file is its own: `close` closes it."""

    def __init__(self, events: IO[bytes]) -> None:
        self._events = events

    def add(self, lead_namespace: LeadNamespace, fact: Fact, lead_ids: Iterable[str]) -> None:
        """Remember that a fact holds for these leads of a campaign."""
        self._write(array("Q", _fingerprints(lead_namespace, fact, lead_ids)))

    def discard(self, lead_namespace: LeadNamespace, fact: Fact, lead_ids: Iterable[str]) -> None:
        """Remember that it no longer does."""
        self._write(array("Q", [each | 1 for each in _fingerprints(lead_namespace, fact, lead_ids)]))

    def _write(self, events: "array[int]") -> None:
        self._events.seek(0, 2)
        self._events.write(events.tobytes())

    def among(self, lead_namespace: LeadNamespace, fact: Fact, lead_ids: Iterable[str]) -> set[str]:
        """Return those of the leads for which the fact is known to hold."""
        lead_ids = list(lead_ids)
        wanted = dict(zip(_fingerprints(lead_namespace, fact, lead_ids), lead_ids, strict=True))
        known: set[str] = set()
        self._events.seek(0)
        while chunk := self._events.read(_CHUNK):
            events = array("Q", chunk)
            if not any(event & ~1 in wanted for event in events):
                continue
            for event in events:
                if (lead_id := wanted.get(event & ~1)) is not None:
                    (known.discard if event & 1 else known.add)(lead_id)
        return known

    def close(self) -> None:
        """Delete the file, if there is one."""
        self._events.close()
