"""A run that uses the memory of sent leads, without the sync around it."""

from collections.abc import Callable

from destination_squadstack.engine.tracking import Outcome, Unchanged
from destination_squadstack.rejected_records.part_files import StorageWriter
from destination_squadstack.rejected_records.storage import RejectedRecordStorage
from destination_squadstack.sent_leads.memory_files import MemoryFiles

BEGINS_AT = 1_700_000_000.0
# Gives a run its storage, by the run's id.
OpenStorage = Callable[[str], RejectedRecordStorage]


class MemoryRun:
    """A run that sends leads of one stream to one campaign. It is its own clock."""

    def __init__(self, storage: OpenStorage, number: int, *, campaign: str = "ref-1") -> None:
        self.logs: list[tuple[str, str]] = []
        self.now = BEGINS_AT
        run_id = f"run-{number}"
        self.files = MemoryFiles(
            StorageWriter(storage(run_id), self, what="the memory of what was sent"),
            run_id=run_id,
            clock=self,
            log=lambda level, text: self.logs.append((level, text)),
            resend_after_days=30,
            new_salt=lambda: b"0123456789abcdef",
        )
        self.memory = self.files.memory
        self.scope = self.memory.scope(campaign, None, "leads")

    def wall(self) -> float:
        """Return the time."""
        return self.now

    monotonic = wall

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @property
    def moment(self) -> int:
        """The time in milliseconds."""
        return int(self.now * 1000)

    def look(self, lead_id: str, body: bytes, operation: str = "upsert") -> Unchanged | None:
        """Ask whether a record is unchanged."""
        return self.memory.look(self.scope, lead_id, self.memory.fingerprint(operation, body), self.moment)

    def sending(self, *lead_ids: str) -> None:
        """Begin to send a record of each of these leads."""
        for lead_id in lead_ids:
            self.memory.sending(self.scope, lead_id, self.moment)
        self.files.before_sending([(self.scope.id, lead_id) for lead_id in lead_ids])

    def settle(
        self,
        lead_id: str,
        body: bytes,
        outcome: Outcome = Outcome.ACCEPTED,
        reason: str | None = None,
        operation: str = "upsert",
    ) -> None:
        """Take the answer to a record."""
        fingerprint = self.memory.fingerprint(operation, body)
        self.memory.settled(self.scope, lead_id, fingerprint, outcome, self.moment, reason)

    def accept(self, lead_id: str, body: bytes) -> None:
        """Send a record that is accepted."""
        self.sending(lead_id)
        self.settle(lead_id, body)

    @property
    def warnings(self) -> list[str]:
        """What was said as warnings."""
        return [text for level, text in self.logs if level == "WARN"]
