"""Rejected rows of earlier syncs that may work now, and the marks of those that need not be looked at again.

Marks lie at {bucket_path}/.squadstack/retried/, a file for each run; the rejected rows themselves stay as they are.
"""

import gzip
import io
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter
from typing import Any

import orjson

from destination_squadstack.engine.tracking import Origin, OwnRecord
from destination_squadstack.errors import SyncError
from destination_squadstack.protocol import StreamKey
from destination_squadstack.rejected_records.file_names import ENDING, LONGEST_SYNC, OWN_FOLDER, began_at
from destination_squadstack.rejected_records.later_records import LeftOut
from destination_squadstack.rejected_records.part_files import StorageWriter
from destination_squadstack.rejected_records.replay import RejectedRow, as_message, read_row
from destination_squadstack.rejected_records.row_file import unpack
from destination_squadstack.routing import Route
from squadstack_common.clock import Clock
from squadstack_common.lossless_json import load

MOST_ROWS = 10_000
FOLDER = ".squadstack/retried"

# Where a row stands: its run, the line of the input it stood in, file and place in it.
_Place = tuple[str, int, str, int]
_Lead = tuple[StreamKey, str]

Log = Callable[[str, str], None]
KnowsLater = Callable[[Route, str, int], bool]
FindLeftOut = Callable[[Sequence[RejectedRow]], LeftOut]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A rejected row of a lead. `is_open`: it is retryable and has not been dealt with."""

    lead: _Lead
    place: _Place
    operation: str
    rejected_at: int
    is_open: bool

    @property
    def name(self) -> str:
        """The file it is in."""
        return self.place[2]


class RetryableRows:
    """Finds the rows, hands them to a sync, and marks what became of them."""

    def __init__(
        self,
        writer: StorageWriter,
        routes: Sequence[Route],
        *,
        run_id: str,
        clock: Clock,
        log: Log,
        knows_later: KnowsLater,
        find_left_out: FindLeftOut,
        read_only: bool = False,
    ) -> None:
        self._writer = writer
        self._storage = writer.storage
        self._routes = {route.key: route for route in routes}
        self._run_id = run_id
        self._clock = clock
        self._log = log
        self._knows_later = knows_later
        self._find_left_out = find_left_out
        self._read_only = read_only
        self._done: defaultdict[str, set[int]] = defaultdict(set)
        self._done_files: set[str] = set()
        # What is added to the marks by this run.
        self._new: defaultdict[str, set[int]] = defaultdict(set)
        self._new_files: set[str] = set()

    def rows(self) -> Iterator[OwnRecord]:
        """Yield the rows that are to be sent, in the order in which they were read by the syncs that rejected them.

        Raises:
            OSError: The storage cannot be read.
        """
        self._read_marks()
        names = self._storage.names("")
        files = [name for name in names if name.endswith(ENDING) and not name.startswith(OWN_FOLDER)]
        chosen = self._choose([name for name in files if name not in self._done_files])
        by_file: defaultdict[str, set[int]] = defaultdict(set)
        for _, _, name, index in chosen:
            by_file[name].add(index)
        lines: dict[tuple[str, int], tuple[dict[str, Any], bytes]] = {}
        for name, wanted in by_file.items():
            lines |= {(name, index): (row, line) for index, _, row, line in self._read(name) if index in wanted}
        try:
            rows = [RejectedRow(lines[name, index][0], number or None) for _, number, name, index in chosen]
            left_out = self._find_left_out(rows).places
        except SyncError as error:
            self._log("WARN", f"No rejected record of an earlier sync is sent again. {error}")
            return
        for place, (_, _, name, index) in enumerate(chosen):
            row, line = lines.pop((name, index))
            if place in left_out:
                self._new[name].add(index)
                continue
            route = self._routes[row["namespace"] or None, row["stream"]]
            message = as_message(row, line)
            data = load(message)["record"]["data"]
            yield OwnRecord(Origin.RETRIED, route, message, data, partial(self._settled, name, index))

    def _choose(self, files: Sequence[str]) -> list[_Place]:
        """Return where the rows stand that are to be sent; the others are marked, where they will never be."""
        newest: dict[_Lead, _Place] = {}
        candidates: list[_Candidate] = []
        still_open: Counter[str] = Counter()
        for candidate in self._candidates(files):
            lead, place = candidate.lead, candidate.place
            newest[lead] = max(newest.get(lead, place), place)
            if candidate.is_open:
                still_open[candidate.name] += 1
                candidates.append(candidate)
        chosen: list[_Place] = []
        for candidate in sorted(candidates, key=attrgetter("place")):
            route = self._routes.get(candidate.lead[0])
            if route is None or route.lane.operation.name != candidate.operation:
                continue
            if newest[candidate.lead] != candidate.place or self._knows_later(
                route, candidate.lead[1], candidate.rejected_at
            ):
                self._new[candidate.name].add(candidate.place[-1])
                still_open[candidate.name] -= 1
            elif len(chosen) < MOST_ROWS:
                chosen.append(candidate.place)
        self._new_files |= {name for name in files if not still_open[name] and self._is_over(name)}
        return chosen

    def _candidates(self, files: Sequence[str]) -> Iterator[_Candidate]:
        for name in files:
            for index, number, row, _ in self._read(name):
                if isinstance(row.get("lead_id"), str):
                    yield _Candidate(
                        lead=((row["namespace"] or None, row["stream"]), row["lead_id"]),
                        place=(str(row.get("run_id", "")), number or 0, name, index),
                        operation=row["operation"],
                        rejected_at=int(row.get("rejected_at") or 0),
                        is_open=bool(row["retryable"]) and index not in self._done[name],
                    )

    def _read(self, name: str) -> Iterator[tuple[int, int | None, dict[str, Any], bytes]]:
        try:
            for index, (number, line) in enumerate(unpack(io.BytesIO(self._storage.read(name)))):
                if line:  # the row of a lead that is forgotten is blank
                    yield index, number, read_row(line), line
        except (ValueError, EOFError, zlib.error):
            self._log("WARN", "A file of rejected rows is not whole or holds other lines; what follows is passed over.")

    def _is_over(self, name: str) -> bool:
        """Tell whether the run that kept a file has ended: else the file may still grow."""
        began = began_at(name)
        return began is not None and datetime.fromtimestamp(self._clock.wall(), UTC) - began > LONGEST_SYNC

    # --- marks

    def _read_marks(self) -> None:
        for name in self._storage.names(FOLDER):
            try:
                marks = [orjson.loads(line) for line in gzip.decompress(self._storage.read(name)).splitlines()]
                for mark in marks:
                    self._done[mark["file"]].update(mark["rows"])
                    if mark["is_done"]:
                        self._done_files.add(mark["file"])
            except (ValueError, EOFError, zlib.error, gzip.BadGzipFile, KeyError, TypeError):
                self._log("WARN", f"A file in {FOLDER} is not whole: rows that it marks may be sent once more.")

    def _settled(self, name: str, index: int, _: bool) -> None:
        """Mark a row: it was written, or it was rejected again and has a newer row that says so."""
        self._new[name].add(index)

    def mark(self) -> None:
        """Keep the marks.

        Raises:
            SyncError: They cannot be stored.
        """
        if self._read_only or not (self._new or self._new_files):
            return
        marks = [
            {"file": name, "rows": sorted(self._new.get(name, ())), "is_done": name in self._new_files}
            for name in sorted({*self._new, *self._new_files})
        ]
        content = gzip.compress(b"".join(orjson.dumps(mark) + b"\n" for mark in marks), 6, mtime=0)
        self._writer.put(f"{FOLDER}/{self._run_id}.jsonl.gz", content)
