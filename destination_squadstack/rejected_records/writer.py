"""Keeps rejected records, whole, where their owner can fix and send them again.

Rows lie at {bucket_path}/{sync_id}/{namespace}/{stream}/ in files that are complete at any moment: a file is
replaced as a whole, so a crash leaves the old or the new one. A state that covers a rejected record leaves only after
its row has been committed.
"""

import math
from dataclasses import dataclass, field
from hashlib import blake2b

from destination_squadstack.engine.rejection import Rejection
from destination_squadstack.errors import ConfigError, SyncError, TransientError
from destination_squadstack.rejected_records.row_file import pack
from destination_squadstack.rejected_records.storage import ATTEMPT_SECONDS, RejectedRecordStorage, is_final
from destination_squadstack.routing import Route
from squadstack_common.clock import Clock
from squadstack_common.lossless_json import dump, member

# A commit writes its file again, so a file that has grown beyond this is left alone and the next one begun.
FILE_BYTES = 256 * 1024
# Rows of a source that sends no states must not pile up in memory.
BUFFER_BYTES = 1024 * 1024
# What a file system takes as the name of a folder, in bytes.
LONGEST_NAME = 255
# A storage that fails is tried again after so many seconds; then the sync fails, and its states have not left. Nothing
# else goes on meanwhile, so no try begins after these seconds: with the last one that makes a minute at most.
RETRY_AFTER = (1.0, 2.0, 4.0, 8.0)
NO_TRY_AFTER = 60.0 - ATTEMPT_SECONDS


@dataclass(slots=True)
class _File:
    folder: str
    number: int = 0
    content: bytes = b""
    rows: list[bytes] = field(default_factory=list)
    # The lines of the input that these rows stood in.
    numbers: list[int] = field(default_factory=list)


class RejectedRecordWriter:
    """Collects rejected records and commits them."""

    def __init__(self, storage: RejectedRecordStorage | None, *, run_id: str, clock: Clock) -> None:
        self._storage = storage
        self._run_id = run_id
        self._clock = clock
        self._files: dict[str, _File] = {}
        self._buffered = 0
        self._failed: SyncError | None = None

    def add(self, rejection: Rejection) -> None:
        """Take a rejected record; it is safe once `commit` has returned."""
        if self._storage is None:
            return
        row = self._row(rejection) + b"\n"
        folder = self._folder(rejection.route)
        file = self._files.setdefault(folder, _File(folder))
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
                content = file.content + pack(file.rows, file.numbers)
                self._put(f"{file.folder}/{self._run_id}-{file.number:06d}.jsonl.gz", content)
                file.rows.clear()
                file.numbers.clear()
                full = len(content) >= FILE_BYTES
                file.number, file.content = (file.number + 1, b"") if full else (file.number, content)
        self._buffered = 0

    def close(self) -> None:
        """Close the storage."""
        if self._storage is not None:
            self._storage.close()

    def _put(self, path: str, content: bytes) -> None:
        if self._storage is None:
            return
        if self._failed is not None:
            # Asked again on the way out: it has had its time, and SIGTERM leaves little.
            raise self._failed
        until = self._clock.monotonic() + NO_TRY_AFTER
        for wait in (*RETRY_AFTER, math.inf):
            try:
                self._storage.put(path, content)
            except OSError as error:
                final = is_final(error)
                if final or self._clock.monotonic() + wait > until:
                    kind = ConfigError if final else TransientError
                    self._failed = kind(_sentence(self._storage.field(error), error))
                    raise self._failed from None
                self._clock.sleep(wait)
            else:
                return

    def _folder(self, route: Route) -> str:
        parts = (self._sync_id(route), route.namespace or "_", route.stream)
        return "/".join(_as_folder(str(part)) for part in parts)

    def _sync_id(self, route: Route) -> int | str:
        return self._run_id if route.sync_id is None else route.sync_id

    def _row(self, rejection: Rejection) -> bytes:
        route = rejection.route
        row = {
            "run_id": self._run_id,
            "sync_id": self._sync_id(route),
            "stream": route.stream,
            "namespace": route.namespace,
            "operation": route.lane.operation.name,
            "lead_id": rejection.lead_id,
            "status_code": rejection.status,
            "reason": rejection.reason,
            "retryable": rejection.retryable,
            "attempts": rejection.attempts,
        }
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


def _sentence(field: str, error: OSError) -> str:
    return (
        f"object_storage_config.{field}: rejected records cannot be stored there "
        f"({error.strerror or type(error).__name__}). The states that cover them have not been acknowledged."
    )


def _as_folder(name: str) -> str:
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
