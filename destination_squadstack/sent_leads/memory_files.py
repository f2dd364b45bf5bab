"""Carries the memory from and to the storage; see the package for what may go wrong and does not."""

import os
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from destination_squadstack.rejected_records.part_files import PartFile, StorageWriter
from destination_squadstack.rejected_records.storage import RejectedRecordStorage
from destination_squadstack.sent_leads.database import database_from, new_database
from destination_squadstack.sent_leads.journal import Damaged, Member, pack, unpack
from destination_squadstack.sent_leads.memory import SentLeads
from destination_squadstack.sent_leads.snapshot import Manifest, read_manifest, read_parts, write_parts
from squadstack_common.clock import Clock

FOLDER = ".squadstack/sent"
MANIFEST = f"{FOLDER}/manifest.json"
_JOURNAL = "journal-"
_SNAPSHOT = "snapshot-"
_JOURNAL_NAME = f"{FOLDER}/{_JOURNAL}"
# Outcomes that wait for so many others cost a call each if the run is killed.
EVENTS_KEPT_BACK = 1_000
# A run that has not said that it ended was killed, if it began so long ago. A platform gives up on one after days.
_KILLED_AFTER_MS = 14 * 24 * 60 * 60 * 1000
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
        self._journal = PartFile(writer, f"{_JOURNAL_NAME}{run_id}-", "")
        self._members = 0
        self._has_ended = False
        # Whether the snapshot lacks something that was found beside it, or is damaged.
        self._is_to_be_replaced = False
        self._manifest: bytes | None = None
        # Files that nobody needs any more once this run has stored its memory.
        self._spent: list[str] = []
        self._journals: set[str] = set()
        self._knows: dict[str, int] = {}
        self.memory = self._load()

    # --- loading

    def _load(self) -> SentLeads:
        """Return what is known.

        Raises:
            OSError: The storage cannot be read.
        """
        names = self._storage.names(FOLDER)
        self._manifest = self._read_manifest()
        trouble: str | None = None
        try:
            memory = self._snapshot()
        except Damaged as damaged:
            if (now := self._read_manifest()) != self._manifest:
                # Another run has stored its memory meanwhile.
                self._manifest = now
                return self._load()
            trouble = str(damaged)
            memory = self._begin(new_database(self._new_salt()))
        journals = _by_run(names)
        self._journals = set(journals)
        if trouble is None:
            trouble = self._replay(memory, journals)
            what = "Nothing that it says is believed"
        else:
            what = "Who left before today is not known"
            self._spent += names
            for run_id, files in journals.items():
                memory.pass_over(run_id, self._count(files))
        memory.ready()
        if trouble is not None:
            self._is_to_be_replaced = True
            self._log(
                "WARN",
                f"The memory of what was sent ({FOLDER} in object_storage_config) cannot be used: {trouble}. {what}: "
                "this sync sends every record.",
            )
        self._knows = {run_id: last_at for run_id, (last_at, _) in memory.runs().items()}
        return memory

    def _read_manifest(self) -> bytes | None:
        try:
            return self._storage.read(MANIFEST)
        except FileNotFoundError:
            return None

    def _begin(self, database: sqlite3.Connection) -> SentLeads:
        return SentLeads(database, run_id=self._run_id, resend_after_days=self._days)

    def _snapshot(self) -> SentLeads:
        if self._manifest is None:
            return self._begin(new_database(self._first_salt()))
        manifest = read_manifest(self._manifest)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "sent_leads")
            read_parts(manifest, lambda name: self._storage.read(f"{FOLDER}/{name}"), file)
            try:
                return self._begin(database_from(str(file)))
            except (sqlite3.Error, TypeError):
                raise Damaged("its snapshot is in no known form") from None

    def _first_salt(self) -> bytes:
        """Return the salt of a memory that has no snapshot yet: that of its journals, if a run was killed before."""
        for name in self._storage.names(FOLDER):
            if name.startswith(_JOURNAL_NAME):
                for member in unpack(self._storage.read(name)):
                    return bytes.fromhex(member.salt)
        return self._new_salt()

    def _replay(self, memory: SentLeads, journals: dict[str, list[str]]) -> str | None:
        """Apply the journals that are not in the snapshot; return what is wrong with one of them."""
        trouble: str | None = None
        fresh: list[tuple[int, str, list[Member]]] = []
        merged = {run_id: members for run_id, (_, members) in memory.runs().items()}
        for run_id, names in journals.items():
            try:
                members = self._members_of(run_id, names, merged.get(run_id, 0), memory.salt.hex())
            except Damaged as damaged:
                trouble = str(damaged)
                memory.pass_over(run_id)
                self._spent += names
            else:
                if members:
                    fresh.append((len(members[0].knows), run_id, members))
        self._is_to_be_replaced = bool(fresh)
        conflicts: set[tuple[int, str]] = set()
        # A run that knew of another one knew of all that that one did.
        for _, _, members in sorted(fresh, key=lambda entry: entry[:2]):
            own: set[tuple[int, str]] = set()
            for member in members:
                memory.replay(member.run_id, member.scopes, member.events, member.knows, own)
            conflicts |= own
        if trouble is not None:
            memory.make_void()
        if conflicts:
            self._log(
                "WARN",
                f"Two syncs ran at once and sent {len(conflicts)} of the same leads, so nobody knows which values "
                "stand: their records are sent again. Give each connection leads or a bucket_path of its own.",
            )
        return trouble

    def _members_of(self, run_id: str, names: list[str], merged: int, salt: str) -> list[Member]:
        """Return what of a run's journal is not in the snapshot, and note which of its files are not needed."""
        fresh: list[Member] = []
        ended = False
        knows: dict[str, int] = {}
        for name in names:
            new = False
            for member in unpack(self._storage.read(name)):
                # Only the first one of a file says it.
                knows = dict(member.knows) or knows
                ended |= member.ended
                if member.number >= merged:
                    new = True
                    fresh.append(replace(member, knows=knows))
            # The last file may still grow.
            if not new and (name != names[-1] or ended or self._is_long_ago(member)):
                self._spent.append(name)
        for number, member in enumerate(fresh, merged):
            if member.number != number or member.run_id != run_id:
                raise Damaged("a part of its journal is missing")
            if member.salt != salt:
                raise Damaged("its journal is that of another memory")
        return fresh

    def _count(self, names: list[str]) -> int | None:
        """Return how many members a run's journal has, None if that cannot be told."""
        try:
            return 1 + max(member.number for name in names for member in unpack(self._storage.read(name)))
        except Damaged:
            return None

    def _is_long_ago(self, member: Member) -> bool:
        last_at = max((event[2] for event in member.events), default=0)
        return last_at < self._now() - _KILLED_AFTER_MS

    def _now(self) -> int:
        return int(self._clock.wall() * _MS)

    # --- this run's journal

    def before_sending(self, leads: Iterable[tuple[int, str]]) -> None:
        """Make it safe that these leads, by scope, are sent now.

        Raises:
            SyncError: It cannot be stored, so nothing may be sent.
        """
        memory = self.memory
        if len(memory.events) - len(memory.uncovered) >= EVENTS_KEPT_BACK or (
            memory.uncovered and not memory.uncovered.isdisjoint(leads)
        ):
            self.commit()

    def commit(self, *, ended: bool = False) -> None:
        """Put what has happened into the journal.

        Raises:
            SyncError: It cannot be stored.
        """
        memory = self.memory
        if self._read_only:
            memory.take_events()
        if not memory.events and not (ended and self._members and not self._has_ended):
            return
        member = Member(
            run_id=self._run_id,
            number=self._members,
            salt=memory.salt.hex(),
            knows=self._knows if self._journal.is_new else {},
            scopes=memory.scope_names(),
            events=memory.events,
            ended=ended,
        )
        self._journal.append(pack(member))
        memory.take_events()
        self._members += 1
        self._has_ended = ended

    # --- storing

    def store(self) -> None:
        """Store the memory as a whole, unless another run has done so since this one began.

        Raises:
            SyncError: It cannot be stored; this run's journal holds what it has learned.
        """
        self.commit(ended=True)
        if self._read_only or (not self._members and not self._is_to_be_replaced):
            return
        try:
            moved_on = self._read_manifest() != self._manifest
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
            self.memory.store(str(file), members=self._members, now=self._now(), journals=self._journals)
            parts = write_parts(
                file,
                f"{_SNAPSHOT}{self._run_id}-",
                lambda name, content: self._writer.put(f"{FOLDER}/{name}", content),
            )
        manifest = Manifest(self._run_id, tuple(parts))
        self._writer.put(MANIFEST, manifest.text())
        self._clear_away(manifest)

    def forget(self, lead_id: str) -> int:
        """Forget a lead, in the memory and in the journals beside it; return how many entries there were.

        Raises:
            OSError: The storage cannot be read.
            SyncError: It cannot be written.
        """
        ids = {lead_id, self.memory.hidden(lead_id)}
        entries = self.memory.forget(lead_id)
        if entries and not self._read_only:
            self._is_to_be_replaced = True
            self.store()
        for name in self._storage.names(FOLDER):
            if name.startswith(_JOURNAL_NAME):
                entries += self._forget_in_journal(name, ids)
        return entries

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
        kept = {f"{FOLDER}/{part.name}" for part in manifest.parts} | {MANIFEST}
        before = set() if self._manifest is None else _part_names(self._manifest)
        snapshots = f"{FOLDER}/{_SNAPSHOT}"
        for name in {*self._spent, *before}:
            if name in kept or (not name.startswith(snapshots) and not name.startswith(_JOURNAL_NAME)):
                continue
            try:
                self._storage.remove(name)
            except OSError:
                return

    def close(self) -> None:
        """Let go of the memory."""
        self.memory.close()


def has_memory(storage: RejectedRecordStorage) -> bool:
    """Tell whether earlier syncs have kept a memory: it has to hear of what this one sends, or it would be wrong."""
    try:
        return bool(storage.names(FOLDER))
    except OSError:
        # Keys that may only write have never kept one.
        return False


def _by_run(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the journals' files by the run that their names tell, in order."""
    journals: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        if name.startswith(_JOURNAL_NAME):
            journals[name.removeprefix(_JOURNAL_NAME).rpartition("-")[0]].append(name)
    return dict(journals)


def _part_names(manifest: bytes) -> set[str]:
    try:
        return {f"{FOLDER}/{part.name}" for part in read_manifest(manifest).parts}
    except Damaged:
        return set()
