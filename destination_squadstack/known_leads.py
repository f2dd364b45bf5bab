"""Which leads this run has already seen in a campaign that it creates leads in.

A create whose answer was lost and that is then refused as a duplicate was applied by us, unless the lead was there
before. Counting the second kind as written would hide that the record's fields never arrived: 2,227 records of a first
version were lost that way.

Only 8 bytes of a hash are kept for each lead, in the order of events, in a file once there are a million of them.
Writing costs next to nothing; looking up reads through all of it, and happens only after a lost answer.
"""

import tempfile
from array import array
from collections.abc import Iterable
from typing import IO, cast

IN_MEMORY = 1_000_000
_CHUNK = 1 << 20
_EVEN = (1 << 64) - 2


def _fingerprint(scope: int, lead_id: str) -> int:
    """Return an even number; the odd one after it stands for "gone".

    Python's own hash of a text has 64 bits and a key of its own in each process, and nothing here outlives the process.
    """
    return hash((scope, lead_id)) & _EVEN


class KnownLeads:
    """Remembers leads, and says which of some it has seen."""

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._events = cast("IO[bytes]", tempfile.SpooledTemporaryFile(max_size=in_memory * 8))  # noqa: SIM115 - lives with the run

    def add(self, scope: int, lead_ids: Iterable[str]) -> None:
        """Remember that the campaign has these leads."""
        self._write(array("Q", [_fingerprint(scope, lead_id) for lead_id in lead_ids]))

    def discard(self, scope: int, lead_ids: Iterable[str]) -> None:
        """Remember that the campaign no longer has these leads."""
        self._write(array("Q", [_fingerprint(scope, lead_id) | 1 for lead_id in lead_ids]))

    def _write(self, events: "array[int]") -> None:
        self._events.seek(0, 2)
        self._events.write(events.tobytes())

    def among(self, scope: int, lead_ids: Iterable[str]) -> set[str]:
        """Return those of the leads that the campaign is known to have."""
        wanted = {_fingerprint(scope, lead_id): lead_id for lead_id in lead_ids}
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
