"""Carries the memory from and to the storage; see the package for what may go wrong and does not."""

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from destination_squadstack.rejected_records.part_files import StorageWriter
from destination_squadstack.rejected_records.storage import RejectedRecordStorage
from destination_squadstack.sent_leads.database import database_from, new_database
from destination_squadstack.sent_leads.found_journals import FoundJournals
from destination_squadstack.sent_leads.journal import Damaged, pack, unpack
from destination_squadstack.sent_leads.journal_list import FOLDER, JournalList, Listed
from destination_squadstack.sent_leads.memory import SentLeads
from destination_squadstack.sent_leads.own_journal import NAME as JOURNAL
from destination_squadstack.sent_leads.own_journal import OwnJournal
from destination_squadstack.sent_leads.snapshot import Manifest, read_manifest, read_parts, write_parts
from squadstack_common.clock import Clock

MANIFEST = f"{FOLDER}/manifest.json"
_SNAPSHOT = f"{FOLDER}/snapshot-"
_MS = 1000

Log = Callable[[str, str], None]


class MemoryFiles:
    """Reads a memory, keeps this run's journal, and stores the memory at the end."""

    def __init__(
        self,
        writer: StorageWriter,
        *,
        run_id: str,
        clock: Clock,
        log: Log,
        resend_after_days: int,
        read_only: bool = False,
        new_salt: Callable[[], bytes] = lambda: os.urandom(16),
    ) -> None:
        self._writer = writer
        self._storage = writer.storage
        self._run_id = run_id
        self._clock = clock
        self._log = log
        self._days = resend_after_days
        self._read_only = read_only
        self._new_salt = new_salt
        self._listed = JournalList(writer)
        self._manifest: bytes | None = None
        # Files that nobody needs any more once this run has stored its memory, and those that are lost.
        self._spent: list[str] = []
        self._lost: frozenset[str] = frozenset()
        # Whether the snapshot lacks something that was found beside it, or is damaged.
        self._is_to_be_replaced = False
        self.memory, self._journals_found = self._load()
        self._journal = OwnJournal(
            writer,
            self.memory,
            run_id=run_id,
            knows={each: last_at for each, (last_at, _) in self.memory.table.runs().items() if each != run_id},
            listed=self._listed,
            read_only=read_only,
        )

    # --- loading

    def _load(self) -> tuple[SentLeads, FoundJournals]:
        """Return what is known.

        Raises:
            OSError: The storage cannot be read.
        """
        trouble: str | None = None
        listed: Listed | None = Listed()
        try:
            listed = self._listed.read()
        except Damaged as damaged:
            trouble = str(damaged)
        names = self._storage.names(FOLDER)
        self._manifest = self._read_manifest()
        found = FoundJournals(self._storage, names, now=self._now())
        self._lost = frozenset() if listed is None else listed.files - set(names)
        try:
            memory, has_list = self._snapshot(found, listed)
        except Damaged as damaged:
            if self._has_moved_on():
                return self._load()
            memory = self._begin(new_database(self._new_salt()))
            found.pass_over(memory.table)
            self._spent += names
            what = "Who left before today is not known"
            trouble = str(damaged)
        else:
            if self._lost or (has_list and listed is None):
                if self._has_moved_on():
                    return self._load()
                trouble = "a file of its journal is missing" if self._lost else "the list of its journals is missing"
                found.without(self._lost, memory.table)
            trouble = found.take_in(memory.table) or trouble
            if trouble is not None:
                memory.table.make_void()
            what = "Nothing that it says is believed"
        memory.table.begin()
        self._is_to_be_replaced = trouble is not None or found.has_news
        self._spent += found.spent
        self._warn(trouble, what, len(found.conflicts))
        return memory, found

    def _warn(self, trouble: str | None, what: str, conflicts: int) -> None:
        if conflicts:
            self._log(
                "WARN",
                f"Two syncs ran at once and sent {conflicts} of the same leads, so nobody knows which values "
                "stand: their records are sent again. Give each connection leads or a bucket_path of its own.",
            )
        if trouble is not None:
            self._log(
                "WARN",
                f"The memory of what was sent ({FOLDER} in object_storage_config) cannot be used: {trouble}. {what}: "
                "this sync sends every record.",
            )

    def _read_manifest(self) -> bytes | None:
        try:
            return self._storage.read(MANIFEST)
        except FileNotFoundError:
            return None

    def _has_moved_on(self) -> bool:
        """Tell whether another run has stored its memory since this one read the manifest."""
        return self._read_manifest() != self._manifest

    def _begin(self, database: sqlite3.Connection) -> SentLeads:
        return SentLeads(database, run_id=self._run_id, resend_after_days=self._days)

    def _snapshot(self, found: FoundJournals, listed: Listed | None) -> tuple[SentLeads, bool]:
        """Return the memory of the snapshot, and whether there has to be a list of journals beside it."""
        if self._manifest is None:
            if found.runs and (listed is None or listed.beside_snapshot):
                raise Damaged("its manifest is missing")
            # A run that was killed before there was a snapshot has left its salt in its journal.
            return self._begin(new_database(found.first_salt() or self._new_salt())), False
        manifest = read_manifest(self._manifest)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "sent_leads")
            read_parts(manifest, lambda name: self._storage.read(f"{FOLDER}/{name}"), file)
            try:
                return self._begin(database_from(str(file))), manifest.lists_journals
            except (sqlite3.Error, TypeError):
                raise Damaged("its snapshot is in no known form") from None

    def _now(self) -> int:
        return int(self._clock.wall() * _MS)

    # --- this run's journal

    def before_sending(self, leads: Iterable[tuple[int, str]]) -> None:
        """Make it safe that these leads, by scope, are sent now.

        Raises:
            SyncError: It cannot be stored, so nothing may be sent.
        """
        self._journal.before_sending(leads)

    def commit(self, *, ended: bool = False) -> None:
        """Put what has happened into the journal.

        Raises:
            SyncError: It cannot be stored.
        """
        self._journal.commit(ended=ended)

    # --- storing

    def store(self) -> None:
        """Store the memory as a whole, unless another run has done so since this one began.

        Raises:
            SyncError: It cannot be stored; this run's journal holds what it has learned.
        """
        self.commit(ended=True)
        if self._read_only or (not self._journal.members and not self._is_to_be_replaced):
            return
        try:
            moved_on = self._has_moved_on()
        except OSError:
            moved_on = True
        if moved_on:
            self._log(
                "WARN",
                "Another sync has written the memory of what was sent while this one ran. Nothing is lost: what this "
                "sync has sent is in a journal beside it, which the next sync takes in.",
            )
            return
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "sent_leads")
            self.memory.table.store(
                str(file),
                self.memory.run,
                members=self._journal.members,
                now=self._now(),
                journals=self._journals_found.runs,
            )
            parts = write_parts(
                file,
                f"{_SNAPSHOT}{self._run_id}-".removeprefix(f"{FOLDER}/"),
                lambda name, content: self._writer.put(f"{FOLDER}/{name}", content),
            )
        manifest = Manifest(self._run_id, tuple(parts), lists_journals=True)
        self._writer.put(MANIFEST, manifest.text())
        self._listed.drop([*self._spent, *self._lost, *self._journal.files])
        self._clear_away(manifest)

    def forget(self, lead_id: str) -> int:
        """Forget a lead, in the memory and in the journals beside it; return how many entries there were.

        Raises:
            OSError: The storage cannot be read.
            SyncError: It cannot be written.
        """
        ids = {lead_id, self.memory.hidden(lead_id)}
        entries = self.memory.table.forget(*ids)
        if entries and not self._read_only:
            self._is_to_be_replaced = True
            self.store()
        # Where the memory has entries, those of the journals are the same: how many are left of these is chance.
        in_journals = sum(
            self._forget_in_journal(name, ids) for name in self._storage.names(FOLDER) if name.startswith(JOURNAL)
        )
        return entries or in_journals

    def _forget_in_journal(self, name: str, ids: set[str]) -> int:
        """Take a lead out of a journal that is still needed; its members stay, because they are counted."""
        try:
            members = list(unpack(self._storage.read(name)))
        except Damaged:
            return 0  # nobody believes it, and the next sync removes it
        kept = [replace(each, events=[event for event in each.events if event[1] not in ids]) for each in members]
        found = sum(len(each.events) for each in members) - sum(len(each.events) for each in kept)
        if found and not self._read_only:
            self._writer.put(name, b"".join(map(pack, kept)))
        return found

    def _clear_away(self, manifest: Manifest) -> None:
        """Delete what nobody needs. Keys that may not delete leave files that are passed over."""
        kept = {f"{FOLDER}/{part.name}" for part in manifest.parts}
        before = set() if self._manifest is None else _part_names(self._manifest)
        for name in {*self._spent, *before} - kept:
            if name.startswith((_SNAPSHOT, JOURNAL)):
                try:
                    self._storage.remove(name)
                except OSError:
                    return

    def close(self) -> None:
        """Let go of the memory."""
        self.memory.table.close()


def has_memory(storage: RejectedRecordStorage) -> bool:
    """Tell whether earlier syncs have kept a memory: it has to hear of what this one sends, or it would be wrong."""
    try:
        return bool(storage.names(FOLDER))
    except OSError:
        # Keys that may only write have never kept one.
        return False


def _part_names(manifest: bytes) -> set[str]:
    try:
        return {f"{FOLDER}/{part.name}" for part in read_manifest(manifest).parts}
    except Damaged:
        return set()
