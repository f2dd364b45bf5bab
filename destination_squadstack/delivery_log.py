"""The delivery log: what became of each record of a run, one row each, in the storage of the rejected records.

Rows lie at {bucket_path}/.squadstack/deliveries/{sync_id}/ as gzipped JSON lines. A state that covers a record leaves
only after the record's row is there, so "what became of row X?" has an answer for all that a source has ever been told
is done.

Where nobody asked for the log, the rows of withheld leads are kept all the same, in
{bucket_path}/.squadstack/withheld/: of records that say that their lead is not to be called. A rejected record may be
sent again much later, and must not call a lead that was deleted at its source meanwhile.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from destination_squadstack.campaigns import CampaignOperation
from destination_squadstack.engine.tracking import Verdict
from destination_squadstack.rejected_records.file_names import ENDING, WITHHELD_ENDING
from destination_squadstack.rejected_records.part_files import PartFile, StorageWriter
from destination_squadstack.rejected_records.row_file import pack
from destination_squadstack.rejected_records.writer import as_folder
from destination_squadstack.routing import Route
from squadstack_common.clock import Clock

FOLDER = ".squadstack/deliveries"
WITHHELD_FOLDER = ".squadstack/withheld"
WITHHELD = frozenset({Verdict.FILTERED, Verdict.DELETED_AT_SOURCE, Verdict.SUPPRESSED, Verdict.DISABLED_GONE})
# The size of the rows that may wait for the next commit.
BUFFER_BYTES = 4 * 1024 * 1024
# A commit replaces a file in the storage. States may come many times a second: they wait for the next one.
SECONDS_BETWEEN_COMMITS = 5.0


@dataclass(slots=True)
class _Rows:
    rows: list[bytes] = field(default_factory=list)
    # The lines of the input that these rows are about.
    numbers: list[int] = field(default_factory=list)


class DeliveryLog:
    """Collects rows and commits them.

    Args:
        writer: Where they are kept; None: nowhere.
        run_id: The run.
        clock: Tells when a row was decided.
        keeps_all: Whether each record has a row; else those that withhold a lead.
        is_replay: Whether the records were read by earlier runs: then they say nothing of what came after others.
    """

    def __init__(
        self,
        writer: StorageWriter | None,
        *,
        run_id: str,
        clock: Clock,
        keeps_all: bool = True,
        is_replay: bool = False,
    ) -> None:
        self._writer = writer
        self._run_id = run_id
        self._clock = clock
        self._is_replay = is_replay
        self._root, self._ending = (FOLDER, ENDING) if keeps_all else (WITHHELD_FOLDER, WITHHELD_ENDING)
        self.keeps_all = keeps_all and writer is not None
        # What all rows of a stream and an operation on a campaign have in common, as JSON.
        self._heads: dict[tuple[int, int], bytes] = {}
        self._files: dict[str, PartFile] = {}
        self._rows: dict[str, _Rows] = {}
        self._buffered = 0
        self._next_commit_at = -math.inf

    @property
    def due_at(self) -> float:
        """When the rows that wait are to be committed; a moment that is past where none do."""
        return self._next_commit_at if self._buffered else -math.inf

    @property
    def is_kept(self) -> bool:
        """Whether any rows are kept."""
        return self._writer is not None

    def add(
        self,
        route: Route,
        lane: CampaignOperation,
        lead_id: str | None,
        verdict: Verdict,
        *,
        number: int = 0,
        status_code: int | None = None,
        reason: str | None = None,
        calls: int = 0,
    ) -> None:
        """Note what became of a record; it is safe once `commit` has returned.

        Args:
            route: Where its stream goes.
            lane: Where it went itself.
            lead_id: Its lead, if it says which.
            verdict: What became of it.
            number: The line of the input that it stood in, which tells it from what was read after it; 0: in none.
            status_code: What the API said of it last.
            reason: The reason of a refusal.
            calls: How many calls held it.
        """
        if self._writer is None or not (self.keeps_all or _withholds(lane, verdict)):
            return
        if (head := self._heads.get((route.index, lane.index))) is None:
            head = self._heads[route.index, lane.index] = self._head(route, lane)
        rest = {
            "lead_id": lead_id,
            "verdict": verdict,
            "status_code": status_code,
            "reason": reason,
            "calls": calls,
            "decided_at": int(self._clock.wall() * 1000),
        }
        row = head + _dumped(rest)[1:] + b"\n"
        if (waiting := self._rows.get(folder := self._folder(route))) is None:
            waiting = self._rows[folder] = _Rows()
        waiting.rows.append(row)
        waiting.numbers.append(0 if self._is_replay else number)
        self._buffered += len(row)
        if self._buffered >= BUFFER_BYTES:
            self.commit()

    def commit(self) -> None:
        """Make every row taken so far survive whatever happens to this process.

        Raises:
            SyncError: It cannot be stored.
        """
        if self._writer is None or not self._buffered:
            return
        for folder, waiting in self._rows.items():
            if waiting.rows:
                if folder not in self._files:
                    self._files[folder] = PartFile(self._writer, f"{folder}/{self._run_id}-", self._ending)
                self._files[folder].append(pack(waiting.rows, waiting.numbers))
                waiting.rows.clear()
                waiting.numbers.clear()
        self._buffered = 0
        self._next_commit_at = self._clock.monotonic() + SECONDS_BETWEEN_COMMITS

    def _head(self, route: Route, lane: CampaignOperation) -> bytes:
        _, target = lane.lead_namespace
        head = {
            "run_id": self._run_id,
            "sync_id": self._sync_id(route),
            "stream": route.stream,
            "namespace": route.namespace,
            "operation": lane.operation.name,
            "target": target,
        }
        return _dumped(head)[:-1] + b","

    def _sync_id(self, route: Route) -> int | str:
        return self._run_id if route.sync_id is None else route.sync_id

    def _folder(self, route: Route) -> str:
        return f"{self._root}/{as_folder(str(self._sync_id(route)))}"


def _withholds(lane: CampaignOperation, verdict: Verdict) -> bool:
    return verdict in WITHHELD or (verdict is Verdict.WRITTEN and lane.operation.stops_calls)


def _dumped(row: Mapping[str, object]) -> bytes:
    try:
        return orjson.dumps(row)
    except TypeError:
        # Half of a surrogate pair in an id, which JSON can hold and UTF-8 cannot.
        return orjson.dumps({name: _as_unicode(value) for name, value in row.items()})


def _as_unicode(value: object) -> object:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
