"""`replay`: reads rejected records and passes them to a sync as if a source had sent them.

They go in the order in which they were read by the sync that rejected them, over all files, streams and runs: of a
lead's values the newest has to win. The files are read only. What fails again is kept by the sync like any rejected
record, in new files under the run of its own, so that replaying those goes on where this one ended.
"""

import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, cast

from destination_squadstack.config import S3Store, Store
from destination_squadstack.errors import ConfigError, SyncError, TransientError
from destination_squadstack.protocol import StreamKey
from destination_squadstack.rejected_records.external_sort import ExternalSort
from destination_squadstack.rejected_records.file_names import ENDING, OWN_FOLDER
from destination_squadstack.rejected_records.row_file import Readable, unpack
from destination_squadstack.rejected_records.storage import ObjectStorage, is_final
from squadstack_common.lossless_json import dump, load, member

_PIECE_BYTES = 1 << 16
_S3 = "s3://"
# For a list of all names, or four megabytes of a file.
_READ_SECONDS = 60.0
# The sync mode that leads to an operation where the config leaves the choice to it.
_MODES = {"upsert": "append_dedup", "update": "update", "disable": "soft_delete"}


@dataclass(frozen=True, slots=True)
class Found:
    """What lies at the address: the streams with the operation that they were rejected from, and how much of it."""

    operations: Mapping[StreamKey, str]
    rows_of: Mapping[StreamKey, int]
    passed_over: int
    files: int

    @property
    def rows(self) -> int:
        """How many rows there are to be sent."""
        return sum(self.rows_of.values())

    def catalog(self) -> dict[str, Any]:
        """Return a configured catalog that gives each stream the operation it had."""
        return {
            "streams": [
                {
                    "stream": {"name": stream, "namespace": namespace},
                    "destination_sync_mode": _MODES.get(operation, "append"),
                }
                for (namespace, stream), operation in self.operations.items()
            ]
        }

    def expect(self, streams: Collection[StreamKey]) -> None:
        """Compare with the streams of a catalog.

        Raises:
            ConfigError: There are rows of a stream that it lacks.
        """
        for (namespace, stream), rows in self.rows_of.items():
            if (namespace, stream) not in streams:
                of = f" of the namespace '{namespace}'" if namespace else ""
                raise ConfigError(
                    f"--catalog lacks the stream '{stream}'{of}, to which {rows} of the rejected records belong. "
                    "Add it, or leave --catalog out."
                )


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A rejected row, and the line of the input that its record stood in; None where that is not known."""

    content: dict[str, Any]
    line: int | None

    @property
    def key(self) -> StreamKey:
        """The stream it belongs to."""
        return self.content["namespace"] or None, self.content["stream"]

    @property
    def age(self) -> tuple[float, float]:
        """When its source emitted it, as far as that is known, and when it was rejected."""
        emitted, rejected = _moment(self.content.get("emitted_at")), _moment(self.content.get("rejected_at"))
        return _earlier(emitted, rejected), rejected


class RejectedRows:
    """The rows below a folder or an s3:// address, in the order in which they were read by the runs that kept them."""

    def __init__(self, address: str, storage: Store | None, *, only_retryable: bool = False) -> None:
        self._only_retryable = only_retryable
        try:
            self._open, names = _in_bucket(address, storage) if address.startswith(_S3) else _on_file_system(address)
        except SyncError:
            raise
        except Exception as error:  # noqa: BLE001 - each kind of storage raises what its own library raises
            raise _unreadable("--from", error) from None
        self._names = sorted(name for name in names if name.endswith(ENDING) and f"/{OWN_FOLDER}" not in f"/{name}")
        self._sorted = ExternalSort()
        self._is_one_run = True
        self._left_out: Collection[int] = frozenset()

    def look(self) -> Found:
        """Read and sort everything, before anything is sent.

        Raises:
            ConfigError: There is nothing, or a stream was rejected from more than one operation.
        """
        operations: dict[StreamKey, str] = {}
        rows_of: Counter[StreamKey] = Counter()
        passed_over = 0
        runs: set[str] = set()
        by_run = ExternalSort()
        for file, number, row, line in self._rows():
            if self._only_retryable and not row["retryable"]:
                passed_over += 1
                continue
            # What was to be done in place of the stream's operation follows from the record once more.
            key, operation = (row["namespace"] or None, row["stream"]), row.get("stream_operation", row["operation"])
            if operations.setdefault(key, operation) != operation:
                raise ConfigError(
                    f"The stream '{row['stream']}' has rows of {operations[key]} and of {operation}: "
                    "replay their folders one by one."
                )
            rows_of[key] += 1
            # A file's name begins with the run, and a run's id with the moment it began.
            run = str(row.get("run_id") or self._names[file].rpartition("/")[2])
            runs.add(run)
            emitted, rejected = _moment(row.get("emitted_at")), _moment(row.get("rejected_at"))
            # Without its number, as in a file that was packed anew, a row can only go by its times.
            by_run.add((run, number or 0, emitted, rejected, file), line)
        if not rows_of and not passed_over:
            raise ConfigError(f"--from leads to no rejected records: no file below it ends in {ENDING} and holds any.")
        self._sorted, self._is_one_run = by_run, len(runs) == 1
        if not self._is_one_run:
            self._sorted = _over_all_runs(by_run)
            by_run.close()
        return Found(operations, rows_of, passed_over, len(self._names))

    def close(self) -> None:
        """Delete the temporary files that the rows wait in."""
        self._sorted.close()

    def rows(self) -> "Iterator[RejectedRow]":
        """Yield all rows in the order in which they are sent, once `look` has been called."""
        for key, line in self._sorted:
            number = cast("int", key[1] if self._is_one_run else key[2])
            yield RejectedRow(read_row(line), number or None)

    def leave_out(self, places: Collection[int]) -> None:
        """Send no rows that stand in these places of that order."""
        self._left_out = places

    def reader(self) -> "Reader":
        """Return what a sync reads from, once `look` has been called."""
        sorted_rows = enumerate(self._sorted)
        return Reader(
            as_message(read_row(line), line) for place, (_, line) in sorted_rows if place not in self._left_out
        )

    def _rows(self) -> Iterator[tuple[int, int | None, dict[str, Any], bytes]]:
        for index, name in enumerate(self._names):
            what = f"File {index + 1} of {len(self._names)}"
            try:
                with self._open(name) as packed:
                    for number, line in unpack(packed):
                        if not line:
                            continue  # the row of a lead that is forgotten
                        yield index, number, read_row(line), line
            except SyncError:
                raise
            except ValueError:
                raise SyncError(f"{what} holds a line that is no rejected record.") from None
            except (EOFError, zlib.error):
                raise SyncError(f"{what} is not whole.") from None
            except Exception as error:  # noqa: BLE001 - see __init__
                raise _unreadable(what, error) from None


_Open = Callable[[str], AbstractContextManager[Readable]]


def _on_file_system(address: str) -> tuple[_Open, list[str]]:
    import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415 - it has no stubs; only this command pays for it

    files, root = fsspec.core.url_to_fs(address, skip_instance_cache=True)
    names = [root] if files.isfile(root) else files.find(root)
    return (lambda name: cast("AbstractContextManager[Readable]", files.open(name, "rb"))), [*map(str, names)]


def _in_bucket(address: str, storage: Store | None) -> tuple[_Open, list[str]]:
    """Read a bucket in pieces, each within its time: one that comes a byte at a time would be read for ever."""
    if not isinstance(storage, S3Store):
        raise ConfigError("--from names a bucket, but object_storage_config does not say how to get there.")
    bucket, _, key = address.removeprefix(_S3).partition("/")
    files = ObjectStorage(f"{_S3}{bucket}", seconds=_READ_SECONDS, **storage.options())
    return (lambda name: nullcontext(_Pieces(files.pieces(name)))), files.names(key)


class _Pieces:
    """Pieces of a file as a file, which gives as much at a time as it has."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, _: int, /) -> bytes:
        return next(self._pieces, b"")


def _over_all_runs(by_run: ExternalSort) -> ExternalSort:
    """Sort rows of several runs by when their source emitted them, the order within each run kept.

    The runs alone would not do: one that replayed old rows and kept some again is newer than what they say.
    """
    merged, this_run, latest = ExternalSort(), None, 0.0
    for position, (key, line) in enumerate(by_run):
        run, number, emitted, rejected, _ = cast("tuple[str, int, float, float, int]", key)
        if run != this_run:
            this_run, latest = run, 0.0
        latest = max(latest, _earlier(emitted, rejected))
        merged.add((latest, position, number), line)
    return merged


class Reader:
    """Gives the rows as RECORD messages, as stdin gives those of a source."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines

    def __call__(self, size: int = _PIECE_BYTES) -> bytes:
        """Return about so many bytes of whole lines, or none at the end."""
        piece = bytearray()
        for line in self._lines:
            piece += line + b"\n"
            if len(piece) >= size:
                break
        return bytes(piece)


def read_row(line: bytes) -> dict[str, Any]:
    """Return a rejected row.

    Raises:
        ValueError: The line is none.
    """
    row = load(line)
    if (
        not isinstance(row, dict)
        or not isinstance(row.get("data"), dict)
        or not all(isinstance(row.get(name), str) for name in ("stream", "operation"))
        or not isinstance(row.get("stream_operation", ""), str)
        or not isinstance(row.get("namespace"), str | None)
    ):
        raise ValueError("no rejected record")
    return {"retryable": False, "namespace": None, **row}


def _earlier(emitted: float, rejected: float) -> float:
    """Return when a record was emitted; it never was after it was rejected: such a time is in another unit."""
    return min(emitted or rejected, rejected or emitted)


def _moment(value: object) -> float:
    """Return epoch milliseconds, zero for what is none."""
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return float(cast("float", value)) if known else 0.0


def as_message(row: Mapping[str, Any], line: bytes) -> bytes:
    """Return the RECORD message. What the row holds of it is cut out of the text, so that no number loses a digit."""
    of = {name: row[name] for name in ("stream", "namespace") if row[name] is not None}
    parts = [b'"%b":%b' % (name.encode(), _part(line, name)) for name in ("emitted_at", "data") if name in row]
    return b'{"type":"RECORD","record":%b,%b}}' % (dump(of)[:-1], b",".join(parts))


def _part(line: bytes, name: str) -> bytes:
    found = member(line, name)
    return line[found.start : found.end]


def _unreadable(what: str, error: Exception) -> SyncError:
    said = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    wrong = is_final(error) if isinstance(error, OSError) else isinstance(error, ValueError | ImportError)
    return (ConfigError if wrong else TransientError)(f"{what} cannot be read ({said}).")
