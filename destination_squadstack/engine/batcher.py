"""Groups records into batches, as full as possible and with the order of each lead kept.

A batch holds a lead at most once. A record whose lead is in an unsettled batch goes into a newer one, which waits for
the older: blockers are always older, so there is no cycle, and sealing a batch seals its blockers first, so that nobody
waits for a batch that is still open. Several batches of a lane may be open, so that repeats do not starve the oldest of
its fill; at the bound the oldest is sealed at once, so that a lead that comes again and again costs neither memory nor
lingering.

A record that no list takes has a batch of its own, sealed at once.
"""

import math
from collections import defaultdict, deque
from dataclasses import dataclass, field

import msgspec

from destination_squadstack.api.error_text import Reason
from destination_squadstack.campaigns import CampaignOperation, LeadNamespace
from destination_squadstack.engine.checkpoint import Segment
from destination_squadstack.engine.tracking import OwnRecord
from destination_squadstack.mapping import StopReason
from destination_squadstack.routing import Route
from squadstack_common.lossless_json import load

MAX_OPEN_BATCHES_PER_LANE = 16
# No limit of a body's size is documented; 100 leads of a megabyte each were refused, or took the memory of three calls.
MAX_BYTES_PER_CALL = 8 * 1024 * 1024
# The memory of a record besides its texts: objects, its id, its position in a batch. Measured: 470 bytes.
RECORD_OVERHEAD = 512


@dataclass(frozen=True, slots=True)
class RecordError:
    """Why a record is rejected, or would be if it were given up now.

    `status` is None when the API has said nothing about it.
    """

    status: int | None
    reason: Reason
    retryable: bool = False


class Record(msgspec.Struct, eq=False):
    """A record. `number` and `line` are those of its message, `body` is the lead as JSON text.

    There are millions of them: a struct is made in a fifth of the time that a dataclass takes.
    """

    route: Route
    lane: CampaignOperation
    lead_id: str
    body: bytes
    number: int
    line: bytes
    segment: Segment
    # Its size in bytes of memory.
    size: int
    # Whether it is sent in the form of the operation that takes one lead.
    alone: bool = False
    # Why its lead is disabled or deleted, in place of what the stream's operation does.
    stop: StopReason | None = None
    # Its origin if this sync did not read it from its source.
    own: OwnRecord | None = None
    calls: int = 0
    # The weight and the number of its tries that failed while other calls of its lane were completed.
    blame: int = 0
    blamed_tries: int = 0
    # Whether an attempt may have been carried out, and until when it may still be at work.
    maybe_applied: bool = False
    busy_until: float = -math.inf
    # How many of its lane's calls had been completed before it failed for the first time.
    completions_before: int | None = None
    last_error: RecordError | None = None
    # The status that the API gave it last.
    status: int | None = None

    @property
    def field_names(self) -> frozenset[str]:
        """The names of the fields that are sent."""
        return frozenset(load(self.body))


@dataclass(slots=True, eq=False)
class Batch:
    """Records of one lane for one call, each lead at most once."""

    lane: CampaignOperation
    number: int
    deadline: float
    records: list[Record] = field(default_factory=list)
    size: int = 0
    unsettled: int = 0
    # Whether the API has rejected it as a whole.
    rejected: bool = False
    sealed: bool = False
    blockers: set["Batch"] = field(default_factory=set)
    waiting: list["Batch"] = field(default_factory=list)


class Batcher:
    """The open batches, and the order between all unsettled ones."""

    def __init__(
        self,
        *,
        linger: float,
        largest: int | None = None,
        open_bound: int = MAX_OPEN_BATCHES_PER_LANE,
        bytes_per_call: int = MAX_BYTES_PER_CALL,
    ) -> None:
        self._linger = linger
        self._open_bound = open_bound
        self._bytes = bytes_per_call
        self._largest = largest
        self._open: defaultdict[int, list[Batch]] = defaultdict(list)
        self._newest: defaultdict[LeadNamespace, dict[str, Batch]] = defaultdict(dict)
        self._by_age: dict[int, Batch] = {}
        # By the lanes whose outcomes count together.
        self._unsettled: defaultdict[int, dict[int, Batch]] = defaultdict(dict)
        self._ready: deque[Batch] = deque()
        self._numbers = 0

    def add(self, record: Record, now: float) -> None:
        """Put a record into a batch."""
        lane, lead_id, size = record.lane, record.lead_id, len(record.body)
        newest = self._newest[lane.order_namespace]
        earlier = newest.get(lead_id)
        if record.alone:
            batch = self._open_batch(lane, now)
            batch.lane = lane.for_one_lead
        else:
            batch = self._batch_for(lane, size, 0 if earlier is None else earlier.number, now)
        if earlier is not None and earlier not in batch.blockers:
            batch.blockers.add(earlier)
            earlier.waiting.append(batch)
        batch.records.append(record)
        batch.size += size
        newest[lead_id] = batch
        most = lane.operation.batch_size
        if record.alone or len(batch.records) >= (most if self._largest is None else min(most, self._largest)):
            self._seal(batch)

    def _batch_for(self, lane: CampaignOperation, size: int, after: int, now: float) -> Batch:
        """Return the oldest open batch after the given number that has room, opening one if need be."""
        for batch in tuple(self._open[lane.index]):
            # One may be sealed already because another waits for it that had no room.
            if batch.number > after and not batch.sealed:
                if batch.size + size <= self._bytes:
                    return batch
                self._seal(batch)
        return self._open_batch(lane, now)

    def _open_batch(self, lane: CampaignOperation, now: float) -> Batch:
        opened = self._open[lane.index]
        if len(opened) >= self._open_bound:
            self._seal(opened[0])
        self._numbers += 1
        batch = Batch(lane=lane, number=self._numbers, deadline=now + self._linger)
        opened.append(batch)
        self._by_age[batch.number] = self._unsettled[lane.family][batch.number] = batch
        return batch

    def _seal(self, batch: Batch) -> None:
        """Close a batch and, before it, every open one that it waits for."""
        reached, look_at = {batch.number: batch}, [batch]
        while look_at:
            for blocker in look_at.pop().blockers:
                if not blocker.sealed and blocker.number not in reached:
                    reached[blocker.number] = blocker
                    look_at.append(blocker)
        for number in sorted(reached):
            self._close(reached[number])

    def _close(self, batch: Batch) -> None:
        batch.sealed = True
        batch.unsettled = len(batch.records)
        self._open[batch.lane.index].remove(batch)
        del self._by_age[batch.number]
        if not batch.blockers:
            self._ready.append(batch)

    def seal_due(self, now: float) -> None:
        """Close the batches that have waited long enough."""
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            self.seal_oldest()

    def seal_oldest(self) -> bool:
        """Close the oldest open batch; false if none is open."""
        oldest = next(iter(self._by_age.values()), None)
        if oldest is not None:
            self._seal(oldest)
        return oldest is not None

    def seal_all(self) -> None:
        """Close everything: no more records will come."""
        while self.seal_oldest():
            pass

    def next_deadline(self) -> float | None:
        """Return the time at which the oldest open batch has to close."""
        oldest = next(iter(self._by_age.values()), None)
        return None if oldest is None else oldest.deadline

    def take(self) -> Batch | None:
        """Return a sealed batch that waits for nothing."""
        return self._ready.popleft() if self._ready else None

    @property
    def newest(self) -> int:
        """The number of the batch that was opened last."""
        return self._numbers

    def oldest_unsettled(self, lane: CampaignOperation) -> float:
        """Return the number of the lane's oldest batch with a record that has no outcome; infinity if there is none."""
        return next(iter(self._unsettled[lane.family]), math.inf)

    def oldest_unanswered(self, lane: CampaignOperation) -> float:
        """Return the number of the lane's oldest unsettled batch that was not rejected as a whole; infinity if none."""
        numbers = (number for number, batch in self._unsettled[lane.family].items() if not batch.rejected)
        return next(numbers, math.inf)

    def settle(self, batch: Batch) -> None:
        """Forget a batch whose records all have an outcome, and release the batches that wait for it."""
        del self._unsettled[batch.lane.family][batch.number]
        newest = self._newest[batch.lane.order_namespace]
        for record in batch.records:
            if newest.get(record.lead_id) is batch:
                del newest[record.lead_id]
        for waiting in batch.waiting:
            waiting.blockers.discard(batch)
            if waiting.sealed and not waiting.blockers:
                self._ready.append(waiting)
        batch.waiting.clear()
