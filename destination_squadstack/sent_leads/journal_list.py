"""The list of the journals that there must be: one that somebody deletes would be noticed by nothing else.

A run puts each file of its journal on the list before it sends what that file covers, and the run that has taken a file
into its snapshot takes it off. The list also says that there has been a snapshot: journals that are older than one may
be left beside it, and without it they would claim what is no longer so. Two runs that write the list at one time may
lose a name: then nobody notices if that file is lost too.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import orjson

from destination_squadstack.rejected_records.part_files import StorageWriter
from destination_squadstack.sent_leads.journal import Damaged

FOLDER = ".squadstack/sent"
LIST = f"{FOLDER}/journals.json"
FORMAT = "squadstack sent leads: journals"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Listed:
    """What the list says: the paths of the journals that there must be, and whether there must be a snapshot."""

    files: frozenset[str] = frozenset()
    beside_snapshot: bool = False


class JournalList:
    """See the module."""

    def __init__(self, writer: StorageWriter) -> None:
        self._writer = writer
        self._known = Listed()

    def read(self) -> Listed | None:
        """Return what the list says; None if there is no list.

        Raises:
            Damaged: The list cannot be believed.
            OSError: The storage cannot be read.
        """
        try:
            content = orjson.loads(self._writer.storage.read(LIST))
            if content["format"] != FORMAT or content["version"] != VERSION:
                raise Damaged("the list of its journals was written by another version")
            files = frozenset(f"{FOLDER}/{name}" for name in content["files"])
            self._known = Listed(files, content["beside_snapshot"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise Damaged("the list of its journals is not whole") from None
        return self._known

    def add(self, name: str) -> None:
        """Put a file on the list.

        Raises:
            SyncError: It cannot be stored.
        """
        before = self._newest()
        self._write(replace(before, files=before.files | {name}))

    def drop(self, names: Collection[str]) -> None:
        """Take files off the list that are in the snapshot now, or lost.

        Raises:
            SyncError: It cannot be stored.
        """
        self._write(Listed(self._newest().files - frozenset(names), beside_snapshot=True))

    def _newest(self) -> Listed:
        try:
            return self.read() or Listed()
        except (OSError, Damaged):
            return self._known

    def _write(self, listed: Listed) -> None:
        self._known = listed
        files = sorted(name.removeprefix(f"{FOLDER}/") for name in listed.files)
        content = {"format": FORMAT, "version": VERSION, "beside_snapshot": listed.beside_snapshot, "files": files}
        self._writer.put(LIST, orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
