"""Where rejected rows are kept: a folder of this machine, or whatever fsspec reaches, such as S3."""

import contextlib
import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import fsspec  # type: ignore[import-untyped]  # it has no stubs

from destination_squadstack.stores import LocalStore, S3Store, Store

_TRIAL = ".squadstack-check"
_DRAFT = ".squadstack-draft"


class Place(Protocol):
    """Where files are kept."""

    def put(self, path: str, content: bytes) -> None:
        """Write a file so that it survives a crash once this returns; never leave half of one.

        Raises:
            OSError: It cannot be written.
        """

    def field(self, error: OSError) -> str:
        """Return the field of the config that such an error is about."""

    def close(self) -> None:
        """Let go of it."""


class LocalFolder:
    """A folder of this machine: a file is written under another name, synced to the disk and moved into place.

    A run that is killed between the two leaves that draft behind. Nobody but its owner knows that it is dead, so all
    who use a folder hold a shared lock on it, which dies with them: who gets it alone may clear away all drafts.
    """

    def __init__(self, root: str, run_id: str) -> None:
        self._root = Path(root)
        self._draft = self._root / f".{run_id}{_DRAFT}"
        self._lock: int | None = None
        with contextlib.suppress(OSError):  # whoever writes to it is told why
            self._enter()

    def put(self, path: str, content: bytes) -> None:
        """Write a file so that it survives a crash once this returns; never leave half of one."""
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        self._enter()
        with self._draft.open("wb") as draft:
            draft.write(content)
            draft.flush()
            os.fsync(draft.fileno())
        self._draft.replace(target)
        for folder in (target.parent, *target.parent.parents):
            _sync_folder(folder)
            if folder == self._root:
                break

    def _enter(self) -> None:
        if self._lock is not None:
            return
        self._lock = os.open(self._root, os.O_RDONLY)
        with contextlib.suppress(OSError):  # others are here, or the file system knows no locks: drafts are left alone
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for draft in self._root.glob(f".*{_DRAFT}"):
                draft.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            fcntl.flock(self._lock, fcntl.LOCK_SH)

    def field(self, _: OSError) -> str:
        """Return the field of the config that such an error is about."""
        return "bucket_path"

    def close(self) -> None:
        """Let go of it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


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
        with _as_os_error():
            self._files.pipe_file(f"{self._root}/{path}", content)

    def try_out(self) -> None:
        """Prove that objects can be written, and leave none: an upload that is begun and given up is never seen.

        An object that is written and removed would stay where the keys may write but not delete.

        Raises:
            OSError: They cannot.
        """
        bucket, _, path = self._root.partition("/")
        name = {"Bucket": bucket, "Key": f"{path}/{_TRIAL}".lstrip("/")}
        with _as_os_error():
            upload = self._files.call_s3("create_multipart_upload", **name)
        with contextlib.suppress(Exception):  # nobody sees it, and it holds nothing
            self._files.call_s3("abort_multipart_upload", **name, UploadId=upload["UploadId"])

    def field(self, error: OSError) -> str:
        """Return the field of the config that such an error is about."""
        match error:
            case FileNotFoundError():
                return "s3_bucket_name"
            case PermissionError():
                return "access_key_id"
            case _:
                return "s3_endpoint"

    def close(self) -> None:
        """Have nothing to let go of."""


@contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - each kind of store raises what its own library raises
        raise OSError(errno.EIO, type(error).__name__) from None


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
    """Say why rows cannot be kept in a store. It is tried, since nothing else proves it, and nothing stays behind."""
    match store:
        case LocalStore(path):
            return _folder_problem(Path(path))
        case S3Store():
            return _bucket_problem(ObjectStore(store.url, **store.options()))
        case None:
            return None


def _folder_problem(folder: Path) -> str | None:
    """Try it with a file that has no name; a folder that is missing needs a parent in which it can be made."""
    try:
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        with tempfile.TemporaryFile(dir=existing) as trial:
            trial.write(b"\0")
            trial.flush()
            os.fsync(trial.fileno())
    except OSError as error:
        return f"object_storage_config.bucket_path names a folder that cannot be written to ({error.strerror})."
    return None


def _bucket_problem(bucket: ObjectStore) -> str | None:
    try:
        bucket.try_out()
    except FileNotFoundError:
        return "object_storage_config.s3_bucket_name names no bucket."
    except PermissionError:
        return (
            "object_storage_config.access_key_id: the bucket may not be written to with these keys. "
            "Check them, secret_access_key and what they are allowed to do below bucket_path."
        )
    except OSError as error:
        return (
            "object_storage_config.s3_endpoint: the bucket cannot be reached "
            f"({error.strerror or type(error).__name__}). Check the address, s3_bucket_region and the network."
        )
    return None
