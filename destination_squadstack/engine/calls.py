"""The calls to an API: a call with the records of a batch, or a probe in place of one.

Both note what has happened to them. What follows from that is decided in `retry`.
"""

from dataclasses import dataclass, replace

from destination_squadstack.campaigns import CampaignOperation
from destination_squadstack.engine.batcher import Batch, Record
from destination_squadstack.engine.retry import NOT_FAILED, ROW_BLAME, FailedAttempt
from destination_squadstack.operations import CONTACT_CENTER, PROBE_BODY

SQUADSTACK = "squadstack"


def api_of(lane: CampaignOperation) -> str:
    """Return the API whose allowance a lane's calls use: all of SquadStack's APIs share one."""
    return CONTACT_CENTER if lane.operation.api == CONTACT_CENTER else SQUADSTACK


@dataclass(slots=True, eq=False)
class Call:
    """One request with records: a batch, or what is left of it."""

    batch: Batch
    records: list[Record]
    tries: int = 0
    # Tries in a row during which no other call of the lane was completed.
    stalled_tries: int = 0
    sent_at: float = 0.0
    # How many calls of the lane had been completed at the last try.
    completions_seen: int | None = None
    # Whether the API has answered for each of its records, so that none of them hides behind another.
    row_by_row: bool = False
    # Whether it is a part of a list that got no usable response.
    suspect: bool = False
    failure: FailedAttempt = NOT_FAILED

    @property
    def bodies(self) -> list[bytes]:
        """The leads that are sent, as JSON texts."""
        return [record.body for record in self.records]

    @property
    def size(self) -> int:
        """How many bytes of leads it holds."""
        return sum([len(record.body) for record in self.records])

    @property
    def lane(self) -> CampaignOperation:
        """The operation on a campaign that it belongs to."""
        return self.batch.lane

    @property
    def api(self) -> str:
        """The API whose allowance it uses."""
        return api_of(self.lane)

    @property
    def is_retry(self) -> bool:
        """Whether its records have been sent before."""
        return bool(self.records[0].calls)

    @property
    def failure_is_per_record(self) -> bool:
        """Whether its failure is that of each of its records, not perhaps of another record in the call."""
        return self.row_by_row or len(self.records) == 1

    @property
    def failures(self) -> int:
        """How often it has failed: the exponent of the pause before the next try."""
        if not self.failure_is_per_record:
            return max(self.tries, self.stalled_tries)
        return (max(record.blame for record in self.records) + 1) // ROW_BLAME + self.stalled_tries

    def note_sent(self, completions: int, now: float) -> None:
        """Record that it is sent, and how many calls of its lane have been completed."""
        if self.completions_seen is None:
            self.completions_seen = completions
        self.tries += 1
        self.sent_at = now
        for record in self.records:
            record.calls += 1

    def note_failure(self, failure: FailedAttempt, completions: int) -> bool:
        """Record a failed try; return whether other calls of the lane were completed since the previous try."""
        others_completed = completions > (self.completions_seen or 0) and failure.reached
        # A call of what is left of another has not been sent itself: the completion of that one is no other's.
        completions_before = completions if self.tries else completions - 1
        self.failure = failure
        self.completions_seen = completions
        self.stalled_tries = 0 if others_completed else self.stalled_tries + 1
        counts = others_completed and self.failure_is_per_record
        for record in self.records:
            if record.completions_before is None:
                record.completions_before = completions_before
            if counts:
                record.blame += failure.blame
                record.blamed_tries += 1
        return others_completed

    def note_probe(self, blame_limit: int, completions: int) -> None:
        """Count the tries since the last completion against its records, since the API was there all the time."""
        for record in self.records:
            # Below the limit, since it has to have one more try now that the API is known to answer.
            record.blame = min(record.blame + self.stalled_tries * self.failure.blame, blame_limit - 1)
            record.blamed_tries += self.stalled_tries
        # The probe counts as one of the other calls.
        self.stalled_tries, self.completions_seen = 0, completions - 1

    def parts(self, count: int, *, suspect: bool = False) -> "list[Call]":
        """Divide its records among at most this many new calls."""
        size = -(-len(self.records) // count)
        starts = range(0, len(self.records), size)
        return [Call(self.batch, self.records[start : start + size], suspect=suspect) for start in starts]

    def only(self, records: list[Record]) -> "Call":
        """Return this call with some of its records."""
        return replace(self, records=records)


@dataclass(slots=True, eq=False)
class Probe:
    """A probe: a lead without an id, sent in place of a call. If the API refuses it, the API responds."""

    call: Call
    sent_at: float = 0.0

    @property
    def records(self) -> tuple[()]:
        """It has no records."""
        return ()

    @property
    def bodies(self) -> list[bytes]:
        """The lead that is sent, as JSON text."""
        return [PROBE_BODY]

    @property
    def size(self) -> int:
        """How many bytes of leads it holds, as far as they count."""
        return 0

    @property
    def lane(self) -> CampaignOperation:
        """The operation on a campaign that it asks about."""
        return self.call.lane

    @property
    def api(self) -> str:
        """The API whose allowance it uses."""
        return self.call.api


ApiCall = Call | Probe
