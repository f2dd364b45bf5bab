"""Takes a lead's rows out of the rejected records, the delivery log and the rows of withheld leads.

Each file that holds the lead is replaced as a whole. A row's line stays, empty: what is known of the rows behind it by
their place is still about them. A file that holds nothing any more is removed.
"""

import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from destination_squadstack.delivery_log import FOLDER, WITHHELD_FOLDER
from destination_squadstack.errors import SyncError, TransientError
from destination_squadstack.rejected_records.file_names import ENDING, OWN_FOLDER, WITHHELD_ENDING, began_at
from destination_squadstack.rejected_records.part_files import StorageWriter
from destination_squadstack.rejected_records.row_file import pack, unpack
from destination_squadstack.rejected_records.storage import RejectedRecordStorage
from squadstack_common.clock import Clock
from squadstack_common.lossless_json import load

Log = Callable[[str, str], None]

_WITHHELD = f"{WITHHELD_FOLDER}/"
_LOGS = (f"{FOLDER}/", _WITHHELD)
_ENDINGS = (ENDING, WITHHELD_ENDING)


class Removed(NamedTuple):
    """How many rows were taken out of rejected records and of the delivery log, from how many files, and what else."""

    rejected: int
    deliveries: int
    files: int
    remembered: int = 0


def remove_rows(
    storage: RejectedRecordStorage, clock: Clock, lead_id: str, id_fields: Iterable[str], *, look_only: bool, log: Log
) -> Removed:
    """Take every row of a lead out of the files of a storage.

    Args:
        storage: Where they are.
        clock: Tells when to try again.
        lead_id: The lead.
        id_fields: The fields of a record that may hold its id.
        look_only: Whether rows are only counted.
        log: Told of each file that held the lead.

    Raises:
        SyncError: A file cannot be read or written.
    """
    writer = StorageWriter(storage, clock, what="what is left of a file")
    names = tuple({"lead_id", *id_fields})
    rejected = deliveries = files = 0
    try:
        for path in storage.names(""):
            is_log = path.startswith(_LOGS)
            if not path.endswith(_ENDINGS) or (path.startswith(OWN_FOLDER) and not is_log):
                continue
            lines = list(_lines(path, storage.read(path)))
            found = [_holds(line, lead_id, names) for _, line in lines]
            if not any(found):
                continue
            log("INFO", f"{path} holds the lead in {sum(found)} of {len(lines)} rows.")
            files += 1
            rejected, deliveries = rejected + sum(found) * (not is_log), deliveries + sum(found) * is_log
            left = [(number, b"" if held else line) for held, (number, line) in zip(found, lines, strict=True)]
            if look_only:
                continue
            if any(line for _, line in left):
                writer.put(path, _packed(left))
            else:
                storage.remove(path)
    except OSError as error:
        raise TransientError(
            f"object_storage_config.{storage.field(error)}: what is kept cannot be read or removed "
            f"({error.strerror or type(error).__name__}). Run forget again."
        ) from None
    return Removed(rejected, deliveries, files)


def remove_old(storage: RejectedRecordStorage, *, now: float, days: int) -> int:
    """Remove what syncs that began longer ago rejected and withheld; return how many files that were.

    A file is told by its name, which begins with the moment its sync began: whoever put other files there keeps them.

    Raises:
        OSError: They cannot be listed or removed.
    """
    before = datetime.fromtimestamp(now, UTC) - timedelta(days=days)
    old = 0
    for path in storage.names(""):
        began = began_at(path)
        is_kept = path.startswith(OWN_FOLDER) and not path.startswith(_WITHHELD)
        if began is not None and not is_kept and began < before:
            storage.remove(path)
            old += 1
    return old


def _lines(path: str, content: bytes) -> Iterator[tuple[int | None, bytes]]:
    try:
        yield from unpack(io.BytesIO(content))
    except (EOFError, zlib.error):
        raise SyncError(f"{path} is not whole: nobody can tell whose rows it holds. Delete it by hand.") from None


def _holds(line: bytes, lead_id: str, names: Iterable[str]) -> bool:
    if not line:
        return False
    try:
        row = load(line)
    except ValueError:
        return False
    if not isinstance(row, dict):
        return False
    data = row.get("data")
    values = [row.get("lead_id"), *(map(data.get, names) if isinstance(data, dict) else ())]
    return lead_id in (_as_id(value) for value in values)


def _as_id(value: Any) -> str | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None or isinstance(value, bool | dict | list) else str(value)


def _packed(lines: Iterable[tuple[int | None, bytes]]) -> bytes:
    """Return a file's content: members of rows whose place in the input is known, and of others."""
    content = b""
    for known, members in groupby(lines, key=lambda each: each[0] is not None):
        rows = list(members)
        text = [line + b"\n" for _, line in rows]
        content += pack(text, [number or 0 for number, _ in rows]) if known else gzip.compress(b"".join(text), mtime=0)
    return content
