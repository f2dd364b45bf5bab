"""Which states may leave: only those before which every record, of any stream, has an outcome. In order, once each.

The input is cut into segments, each ending with a state. A segment counts its unresolved records; the oldest segment's
state leaves when that count is zero. Counts per stream go along, for the `destinationStats` of the state.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from destination_squadstack.protocol import StreamKey
from squadstack_common.lossless_json import dump, with_member


@dataclass(frozen=True, slots=True)
class State:
    """A state as it came, the stream that it is about (None: all), and how many records its source says it covers."""

    line: bytes
    stream: StreamKey | None
    counted: float | None


@dataclass(slots=True, eq=False)
class Segment:
    """The records between two states."""

    unresolved: int = 0
    written: dict[StreamKey, int] = field(default_factory=dict)
    rejected: dict[StreamKey, int] = field(default_factory=dict)
    state: State | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class ReleasableState:
    """A state that may leave. `difference`: (the source's, our) number of records, where the two are not the same."""

    line: bytes
    difference: tuple[int, int] | None
    # How many records of each stream are acknowledged with it as rejected.
    rejected: Mapping[StreamKey, int]


class Ledger:
    """The ledger: what has been read, and the outcomes so far."""

    def __init__(self) -> None:
        self._segments: deque[Segment] = deque([Segment()])
        # Records that the source has not sent: they hold back no state, and none counts them.
        self.own = Segment()
        self._since_state: dict[StreamKey, list[int]] = {}
        self.unresolved = 0
        self.held_bytes = 0

    @property
    def waiting_states(self) -> int:
        """How many states have been read and have not left."""
        return len(self._segments) - 1

    def add_record(self, size: int) -> Segment:
        """Record that a record was read; report its outcome on the returned segment."""
        segment = self._segments[-1]
        segment.unresolved += 1
        self.unresolved += 1
        self.held_bytes += size
        return segment

    def add_own_record(self, size: int) -> Segment:
        """Note a record that no state covers, because the source has not sent it; its outcome is reported alike."""
        self.own.unresolved += 1
        self.unresolved += 1
        self.held_bytes += size
        return self.own

    def add_state(self, state: Mapping[str, Any], line: bytes) -> None:
        """Record that a state was read. It leaves as the text that it came as: parsed, it would lose digits."""
        stats = state.get("sourceStats")
        counted = stats.get("recordCount") if isinstance(stats, Mapping) else None
        known = isinstance(counted, int | float) and not isinstance(counted, bool)
        self._segments[-1].state = State(line.strip(), stream_of(state), counted if known else None)
        self._segments[-1].size = len(line)
        self._segments.append(Segment())
        self.held_bytes += len(line)

    def resolve(self, segment: Segment, stream: StreamKey, size: int, *, written: bool, records: int = 1) -> None:
        """Record the outcome of one record, or of several of one stream with `size` bytes together."""
        segment.unresolved -= records
        self.unresolved -= records
        self.held_bytes -= size
        counts = segment.written if written else segment.rejected
        counts[stream] = counts.get(stream, 0) + records

    @property
    def has_releasable_state(self) -> bool:
        """Whether the oldest state that has not left may leave."""
        oldest = self._segments[0]
        return oldest.state is not None and not oldest.unresolved

    def take_releasable(self, *, all_written: bool = False) -> list[ReleasableState]:
        """Return the states that may leave now, oldest first, with their statistics filled in.

        Args:
            all_written: Stop at the first with a rejected record since the state before it.
        """
        released = []
        while (segment := self._segments[0]).state is not None and not segment.unresolved:
            if all_written and segment.rejected:
                break
            self._segments.popleft()
            self.held_bytes -= segment.size
            self._add_up(segment)
            released.append(self._with_stats(segment.state, segment.rejected))
        return released

    def _add_up(self, segment: Segment) -> None:
        for position, counts in enumerate((segment.written, segment.rejected)):
            for stream, count in counts.items():
                self._since_state.setdefault(stream, [0, 0])[position] += count

    def _with_stats(self, state: State, refused: Mapping[StreamKey, int]) -> ReleasableState:
        written, rejected = self._take_counts(state.stream)
        stats = dump({"recordCount": written, "rejectedRecordCount": rejected})
        line = with_member(state.line, ("state",), "destinationStats", stats)
        ours, theirs = written + rejected, state.counted
        return ReleasableState(line, None if theirs is None or theirs == ours else (int(theirs), ours), refused)

    def _take_counts(self, stream: StreamKey | None) -> tuple[int, int]:
        """Return the counts and reset them: a STREAM state covers its stream, any other state all streams."""
        if stream is not None:
            written, rejected = self._since_state.pop(stream, (0, 0))
            return written, rejected
        written = sum(counts[0] for counts in self._since_state.values())
        rejected = sum(counts[1] for counts in self._since_state.values())
        self._since_state.clear()
        return written, rejected


def stream_of(state: Mapping[str, Any]) -> StreamKey | None:
    """Return the stream that a state is about, or None for one that is about all."""
    stream = state.get("stream")
    if state.get("type") != "STREAM" or not isinstance(stream, Mapping):
        return None
    descriptor = stream.get("stream_descriptor")
    if not isinstance(descriptor, Mapping):
        return None
    return str(descriptor.get("namespace") or "") or None, str(descriptor.get("name"))
