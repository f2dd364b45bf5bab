"""The journal of the run that is under way: what it is about to send is in the storage before it is sent.

A commit covers all that has been read, so there are few of them. Each waits for the disk: a lead that had an entry
would be skipped for ever if a power failure took the news that it was sent, and one that is new would never be disabled
if its row had left by the next sync.
"""

from collections.abc import Iterable, Mapping

from destination_squadstack.rejected_records.part_files import PartFile, StorageWriter
from destination_squadstack.sent_leads.journal import Member, pack
from destination_squadstack.sent_leads.journal_list import FOLDER, JournalList
from destination_squadstack.sent_leads.memory import SentLeads

NAME = f"{FOLDER}/journal-"
# Outcomes that wait for so many others cost a call each if the run is killed.
EVENTS_KEPT_BACK = 1_000


class OwnJournal:
    """See the module. `knows`: until when this run knows of others, in their own time."""

    def __init__(
        self,
        writer: StorageWriter,
        memory: SentLeads,
        *,
        run_id: str,
        knows: Mapping[str, int],
        listed: JournalList,
        read_only: bool,
    ) -> None:
        self._memory = memory
        self._run_id = run_id
        self._knows = knows
        self._listed = listed
        self._read_only = read_only
        self._file = PartFile(writer, f"{NAME}{run_id}-", "")
        self._has_ended = False
        # How many members it has, and the files that they are in.
        self.members = 0
        self.files: list[str] = []

    def before_sending(self, leads: Iterable[tuple[int, str]]) -> None:
        """Make it safe that these leads, by scope, are sent now.

        Raises:
            SyncError: It cannot be stored, so nothing may be sent.
        """
        memory = self._memory
        if len(memory.events) - len(memory.uncovered) >= EVENTS_KEPT_BACK or (
            memory.uncovered and not memory.uncovered.isdisjoint(leads)
        ):
            self.commit()

    def commit(self, *, ended: bool = False) -> None:
        """Put what has happened into the journal.

        Raises:
            SyncError: It cannot be stored.
        """
        memory = self._memory
        if self._read_only:
            memory.take_events()
        if not memory.events and not (ended and self.members and not self._has_ended):
            return
        is_new = self._file.is_new
        member = Member(
            run_id=self._run_id,
            number=self.members,
            salt=memory.table.salt.hex(),
            knows=self._knows if is_new else {},
            scopes=memory.table.scopes.names(),
            events=memory.events,
            ended=ended,
        )
        name = self._file.append(pack(member))
        if is_new:
            self._listed.add(name)
            self.files.append(name)
        memory.take_events()
        self.members += 1
        self._has_ended = ended
