"""The delivery log: what became of each record of a run, one row each, in the storage of the rejected records.

Rows lie at {bucket_path}/.squadstack/deliveries/{sync_id}/ as gzipped JSON lines. A state that covers a record leaves
only after the record's row is there, so "what became of row X?" has an answer for all that a source has ever been told
is done.
"""

import gzip
from collections.abc import Mapping

import orjson

from destination_squadstack.campaigns import CampaignOperation
from destination_squadstack.engine.tracking import Verdict
from destination_squadstack.rejected_records.part_files import PartFile, StorageWriter
from destination_squadstack.rejected_records.writer import as_folder
from destination_squadstack.routing import Route
from squadstack_common.clock import Clock

FOLDER = ".squadstack/deliveries"
# The size of the rows that may wait for the next commit.
BUFFER_BYTES = 4 * 1024 * 1024


class DeliveryLog:
    """Collects rows and commits them. Without a writer it keeps nothing."""

    def __init__(self, writer: StorageWriter | None, *, run_id: str, clock: Clock) -> None:
        self._writer = writer
        self._run_id = run_id
        self._clock = clock
        # What all rows of a stream and an operation on a campaign have in common, as JSON.
        self._heads: dict[tuple[int, int], bytes] = {}
        self._files: dict[str, PartFile] = {}
        self._rows: dict[str, list[bytes]] = {}
        self._buffered = 0

    @property
    def is_kept(self) -> bool:
        """Whether there is a log."""
        return self._writer is not None

    def add(
        self,
        route: Route,
        lane: CampaignOperation,
        lead_id: str | None,
        verdict: Verdict,
        *,
        status_code: int | None = None,
        reason: str | None = None,
        calls: int = 0,
    ) -> None:
        """Note what became of a record; it is safe once `commit` has returned."""
        if self._writer is None:
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
        self._rows.setdefault(self._folder(route), []).append(row)
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
        for folder, rows in self._rows.items():
            if rows:
                if folder not in self._files:
                    self._files[folder] = PartFile(self._writer, f"{folder}/{self._run_id}-", ".jsonl.gz")
                self._files[folder].append(gzip.compress(b"".join(rows), 6, mtime=0))
                rows.clear()
        self._buffered = 0

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
        return f"{FOLDER}/{as_folder(str(self._sync_id(route)))}"


def _dumped(row: Mapping[str, object]) -> bytes:
    try:
        return orjson.dumps(row)
    except TypeError:
        # Half of a surrogate pair in an id, which JSON can hold and UTF-8 cannot.
        return orjson.dumps({name: _as_unicode(value) for name, value in row.items()})


def _as_unicode(value: object) -> object:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
