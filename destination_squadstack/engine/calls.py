"""A call to an API: what is left of a batch, or a question without records, and what has happened to it so far."""

from dataclasses import dataclass, replace

from destination_squadstack.engine.batcher import Batch, Record
from destination_squadstack.engine.retry import NOT_FAILED, ROW_BLAME, FailedAttempt
from destination_squadstack.operations import CONTACT_CENTER, PROBE_BODY
from destination_squadstack.routing import CampaignOperation

SQUADSTACK = "squadstack"


def api_of(lane: CampaignOperation) -> str:
    """Return whose allowance the calls of a lane are made on: all of SquadStack's APIs share one."""
    return CONTACT_CENTER if lane.operation.api == CONTACT_CENTER else SQUADSTACK


@dataclass(slots=True, eq=False)
class Call:
    """One request: a batch, or what is left of it; or a question without records whether the API answers at all."""

    batch: Batch
    records: list[Record]
    tries: int = 0
    # Tries in a row during which no other record of the lane got its final answer.
    stalled_tries: int = 0
    sent_at: float = 0.0
    # How many of its lane's calls had been answered for good when this one was looked at last.
    heard: int | None = None
    # Whether the API has spoken of each of its records, so that none of them hides behind another.
    by_row: bool = False
    # Whether it is a part of a list that got no usable answer.
    suspect: bool = False
    trouble: FailedAttempt = NOT_FAILED
    about: "Call | None" = None

    @property
    def bodies(self) -> list[bytes]:
        """The leads that are sent."""
        return [PROBE_BODY] if self.about else [record.body for record in self.records]

    @property
    def size(self) -> int:
        """How many bytes of leads it holds."""
        return sum([len(record.body) for record in self.records])

    @property
    def lane(self) -> CampaignOperation:
        """The lane it belongs to."""
        return self.batch.lane

    @property
    def api(self) -> str:
        """Whose allowance it is made on."""
        return api_of(self.lane)

    @property
    def fresh(self) -> bool:
        """Whether none of its records has been sent before."""
        return bool(self.records) and not self.records[0].calls

    @property
    def blames(self) -> bool:
        """Whether its trouble is that of each of its records, and not perhaps of another one beside it."""
        return self.by_row or len(self.records) == 1

    @property
    def failures(self) -> int:
        """How often it has failed, as far as the time to the next try goes."""
        if not self.blames:
            return max(self.tries, self.stalled_tries)
        return (max(record.refused for record in self.records) + 1) // ROW_BLAME + self.stalled_tries

    def parts(self, count: int, *, suspect: bool = False) -> "list[Call]":
        """Return up to so many new calls that share its records out among them."""
        size = -(-len(self.records) // count)
        starts = range(0, len(self.records), size)
        return [Call(self.batch, self.records[start : start + size], suspect=suspect) for start in starts]

    def only(self, records: list[Record]) -> "Call":
        """Return this call with some of its records."""
        return replace(self, records=records)
