"""Where rejected rows are kept: a folder of this machine, or whatever fsspec reaches, such as S3."""

import contextlib
import os
from pathlib import Path
from typing import Any, Protocol, cast

import fsspec  # type: ignore[import-untyped]  # it has no stubs

from destination_squadstack.stores import LocalStore, S3Store, Store

_PROBE = ".squadstack-check"


class Place(Protocol):
    """Where files are kept."""

    def put(self, path: str, content: bytes) -> None:
        """Write a file so that it survives a crash once this returns; never leave half of one.

        Raises:
            OSError: It cannot be written.
        """


class LocalFolder:
    """A folder of this machine: a file is written under another name, synced to the disk and moved into place."""

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
        try:
            self._files.pipe_file(f"{self._root}/{path}", content)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - each kind of store raises what its own library raises
            raise OSError(type(error).__name__) from None

    def remove(self, path: str) -> None:
        """Remove a file, if that is allowed."""
        with contextlib.suppress(Exception):  # as in put; what stays behind is empty
            self._files.rm_file(f"{self._root}/{path}")


def open_store(store: Store | None, run_id: str) -> Place | None:
    """Return where the rows of a run go."""
    match store:
        case LocalStore(path):
            return LocalFolder(path, run_id)
        case S3Store():
            return ObjectStore(store.url, **store.options())
        case None:
            return None


def problem(store: Store | None) -> str | None:
    """Say why rows cannot be kept in a store. A bucket is tried with an empty object, since only that proves it."""
    if isinstance(store, LocalStore) and not _can_be_written(Path(store.path)):
        return "object_storage_config.bucket_path names a folder that cannot be written to."
    if isinstance(store, S3Store):
        return _bucket_problem(ObjectStore(store.url, **store.options()))
    return None


def _bucket_problem(bucket: ObjectStore) -> str | None:
    try:
        bucket.put(_PROBE, b"")
    except FileNotFoundError:
        return "object_storage_config.s3_bucket_name names no bucket."
    except PermissionError:
        return (
            "object_storage_config: the bucket may not be written to with these keys. "
            "Check access_key_id, secret_access_key and what they are allowed to do with the bucket."
        )
    except OSError as error:
        return (
            f"object_storage_config: the bucket cannot be reached ({error.strerror or error}). "
            "Check s3_endpoint, s3_bucket_region and the network."
        )
    bucket.remove(_PROBE)
    return None


def _can_be_written(folder: Path) -> bool:
    """Look without creating anything: a folder that is missing needs a parent in which it can be made."""
    existing = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
