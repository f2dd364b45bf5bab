"""The memory of sent leads as a sync uses it: told about records, and asked in the end who left."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from destination_squadstack.campaigns import CampaignOperation, LeadNamespace
from destination_squadstack.engine.tracking import Origin, Outcome, OwnRecord, Unchanged
from destination_squadstack.errors import ConfigError, SyncError, TransientError
from destination_squadstack.routing import Route
from destination_squadstack.sent_leads.memory import SentLeads
from destination_squadstack.sent_leads.memory_files import Log, MemoryFiles
from destination_squadstack.sent_leads.missing_leads import MissingLeads
from destination_squadstack.sent_leads.scopes import Scope
from destination_squadstack.sent_leads.who_left import Reading, not_read_to_its_end, reason_to_keep_all
from squadstack_common.clock import Clock
from squadstack_common.lossless_json import dump

COMPLETE = "COMPLETE"
_MORE = "COMPLETE, and then sent more records"
# Fields that are a phone number by themselves.
_NUMBERS = frozenset({"number"})
_MS = 1000


@dataclass(slots=True)
class _Stream:
    """What has been read of a stream."""

    route: Route
    records: int = 0
    without_id: int = 0
    present: int = 0
    status: str | None = None

    def read(self) -> None:
        """Count a record that was read."""
        self.records += 1
        # A second attempt of the source may be cut off: only a later COMPLETE says that it was not.
        if self.status == COMPLETE:
            self.status = _MORE


class LeadTracker:
    """See the module."""

    def __init__(
        self,
        files: MemoryFiles,
        routes: Sequence[Route],
        *,
        hosts: Mapping[str, str],
        clock: Clock,
        log: Log,
        max_gone_percent: int,
        decides: bool = True,
    ) -> None:
        self._files = files
        self._memory = files.memory
        self._missing = MissingLeads(files.memory)
        self._hosts = hosts
        self._clock = clock
        self._log = log
        self._max_gone_percent = max_gone_percent
        # A replay sends rows because somebody asked for it.
        self._decides = decides
        self._streams = {route.key: _Stream(route) for route in routes}
        self._scopes: dict[tuple[object, LeadNamespace], Scope] = {}

    # --- records

    def decide(
        self, route: Route, lane: CampaignOperation, lead_id: str, body: bytes, *, own: bool = False
    ) -> Unchanged | None:
        """Return that a record is unchanged; None, and it counts as on its way, where it is to be sent."""
        scope, lead = self._scope(route, lane), _lead(self._memory, lane, lead_id)
        now = self._now()
        if not own:
            stream = self._streams[route.key]
            stream.read()
            # One that stops the calls to its lead says that it does not belong to the stream.
            stream.present += lane.operation == route.lane.operation
            unchanged = self._memory.look(scope, lead, self._fingerprint(route, lane, body), now)
            if unchanged is not None and route.sends_changed and self._decides:
                return unchanged
        self._memory.sending(scope, lead, now)
        return None

    def present(self, route: Route, lead_id: str | None) -> None:
        """Note a record that cannot be sent; its lead is in the stream all the same."""
        stream = self._streams[route.key]
        stream.read()
        if lead_id is None:
            stream.without_id += 1
            return
        stream.present += 1
        self._memory.see(self._scope(route, route.lane), _lead(self._memory, route.lane, lead_id))

    def absent(self, route: Route, lead_id: str | None) -> None:
        """Note a record that says that its lead does not belong to the stream: filtered, or deleted at its source."""
        self._streams[route.key].read()
        # What a replay reads was read before: a later record may have said otherwise.
        if lead_id is not None and self._decides:
            self._memory.withdraw(self._scope(route, route.lane), _lead(self._memory, route.lane, lead_id), self._now())

    def before_sending(self, leads: Iterable[tuple[Route, CampaignOperation, str]]) -> None:
        """Make it safe that records of these leads are sent now."""
        self._files.before_sending(
            (self._scope(route, lane).id, _lead(self._memory, lane, lead_id)) for route, lane, lead_id in leads
        )

    def settled(
        self,
        route: Route,
        lane: CampaignOperation,
        lead_id: str,
        body: bytes,
        outcome: Outcome,
        reason: str | None = None,
    ) -> None:
        """Note what became of a record that was on its way."""
        scope, lead = self._scope(route, lane), _lead(self._memory, lane, lead_id)
        self._memory.settled(scope, lead, self._fingerprint(route, lane, body), outcome, self._now(), reason)

    def stream_status(self, namespace: str | None, stream: str, status: str) -> None:
        """Note what the source says about how far it has read a stream."""
        if (known := self._streams.get((namespace or None, stream))) is not None:
            known.status = status

    def _fingerprint(self, route: Route, lane: CampaignOperation, body: bytes) -> int:
        _, campaign = lane.lead_namespace
        operation = lane.operation.name
        return self._memory.fingerprint(operation if route.campaigns is None else f"{operation} {campaign}", body)

    def _scope(self, route: Route, lane: CampaignOperation) -> Scope:
        # Where records name their campaigns, a lead's last record is known whichever campaign that went to.
        namespace = lane.lead_namespace if route.campaigns is None else route.lane.lead_namespace
        key = (route.key, namespace)
        if (scope := self._scopes.get(key)) is None:
            kind, target = namespace
            campaign = f"{self._hosts[lane.operation.api]} {kind} {target}"
            scope = self._scopes[key] = self._memory.scope(campaign, route.namespace, route.stream)
        return scope

    def _now(self) -> int:
        return int(self._clock.wall() * _MS)

    # --- rows of earlier syncs

    def knows_later(self, route: Route, lead_id: str, rejected_at: int) -> bool:
        """Tell whether a record of a lead has been sent after a row was rejected."""
        return self._memory.knows_later(
            self._scope(route, route.lane), _lead(self._memory, route.lane, lead_id), rejected_at
        )

    # --- who left

    def leaving(self, problems: list[SyncError]) -> Iterator[OwnRecord]:
        """Yield a record for each lead that has left its stream, once every record that was read has its outcome.

        Args:
            problems: Takes what is wrong with a stream of which nobody is disabled although leads are missing.
        """
        complete = {
            (stream.route.namespace or "", stream.route.stream)
            for stream in self._streams.values()
            if stream.status == COMPLETE and stream.route.is_full_refresh
        }
        sound = [stream for stream in self._streams.values() if self._is_sound(stream, complete, problems)]
        complete &= {(stream.route.namespace or "", stream.route.stream) for stream in sound}
        for stream in sound:
            route, scope = stream.route, self._scope(stream.route, stream.route.lane)
            if route.gone is not None:
                for lead_id in self._missing.of(scope, complete):
                    yield _gone(route, lead_id)
            if scope.stream_key in complete:
                self._missing.hand_over(scope, complete, self._now())

    def _is_sound(self, stream: _Stream, complete: set[tuple[str, str]], problems: list[SyncError]) -> bool:
        """Tell whether what is missing from a stream has left it."""
        route, scope = stream.route, self._scope(stream.route, stream.route.lane)
        if route.gone is None:
            return True
        known = self._missing.known(scope)
        missing = sum(1 for _ in self._missing.of(scope, complete)) if known else 0
        if not missing:
            return stream.status == COMPLETE
        if stream.status != COMPLETE:
            problems.append(TransientError(not_read_to_its_end(route.stream, stream.status, known, missing)))
            return False
        reading = Reading(route.stream, stream.records, stream.without_id, stream.present)
        why = reason_to_keep_all(reading, known=known, missing=missing, max_gone_percent=self._max_gone_percent)
        if why is not None:
            problems.append(ConfigError(why))
            return False
        if stream.without_id:
            self._log(
                "WARN",
                f"{stream.without_id} records of the stream '{route.stream}' do not say which lead they are about: if "
                f"they belong to some of the {missing} leads that are missing, those are disabled. Correct those rows.",
            )
        return True

    # --- the end

    def commit(self) -> None:
        """Keep what has been learned, as far as that is possible."""
        self._files.commit(ended=True)

    def store(self) -> None:
        """Keep the memory as a whole."""
        self._files.store()

    def close(self) -> None:
        """Let go of the memory."""
        self._files.close()


def _lead(memory: SentLeads, lane: CampaignOperation, lead_id: str) -> str:
    """Return what the memory calls a lead: one that is told apart by its number is told apart by a hash of that."""
    return memory.hidden(lead_id) if lane.operation.key in _NUMBERS else lead_id


def _gone(route: Route, lead_id: str) -> OwnRecord:
    if route.gone is None:
        raise AssertionError("only streams with when_gone have leads that leave")
    data = {"lead_id": int(lead_id) if route.gone.operation.integer_key else lead_id}
    line = dump({"type": "RECORD", "record": {"stream": route.stream, "namespace": route.namespace, "data": data}})
    return OwnRecord(Origin.GONE, route, line, data, lambda _: None)
