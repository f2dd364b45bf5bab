"""The emulator as tests, benchmarks and the demo use it."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from types import MappingProxyType, TracebackType
from typing import Any, Self

from squadstack_emulator import timestamps
from squadstack_emulator.contact_center.activity import moment_of
from squadstack_emulator.pipeline import RequestPipeline
from squadstack_emulator.request_log import RequestLog
from squadstack_emulator.scenario import Scenario
from squadstack_emulator.server import Application, ServerThread
from squadstack_emulator.squadstack.lead import Lead
from squadstack_emulator.squadstack.lead_store import CampaignLeads, RawRow

_DEFAULT_SCENARIO = Scenario()
_ALL_FIELDS = frozenset(each.name for each in fields(Scenario))


class Emulator:
    """An emulator of SquadStack and of a contact center, at one address.

    Use it as a context manager, or call `start` and `stop`. All methods may be called from any thread.

    Args:
        scenario: How it behaves.
        port: Port to listen on; 0 picks a free one.
        clock: Business time: what `created_at` and `processed_at` are stamped with.
        monotonic: What the rate limit goes by.
        host: Address to listen on.
    """

    def __init__(
        self,
        scenario: Scenario = _DEFAULT_SCENARIO,
        *,
        port: int = 0,
        clock: Callable[[], datetime] = timestamps.utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        host: str = "127.0.0.1",
    ) -> None:
        self._pipeline = RequestPipeline(scenario, clock=clock, monotonic=monotonic)
        self._host = host
        self._port = port
        self._server: ServerThread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start serving; does nothing if it is serving."""
        if self._server is None:
            self._server = ServerThread(Application(self._pipeline), host=self._host, port=self._port)
            self._server.start()

    def stop(self) -> None:
        """Stop serving and posting; leads and the request log stay. Does nothing if it is not serving."""
        if self._server is not None:
            self._server.stop()
            self._server = None
        self._pipeline.webhook_sender.stop()

    @property
    def url(self) -> str:
        """Base URL, without a slash at the end.

        Raises:
            RuntimeError: It has not been started.
        """
        if self._server is None:
            raise RuntimeError("The emulator has no URL before it is started")
        return f"http://{self._host}:{self._server.port}"

    @property
    def request_log(self) -> RequestLog:
        """What happened so far: calls, applied operations, posts, violations."""
        return self._pipeline.request_log

    @property
    def scenario(self) -> Scenario:
        """How it behaves now."""
        return self._pipeline.scenario

    def leads(self, campaign_id: str | None = None) -> Mapping[str, Lead]:
        """Return the leads of a campaign (the scenario's first one by default) by lead_id, as they are now.

        Deleted leads are in it, as tombstones; raw rows are not.
        """
        with self._pipeline.lock:
            return MappingProxyType(dict(self._campaign(campaign_id).leads))

    def call_leads(
        self,
        campaign_id: str | None = None,
        *,
        limit: int | None = None,
        first_at: datetime | None = None,
        last_at: datetime | None = None,
        arrived_before: datetime | None = None,
    ) -> int:
        """Call the leads that are active, in the order of their arrival, so that each gets its outcome.

        Args:
            campaign_id: The campaign; by default the scenario's first one.
            limit: At most so many leads; None is all.
            first_at: When the first of them is processed; by default `last_at`.
            last_at: When the last of them is processed, the others evenly in between; by default now.
            arrived_before: Only leads that were created before this moment.

        Returns:
            How many leads were called.
        """
        with self._pipeline.lock:
            campaign = self._campaign(campaign_id)
            active = [
                lead
                for lead in campaign.leads.values()
                if lead.state == "active" and (arrived_before is None or lead.created_at < arrived_before)
            ][:limit]
            last = last_at or self._pipeline.clock()
            first = first_at or last
            steps = max(1, len(active) - 1)
            for number, lead in enumerate(active):
                at = first + timedelta(microseconds=(last - first) // timedelta(microseconds=1) * number // steps)
                self._pipeline.end_journey(campaign, lead, at)
            return len(active)

    def reprocess(self, campaign_id: str | None, lead_ids: Iterable[str], at: datetime | None = None) -> None:
        """Process leads (again) at a moment, by default now; each gets a new outcome.

        Raises:
            KeyError: The campaign has no such lead.
        """
        with self._pipeline.lock:
            campaign = self._campaign(campaign_id)
            for lead_id in lead_ids:
                self._pipeline.end_journey(campaign, campaign.leads[lead_id], at or self._pipeline.clock())

    def put_response(self, campaign_id: str | None, row: Mapping[str, object], at: datetime | None = None) -> None:
        """Add or replace one row of Get Leads, shown verbatim; it hides a lead of the same id from reads.

        Args:
            campaign_id: The campaign; None is the scenario's first one.
            row: The row. It is filtered by its `processed_at`, in whatever spelling; if that is no time at all (null,
                odd), every read has the row, filtered or not.
            at: What to filter the row by instead.
        """
        processed = timestamps.parse(row.get("processed_at")) if at is None else timestamps.microseconds(at)
        with self._pipeline.lock:
            self._campaign(campaign_id).put_raw(RawRow(str(row.get("lead_id")), dict(row), processed))

    def wait_for_posts(self, seconds: float = 60.0) -> bool:
        """Wait until every event so far was answered 201 or given up; tell whether that came in time."""
        return self._pipeline.webhook_sender.wait(seconds)

    def portal_leads(self, campaign_id: str | None = None) -> list[Mapping[str, object]]:
        """Return the leads of a campaign of the contact center (its first one by default) as `data` shows them."""
        with self._pipeline.lock:
            campaign_id = campaign_id or self.scenario.portal.campaigns[0].id
            return [lead.row() for lead in self._pipeline.portal.leads(campaign_id).rows]

    def portal_activities(self) -> list[Mapping[str, object]]:
        """Return every activity of the contact center as the history shows it by now, by time."""
        with self._pipeline.lock:
            portal, moment = self._pipeline.portal, moment_of(self.scenario, self._pipeline.clock())
            found = portal.activities(self.scenario.portal, None, moment=moment)
            return [portal.activity_row(each, moment) for each in found.rows]

    def portal_queues(self) -> list[Mapping[str, object]]:
        """Return the queues of the contact center as their status shows them."""
        with self._pipeline.lock:
            return list(self._pipeline.portal.queues(self.scenario.portal))

    def put_activity(self, row: Mapping[str, object]) -> None:
        """Add an activity to the contact center, shown verbatim.

        It is filtered by its `timestamp`; if that is no time at all (null, odd), every read has the row.
        """
        with self._pipeline.lock:
            self._pipeline.portal.put_activity(row)

    def expire_portal_tokens(self) -> None:
        """Kill every access token of the contact center: whoever uses one is answered 401 and must log in again."""
        with self._pipeline.lock:
            self._pipeline.portal.tokens.expire()

    def set_scenario(self, scenario: Scenario) -> None:
        """Behave differently from the next call on; faults, drift and busy leads count from the beginning.

        Leads and the request log stay. New campaigns are seeded; those that are gone are unknown until they come back.
        """
        self._pipeline.set_scenario(scenario, _ALL_FIELDS)

    def change(self, **changes: Any) -> None:
        """Replace fields of the scenario.

        Of faults, drift and busy leads only what is named counts from the beginning.
        """
        self._pipeline.set_scenario(replace(self.scenario, **changes), frozenset(changes))

    def assert_clean(self) -> None:
        """Check that no call broke the documents.

        Raises:
            AssertionError: Some did; the message lists how.
        """
        if violations := self.request_log.violations:
            raise AssertionError("Calls that break the documents:\n" + "\n".join(f"- {each}" for each in violations))

    def _campaign(self, campaign_id: str | None) -> CampaignLeads:
        return self._pipeline.store[campaign_id or self.scenario.campaigns[0].id]
