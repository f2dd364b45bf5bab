"""The storage of rejected records: a folder of this machine, or anything that fsspec reaches, such as S3."""

import contextlib
import errno
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

from destination_squadstack.config import LocalStore, S3Store, Store
from destination_squadstack.errors import ConfigError, SyncError, TransientError
from squadstack_common.clock import Clock

# How long one try to reach an object store may take, whatever it is that does not answer.
ATTEMPT_SECONDS = 15.0
_PAUSE_BEFORE_THE_SECOND_TRIAL = 1.0
_MOVED = 301
_CLIENT_ERRORS = range(400, 500)
# Refusals that may be over at the next try, whatever their status.
_PASSING = frozenset({408, 409, 425, 429})
_PASSING_CODES = frozenset({"RequestTimeout", "IncompleteBody", "BadDigest", "OperationAborted", "SlowDown"})
_WRONG_REGION = frozenset(
    {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"}
)
_FOLDER_IS_WRONG = frozenset({errno.EROFS, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EISDIR, errno.ELOOP})

_READ_TRIES = 3
_PIECE = 4 << 20

_TRIAL = ".squadstack-check"
_DRAFT = ".squadstack-draft"


class RejectedRecordStorage(Protocol):
    """The interface of a storage."""

    def put(self, path: str, content: bytes) -> None:
        """Write a file so that it survives a crash once this returns; never leave half of one.

        Raises:
            OSError: It cannot be written.
        """

    def read(self, path: str) -> bytes:
        """Return a file.

        Raises:
            FileNotFoundError: There is none.
            OSError: It cannot be read.
        """

    def names(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder, sorted; none where there is no such folder.

        Raises:
            OSError: It cannot be read.
        """

    def remove(self, path: str) -> None:
        """Delete a file.

        Raises:
            OSError: It cannot be deleted.
        """

    def field(self, error: OSError) -> str:
        """Return the field of the config that such an error is about."""

    def close(self) -> None:
        """Close the storage."""


class LocalFolderStorage:
    """A folder of this machine: a file is written under another name, synced to the disk and moved into place.

    A run that is killed between the two leaves that draft behind. Nobody but its owner knows that it is dead, so all
    who use a folder hold a shared lock on it, which dies with them: who gets it alone may clear away all drafts.
    """

    def __init__(self, root: str, run_id: str) -> None:
        self._root = Path(root)
        self._draft = self._root / f".{run_id}{_DRAFT}"
        self._lock: int | None = None
        # Folders whose own names this run has made safe. Each sync of a folder waits for the disk.
        self._safe: set[Path] = set()
        with contextlib.suppress(OSError):  # the error of the first write says why
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
            if folder == self._root or folder in self._safe:
                break
        self._safe.add(target.parent)

    def read(self, path: str) -> bytes:
        """Return a file."""
        return (self._root / path).read_bytes()

    def names(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder, sorted; none where there is no such folder."""
        return sorted(str(path.relative_to(self._root)) for path in (self._root / folder).rglob("*") if path.is_file())

    def remove(self, path: str) -> None:
        """Delete a file."""
        (self._root / path).unlink()

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
        """Close the storage."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class ObjectStorage:
    """Anything that fsspec reaches and that replaces whole objects, such as S3. Each call is one try, and bounded."""

    def __init__(self, url: str, *, seconds: float = ATTEMPT_SECONDS, **options: Any) -> None:
        # Imported here, since it takes a sixth of a sync's start, and a folder needs none of it.
        import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415 - it has no stubs
        from fsspec.asyn import sync  # type: ignore[import-untyped]  # noqa: PLC0415

        self._sync = sync
        self._files, root = fsspec.core.url_to_fs(url, skip_instance_cache=True, **options)
        self._root = cast("str", root).rstrip("/")
        self._seconds = seconds
        # s3fs tries five times by itself.
        self._files.retries = 1

    def put(self, path: str, content: bytes) -> None:
        """Write a file so that it survives a crash once this returns; never leave half of one."""
        self._call("pipe_file", f"{self._root}/{path}", content)

    def read(self, path: str) -> bytes:
        """Return a file."""
        return cast("bytes", self._read("cat_file", f"{self._root}/{path}"))

    def names(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder, sorted; none where there is no such folder."""
        self._files.invalidate_cache()
        try:
            found = self._read("find", f"{self._root}/{folder}")
        except FileNotFoundError:
            return []
        return sorted(cast("str", name).removeprefix(f"{self._root}/") for name in found)

    def remove(self, path: str) -> None:
        """Delete a file."""
        self._call("rm_file", f"{self._root}/{path}")

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        with _as_os_error(self._seconds):
            if self._files.async_impl:
                call = getattr(self._files, f"_{name}")
                return self._sync(self._files.loop, call, *args, timeout=self._seconds, **kwargs)
            return getattr(self._files, name)(*args, **kwargs)

    def pieces(self, path: str) -> Iterator[bytes]:
        """Read a file, however long it is; one that is replaced meanwhile is not read half and half.

        Raises:
            OSError: It cannot be read.
        """
        name = f"{self._root}/{path}"
        before = self._read("info", name)
        for start in range(0, before["size"], _PIECE):
            yield self._read("cat_file", name, start=start, end=min(start + _PIECE, before["size"]))
        self._files.invalidate_cache()
        after = self._read("info", name)
        if (before["size"], before.get("ETag")) != (after["size"], after.get("ETag")):
            raise OSError(errno.EBUSY, "it was replaced while it was read")

    def _read(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Read something, again where that may help: unlike a write, nobody else tries it again."""
        for left in reversed(range(_READ_TRIES)):
            try:
                return self._call(name, *args, **kwargs)
            except OSError as error:
                if is_final(error) or not left:
                    raise
        raise AssertionError("the last try returns or raises")

    def try_out(self) -> None:
        """Test that objects can be written, and leave none: an upload that is begun and given up is never visible.

        An object that is written and removed would stay where the keys may write but not delete.

        Raises:
            OSError: They cannot.
        """
        bucket, _, path = self._root.partition("/")
        name = {"Bucket": bucket, "Key": f"{path}/{_TRIAL}".lstrip("/")}
        upload = self._call("call_s3", "create_multipart_upload", **name)
        with contextlib.suppress(OSError):  # nobody sees it, and it holds nothing
            self._call("call_s3", "abort_multipart_upload", **name, UploadId=upload["UploadId"])

    def field(self, error: OSError) -> str:
        """Return the field of the config that such an error is about."""
        code, _ = _said(error)
        if code in _WRONG_REGION:
            return "s3_bucket_region"
        if isinstance(error, PermissionError):
            return "access_key_id"
        if isinstance(error, FileNotFoundError) or code == "InvalidBucketName":
            return "s3_bucket_name"
        return "s3_endpoint"

    def close(self) -> None:
        """Do nothing: nothing is open."""


@contextmanager
def _as_os_error(seconds: float) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise OSError(errno.ETIMEDOUT, f"no answer in {seconds:.0f} s") from None
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - each kind of storage raises what its own library raises
        raise OSError(errno.EIO, type(error).__name__) from None


def is_final(error: OSError) -> bool:
    """Return whether an error needs a change of the config; any other may be over at the next try."""
    code, status = _said(error)
    if status is not None:
        return code not in _PASSING_CODES and (
            status == _MOVED or (status in _CLIENT_ERRORS and status not in _PASSING)
        )
    return isinstance(error, PermissionError | FileNotFoundError) or error.errno in _FOLDER_IS_WRONG


def _said(error: OSError) -> tuple[str | None, int | None]:
    """Return the code and the HTTP status of a refusal by S3, if it is one."""
    response = getattr(error.__cause__, "response", None) or {}
    code = response.get("Error", {}).get("Code")
    return code, response.get("ResponseMetadata", {}).get("HTTPStatusCode")


def open_storage(store: Store | None, run_id: str) -> RejectedRecordStorage | None:
    """Return the storage that the config names."""
    match store:
        case LocalStore(path):
            return LocalFolderStorage(path, run_id)
        case S3Store():
            return ObjectStorage(store.url, **store.options())
        case None:
            return None


def problem(store: Store | None, clock: Clock) -> SyncError | None:
    """Return why records cannot be stored, or None. It writes for proof, and leaves nothing behind."""
    match store:
        case LocalStore(path):
            return _folder_problem(Path(path))
        case S3Store():
            return bucket_problem(ObjectStorage(store.url, **store.options()), clock)
        case None:
            return None


def _folder_problem(folder: Path) -> SyncError | None:
    """Try it with a file that has no name; a folder that is missing needs a parent in which it can be made."""
    try:
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        with tempfile.TemporaryFile(dir=existing) as trial:
            trial.write(b"\0")
            trial.flush()
            os.fsync(trial.fileno())
    except OSError as error:
        kind = ConfigError if is_final(error) else TransientError
        return kind(f"object_storage_config.bucket_path names a folder that cannot be written to ({error.strerror}).")
    return None


class Bucket(Protocol):
    """The interface of a bucket that can be tested."""

    def try_out(self) -> None:
        """Test that objects can be written, and leave none."""

    def field(self, error: OSError) -> str:
        """Return the field of the config that such an error is about."""


def bucket_problem(bucket: Bucket, clock: Clock) -> SyncError | None:
    """Try a bucket out, a second time if it does not answer the first."""
    error = _tried(bucket)
    if error is not None and not is_final(error):
        clock.sleep(_PAUSE_BEFORE_THE_SECOND_TRIAL)
        error = _tried(bucket)
    if error is None:
        return None
    field, said = bucket.field(error), error.strerror or type(error).__name__
    if not is_final(error):
        return TransientError(
            f"object_storage_config.{field}: the bucket cannot be reached ({said}). "
            "If the address and the network are right, try again later."
        )
    return ConfigError(_BUCKET_PROBLEMS[field].format(said=said))


_BUCKET_PROBLEMS = {
    "s3_bucket_name": "object_storage_config.s3_bucket_name names no bucket.",
    "access_key_id": "object_storage_config.access_key_id: the bucket may not be written to with these keys. "
    "Check them, secret_access_key and what they are allowed to do below bucket_path.",
    "s3_bucket_region": "object_storage_config.s3_bucket_region is not where the bucket is ({said}).",
    "s3_endpoint": "object_storage_config.s3_endpoint: the bucket refuses to be written to ({said}). "
    "Check the address and s3_bucket_region.",
}


def _tried(bucket: Bucket) -> OSError | None:
    try:
        bucket.try_out()
    except OSError as error:
        return error
    return None
