"""`replay`: reads rejected rows and hands them to a sync as if a source had sent them.

The files are read only. What fails again is kept by the sync like any rejected record, in new files under the run of
its own, so that replaying those goes on where this one ended.
"""

import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import fsspec  # type: ignore[import-untyped]  # it has no stubs

from destination_squadstack.errors import ConfigError, SyncError
from destination_squadstack.json_text import dump, load
from destination_squadstack.stores import S3Store, Store

ENDING = ".jsonl.gz"
_PIECE_BYTES = 1 << 16
# The sync mode that leads to an operation where the config leaves the choice to it.
_MODES = {"upsert": "append_dedup", "update": "update", "disable": "soft_delete"}


@dataclass(frozen=True, slots=True)
class Found:
    """What lies at the place: the streams with the operation that they were rejected from, and how much of it."""

    operations: Mapping[tuple[str | None, str], str]
    rows: int
    files: int

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


class RejectedRows:
    """The rows below a folder or an s3:// address, oldest file first."""

    def __init__(self, place: str, store: Store | None, *, only_retryable: bool = False) -> None:
        if place.startswith("s3://") and not isinstance(store, S3Store):
            raise ConfigError("--from names a bucket, but object_storage_config does not say how to get there.")
        options = store.options() if isinstance(store, S3Store) and place.startswith("s3://") else {}
        self._only_retryable = only_retryable
        try:
            self._files, root = fsspec.core.url_to_fs(place, **options)
            names = [root] if self._files.isfile(root) else self._files.find(root)
        except Exception as error:  # noqa: BLE001 - each kind of store raises what its own library raises
            raise _unreadable("--from", error) from None
        # A file's name begins with the moment its run began: in this order a lead's records are as old as they were.
        self._names = sorted(
            (cast("str", name) for name in names if str(name).endswith(ENDING)),
            key=lambda name: (name.rpartition("/")[2], name),
        )

    def look(self) -> Found:
        """Read everything once, to know the streams before anything is sent.

        Raises:
            ConfigError: There is nothing, or a stream was rejected from more than one operation.
        """
        operations: dict[tuple[str | None, str], str] = {}
        rows = 0
        for row in self._rows():
            rows += 1
            key, operation = (row["namespace"], row["stream"]), row["operation"]
            if operations.setdefault(key, operation) != operation:
                raise ConfigError(
                    f"The stream '{row['stream']}' has rows of {operations[key]} and of {operation}: "
                    "replay their folders one by one."
                )
        if not rows:
            raise ConfigError(f"--from leads to no rejected rows: no file below it ends in {ENDING} and holds any.")
        return Found(operations, rows, len(self._names))

    def reader(self) -> "Reader":
        """Return what a sync reads from."""
        return Reader(self._rows())

    def _rows(self) -> Iterator[dict[str, Any]]:
        for number, name in enumerate(self._names, 1):
            try:
                with self._files.open(name, "rb") as packed, gzip.open(packed) as lines:
                    for line in lines:
                        row = _row(line)
                        if row["retryable"] or not self._only_retryable:
                            yield row
            except SyncError:
                raise
            except ValueError:
                raise SyncError(f"File {number} of {len(self._names)} holds a line that is no rejected row.") from None
            except (EOFError, zlib.error, gzip.BadGzipFile):
                raise SyncError(f"File {number} of {len(self._names)} is not whole.") from None
            except Exception as error:  # noqa: BLE001 - see __init__
                raise _unreadable(f"File {number} of {len(self._names)}", error) from None


class Reader:
    """Gives the rows as RECORD messages, as stdin gives those of a source."""

    def __init__(self, rows: Iterator[dict[str, Any]]) -> None:
        self._lines = (_as_message(row) for row in rows)

    def __call__(self, size: int = _PIECE_BYTES) -> bytes:
        """Return about so many bytes of whole lines, or none at the end."""
        piece = bytearray()
        for line in self._lines:
            piece += line
            if len(piece) >= size:
                break
        return bytes(piece)


def _row(line: bytes) -> dict[str, Any]:
    row = load(line)
    if (
        not isinstance(row, dict)
        or not isinstance(row.get("data"), dict)
        or not all(isinstance(row.get(name), str) for name in ("stream", "operation"))
        or not isinstance(row.get("namespace"), str | None)
    ):
        raise ValueError("no rejected row")
    return {"retryable": False, "namespace": None, **row}


def _as_message(row: Mapping[str, Any]) -> bytes:
    record = {"stream": row["stream"], "emitted_at": row.get("emitted_at"), "data": row["data"]}
    if row["namespace"] is not None:
        record["namespace"] = row["namespace"]
    return dump({"type": "RECORD", "record": record}) + b"\n"


def _unreadable(what: str, error: Exception) -> SyncError:
    said = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return ConfigError(f"{what} cannot be read ({said}).")
