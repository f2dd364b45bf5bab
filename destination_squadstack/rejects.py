"""Keeps rejected records, whole, where their owner can fix and send them again.

Rows lie at {bucket_path}/{sync_id}/{namespace}/{stream}/ in files that are complete at any moment: a file is written
anew under another name, synced to the disk and moved into place, so a crash leaves the old or the new one. A state that
covers a rejected record leaves only after its row has been committed.
"""

import gzip
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

import fsspec  # type: ignore[import-untyped]  # it has no stubs

from destination_squadstack.clock import Clock
from destination_squadstack.errors import SyncError
from destination_squadstack.json_text import dump, load
from destination_squadstack.routing import Route

# A commit writes its file again, so a file that has grown beyond this is left alone and the next one begun.
FILE_BYTES = 256 * 1024
# Rows of a source that sends no states must not pile up in memory.
BUFFER_BYTES = 1024 * 1024


class Place(Protocol):
    """Where files are kept."""

    def put(self, path: str, content: bytes) -> None:
        """Write a file so that it survives a crash once this returns; never leave half of one."""


class LocalFolder:
    """A folder of this machine."""

    def __init__(self, root: str, run_id: str) -> None:
        self._root = Path(root)
        self._draft = self._root / f".{run_id}.draft"

    def put(self, path: str, content: bytes) -> None:
        """Write a file so that it survives a crash once this returns; never leave half of one."""
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._draft.open("wb") as draft:
            draft.write(content)
            draft.flush()
            os.fsync(draft.fileno())
        self._draft.replace(target)
        for folder in (target.parent, *target.parent.parents):
            _sync_folder(folder)
            if folder == self._root:
                break


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class ObjectStore:
    """Anything that fsspec reaches and that replaces whole objects, such as S3."""

    def __init__(self, url: str, **options: Any) -> None:
        self._files, root = fsspec.core.url_to_fs(url, **options)
        self._root = cast("str", root).rstrip("/")

    def put(self, path: str, content: bytes) -> None:
        """Write a file so that it survives a crash once this returns; never leave half of one."""
        self._files.pipe_file(f"{self._root}/{path}", content)


@dataclass(frozen=True, slots=True)
class Rejection:
    """One record that was not accepted. `status` is None when it was not sent."""

    route: Route
    line: bytes
    lead_id: str | None
    status: int | None
    reason: str
    retryable: bool
    attempts: int


@dataclass(slots=True)
class _File:
    folder: str
    number: int = 0
    content: bytes = b""
    rows: list[bytes] = field(default_factory=list)


class RejectedStore:
    """Collects rejected records and commits them."""

    def __init__(self, place: Place | None, *, run_id: str, clock: Clock) -> None:
        self._place = place
        self._run_id = run_id
        self._clock = clock
        self._files: dict[str, _File] = {}
        self._buffered = 0

    def add(self, rejection: Rejection) -> None:
        """Take a rejected record; it is safe once `commit` has returned."""
        if self._place is None:
            return
        row = dump(self._row(rejection)) + b"\n"
        folder = self._folder(rejection.route)
        file = self._files.setdefault(folder, _File(folder))
        file.rows.append(row)
        self._buffered += len(row)
        if self._buffered >= BUFFER_BYTES:
            self.commit()

    def commit(self) -> None:
        """Make every row taken so far survive whatever happens to this process."""
        if self._place is None or not self._buffered:
            return
        for file in self._files.values():
            if file.rows:
                content = file.content + gzip.compress(b"".join(file.rows), compresslevel=6, mtime=0)
                self._put(f"{file.folder}/{self._run_id}-{file.number:06d}.jsonl.gz", content)
                file.rows.clear()
                full = len(content) >= FILE_BYTES
                file.number, file.content = (file.number + 1, b"") if full else (file.number, content)
        self._buffered = 0

    def _put(self, path: str, content: bytes) -> None:
        if self._place is None:
            return
        try:
            self._place.put(path, content)
        except OSError as error:
            raise SyncError(
                "object_storage_config: rejected records cannot be stored there "
                f"({error.strerror or type(error).__name__}). The states that cover them have not been acknowledged."
            ) from None

    def _folder(self, route: Route) -> str:
        parts = (self._sync_id(route), route.namespace or "_", route.stream)
        return "/".join(_as_folder(str(part)) for part in parts)

    def _sync_id(self, route: Route) -> int | str:
        return self._run_id if route.sync_id is None else route.sync_id

    def _row(self, rejection: Rejection) -> Mapping[str, Any]:
        route = rejection.route
        record = load(rejection.line)["record"]
        return {
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
            "emitted_at": record.get("emitted_at"),
            "rejected_at": int(self._clock.wall() * 1000),
            "data": record["data"],
        }


def _as_folder(name: str) -> str:
    """Return a name that is one folder, whatever a stream is called. Else as it is: the platform links to it."""
    if not name.strip("."):
        return name.replace(".", "%2E") or "%"
    return name.replace("/", "%2F").replace("\0", "%00")
