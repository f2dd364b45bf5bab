"""Stores rejected records, whole, so that their owner can correct and send them again.

Rows lie at {bucket_path}/{sync_id}/{namespace}/{stream}/ in files that are complete at any moment: a file is
replaced as a whole, so a crash leaves the old or the new one. A state that covers a rejected record leaves only after
its row has been committed.
"""

from dataclasses import dataclass, field
from hashlib import blake2b

from destination_squadstack.engine.rejection import Rejection
from destination_squadstack.rejected_records.file_names import ENDING
from destination_squadstack.rejected_records.part_files import PartFile, StorageWriter
from destination_squadstack.rejected_records.row_file import pack
from destination_squadstack.rejected_records.storage import RejectedRecordStorage
from destination_squadstack.routing import Route
from squadstack_common.clock import Clock
from squadstack_common.lossless_json import dump, member

# Rows of a source that sends no states must not pile up in memory.
BUFFER_BYTES = 1024 * 1024
# The longest name of a folder that a file system accepts, in bytes.
LONGEST_NAME = 255


@dataclass(slots=True)
class _File:
    parts: PartFile
    rows: list[bytes] = field(default_factory=list)
    # The lines of the input that these rows stood in.
    numbers: list[int] = field(default_factory=list)


class RejectedRecordWriter:
    """Collects rejected records and commits them."""

    def __init__(self, storage: RejectedRecordStorage | None, *, run_id: str, clock: Clock) -> None:
        self._storage = None if storage is None else StorageWriter(storage, clock, what="rejected records")
        self._run_id = run_id
        self._clock = clock
        self._files: dict[str, _File] = {}
        self._buffered = 0

    def add(self, rejection: Rejection) -> None:
        """Take a rejected record; it is safe once `commit` has returned."""
        if self._storage is None:
            return
        row = self._row(rejection) + b"\n"
        folder = self._folder(rejection.route)
        if (file := self._files.get(folder)) is None:
            file = _File(PartFile(self._storage, f"{folder}/{self._run_id}-", ENDING))
            self._files[folder] = file
        file.rows.append(row)
        file.numbers.append(rejection.number)
        self._buffered += len(row)
        if self._buffered >= BUFFER_BYTES:
            self.commit()

    def commit(self) -> None:
        """Make every row taken so far survive whatever happens to this process."""
        if self._storage is None or not self._buffered:
            return
        for file in self._files.values():
            if file.rows:
                file.parts.append(pack(file.rows, file.numbers))
                file.rows.clear()
                file.numbers.clear()
        self._buffered = 0

    def close(self) -> None:
        """Close the storage."""
        if self._storage is not None:
            self._storage.storage.close()

    def _folder(self, route: Route) -> str:
        parts = (self._sync_id(route), route.namespace or "_", route.stream)
        return "/".join(as_folder(str(part)) for part in parts)

    def _sync_id(self, route: Route) -> int | str:
        return self._run_id if route.sync_id is None else route.sync_id

    def _row(self, rejection: Rejection) -> bytes:
        route = rejection.route
        row: dict[str, object] = {
            "run_id": self._run_id,
            "sync_id": self._sync_id(route),
            "stream": route.stream,
            "namespace": route.namespace,
            "operation": rejection.operation,
            "lead_id": rejection.lead_id,
            "status_code": rejection.status,
            "reason": rejection.reason,
            "retryable": rejection.retryable,
            "attempts": rejection.attempts,
        }
        if rejection.operation != (of_the_stream := route.lane.operation.name):
            # Sent again, the record goes through the rules of its stream again.
            row["stream_operation"] = of_the_stream
        # The record is cut out of its message: written anew it would lose the digits that a float does not hold.
        emitted, data = (_part(rejection.line, name) for name in ("emitted_at", "data"))
        moment = int(self._clock.wall() * 1000)
        return dump(row)[:-1] + b',"emitted_at":%b,"rejected_at":%d,"data":%b}' % (emitted, moment, data)


def _part(line: bytes, name: str) -> bytes:
    """Return the text of one member of a RECORD message's record."""
    try:
        found = member(line, "record", name)
    except KeyError:
        return b"null"
    return line[found.start : found.end]


def as_folder(name: str) -> str:
    """Return a name that is one folder, whatever a stream is called. Else as it is: the platform links to it."""
    if not name.strip("."):
        return name.replace(".", "%2E") or "%"
    folder = name.replace("/", "%2F").replace("\0", "%00")
    if len(folder.encode()) <= LONGEST_NAME:
        return folder
    # Cut, and told apart by a hash: a name that no file system takes must not fail a sync at its first rejected row.
    return (
        folder.encode()[: LONGEST_NAME - 17].decode(errors="ignore")
        + "~"
        + blake2b(name.encode(), digest_size=8).hexdigest()
    )
