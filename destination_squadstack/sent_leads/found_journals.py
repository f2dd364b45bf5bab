"""The journals that a run finds beside the snapshot: what of them is not in it, and which files are needed no more."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace

from destination_squadstack.rejected_records.storage import RejectedRecordStorage
from destination_squadstack.sent_leads.journal import Damaged, Member, unpack
from destination_squadstack.sent_leads.lead_table import LeadTable
from destination_squadstack.sent_leads.merge import Key, take_in
from destination_squadstack.sent_leads.own_journal import NAME

# A run that has not said that it ended was killed, if it began so long ago. A platform gives up on one after days.
_KILLED_AFTER_MS = 14 * 24 * 60 * 60 * 1000


class FoundJournals:
    """See the module."""

    def __init__(self, storage: RejectedRecordStorage, names: Iterable[str], *, now: int) -> None:
        self._storage = storage
        self._now = now
        self._files: defaultdict[str, list[str]] = defaultdict(list)
        for name in sorted(names):
            if name.startswith(NAME):
                self._files[_run_of(name)].append(name)
        # Files that are not needed once this run has stored its memory.
        self.spent: list[str] = []
        # Whether the snapshot lacks something that is in them.
        self.has_news = False
        # The leads that two runs have sent without knowing of each other.
        self.conflicts: set[Key] = set()

    @property
    def runs(self) -> Collection[str]:
        """The runs whose journals these are."""
        return self._files.keys()

    def first_salt(self) -> bytes | None:
        """Return the salt of their memory."""
        for names in self._files.values():
            for member in unpack(self._storage.read(names[0])):
                return bytes.fromhex(member.salt)
        return None

    def without(self, missing: Iterable[str], table: LeadTable) -> None:
        """Pass over what is left of journals of which a file is missing."""
        for run_id in {_run_of(name) for name in missing}:
            table.pass_over(run_id)
            self.spent += self._files.pop(run_id, [])

    def pass_over(self, table: LeadTable) -> None:
        """Have all of them ignored: whatever they refer to is lost."""
        for run_id, names in self._files.items():
            self.spent += names
            table.pass_over(run_id, self._count(names))

    def take_in(self, table: LeadTable) -> str | None:
        """Take in what is not in the snapshot; return what is wrong with one of them."""
        trouble: str | None = None
        fresh: list[tuple[int, str, list[Member]]] = []
        merged = {run_id: members for run_id, (_, members) in table.runs().items()}
        for run_id, names in self._files.items():
            try:
                members = self._members(run_id, names, merged.get(run_id, 0), table.salt.hex())
            except Damaged as damaged:
                trouble = str(damaged)
                table.pass_over(run_id)
                self.spent += names
            else:
                if members:
                    fresh.append((len(members[0].knows), run_id, members))
        self.has_news = bool(fresh)
        # A run that knew of another one knew of all that that one did.
        for _, _, members in sorted(fresh, key=lambda entry: entry[:2]):
            own: set[Key] = set()
            for member in members:
                take_in(table, member, own)
            self.conflicts |= own
        return trouble

    def _members(self, run_id: str, names: list[str], merged: int, salt: str) -> list[Member]:
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
                self.spent.append(name)
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
        return last_at < self._now - _KILLED_AFTER_MS


def _run_of(name: str) -> str:
    return name.removeprefix(NAME).rpartition("-")[0]
