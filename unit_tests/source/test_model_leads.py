"""A model-based test of `lead_responses` and `leads`.

The source is run against a server that is written from the vendor's page alone. Between its syncs, and between any two
calls of a sync, leads are processed anew, appear late and disappear. Requests ahead of their turn, of which up to ten
are under way, are sent in an order that is drawn, too. What counts at the end is the server's books:
every lead has to be in the warehouse at its latest state, or the last sync has to have failed.
"""

import json
import random
import re
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from test_support.in_process_source import Sync, read
from test_support.lead_api import (
    DAY,
    MINUTE,
    ORDERS,
    SECOND,
    SPELLINGS,
    STABLE_ORDERS,
    TOKEN,
    Behaviour,
    Campaign,
    LeadApi,
    LeadCall,
    shown,
)
from test_support.sent_ahead import SentInAnyOrder

NOW = 1_700_000_000 * SECOND
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
STREAMS = {"lead_responses": "incremental", "leads": "full_refresh"}
# A sync takes a quarter of a second of CPU, so an example has many campaigns, each with its own server's behaviour.
# Of the profile's hundred; `--hypothesis-profile=endurance` runs a hundred times as many, new ones.
EXAMPLES = settings.default.max_examples * 6 // 100

fractions = st.sampled_from([0, 1, 999, 1000, 1001, 500_000, 999_000, 999_999])
behaviours = st.builds(
    Behaviour,
    order=st.sampled_from(ORDERS),
    spelling=st.sampled_from(SPELLINGS),
    cap=st.sampled_from([2, 3, 7, 20, 1000]),
    inclusive_after=st.booleans(),
    inclusive_before=st.booleans(),
)
# So many leads, the first so long after the start date, at such distances.
clumps = st.tuples(
    st.integers(1, 12),
    st.integers(0, 100),
    fractions,
    st.sampled_from([0, 0, 1, 1000, 400_000, SECOND, 61 * SECOND, 3600 * SECOND, 3 * DAY]),
)
histories = st.lists(clumps, max_size=4)
changes = st.one_of(
    st.tuples(st.just("processed"), st.integers(0, 5), st.integers(0, 99), st.integers(1, 5), fractions),
    st.tuples(st.just("late"), st.integers(0, 5), st.integers(0, 99), st.integers(1, 5), fractions),
    st.tuples(st.just("gone"), st.integers(0, 5), st.integers(0, 99), st.integers(1, 2), st.just(0)),
    st.tuples(st.just("swapped"), st.integers(0, 5), st.integers(0, 99), st.integers(1, 2), fractions),
    st.tuples(st.just("time"), st.just(0), st.integers(0, 99), st.just(1), st.just(0)),
)
plans = st.lists(st.tuples(st.integers(1, 12), changes), max_size=10)


def moved(state: Any, by: int) -> Any:
    """The state that would be there had everything happened so many microseconds later."""

    def move(found: re.Match[str]) -> str:
        moment = datetime.fromisoformat(found.group()) + timedelta(microseconds=by)
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")

    return json.loads(ISO.sub(move, json.dumps(state)))


def microseconds(text: str) -> int:
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


class LeadsOfCampaigns(RuleBasedStateMachine):
    """A server, a warehouse, and what may happen to the leads of a business."""

    @initialize(
        clock_error=st.sampled_from([0, 0, -600, -61, -59, 59, 61, 600]),
        unit=st.sampled_from(["milliseconds", "seconds"]),
        page_size=st.sampled_from([1, 3, 5, 10, 10, 100, 100]),
        lookback=st.sampled_from([0, 1, 60]),
        window_days=st.sampled_from([1, 7, 30]),
        days=st.sampled_from([2, 20, 90]),
        campaigns=st.lists(st.tuples(behaviours, histories), min_size=1, max_size=6),
        at_once=st.sampled_from([1, 2, 10, 10]),
        seed=st.integers(0, 10_000),
    )
    def begin(
        self,
        clock_error: int,
        unit: str,
        page_size: int,
        lookback: int,
        window_days: int,
        days: int,
        campaigns: list[tuple[Behaviour, list[tuple[int, int, int, int]]]],
        at_once: int,
        seed: int,
    ) -> None:
        self.at_once = at_once
        self.sent_ahead = SentInAnyOrder(random.Random(seed))
        self.folder = tempfile.TemporaryDirectory()
        self.api = LeadApi(NOW, clock_error * SECOND)
        self.start = NOW - days * DAY
        self.unit = unit
        self.page_size = page_size
        self.lookback = lookback
        self.window_days = window_days
        self.configured: list[str] = []
        self.state: list[dict[str, Any]] = []
        self.state_shift = 0
        self.cursors: dict[str, int] = {}
        self.warehouse: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.sound = True
        for behaviour, history in campaigns:
            self.add_campaign(behaviour, history)

    @rule(behaviour=behaviours, history=histories)
    def add_campaign(self, behaviour: Behaviour, history: list[tuple[int, int, int, int]]) -> None:
        """A campaign is set up with a past of its own."""
        campaign = Campaign(f"C{len(self.api.campaigns)}", Behaviour(**{**vars(behaviour), "unit": self.unit}))
        for count, percent, fraction, step in history:
            first = self.start + (NOW - 5 * MINUTE - self.start) // 100 * percent // SECOND * SECOND + fraction
            fitting = max(1, min(count, (NOW - 5 * MINUTE - first) // step + 1 if step else count))
            self.api.add(campaign, fitting, min(first, NOW - 5 * MINUTE), step)
        self.api.put(campaign, "not processed yet", None)
        self.api.campaigns[campaign.campaign_id] = campaign
        self.configured.append(campaign.campaign_id)

    @precondition(lambda self: len(self.configured) > 1)
    @rule(which=st.integers(0, 5))
    def remove_campaign(self, which: int) -> None:
        """A campaign is taken out of the configuration; its leads live on."""
        self.configured.pop(which % len(self.configured))

    @rule(change=changes)
    def change(self, change: tuple[str, int, int, int, int]) -> None:
        """Something happens between two syncs."""
        self.apply(change)

    @rule(minutes=st.sampled_from([1, 5, 30, 24 * 60, 5 * 24 * 60]))
    def wait(self, minutes: int) -> None:
        """Time passes."""
        self.api.now += minutes * MINUTE

    @rule(plan=plans, killed_after=st.none() | st.integers(0, 99))
    def sync(self, plan: list[tuple[int, tuple[str, int, int, int, int]]], killed_after: int | None) -> None:
        """A sync runs while things happen, and may be killed at some point of its output."""
        between: dict[int, list[Callable[[], None]]] = {}
        for call, change in plan:
            between.setdefault(call, []).append(lambda change=change: self.apply(change))
        self.run(between, killed_after)

    def apply(self, change: tuple[str, int, int, int, int]) -> None:
        kind, which, position, count, fraction = change
        campaign = list(self.api.campaigns.values())[which % len(self.api.campaigns)]
        now = self.api.clock // SECOND * SECOND + fraction
        leads = sorted(campaign.leads.values(), key=lambda lead: (lead.processed_at or 0, lead.lead_id))
        chosen = leads[position * len(leads) // 100 :][:count]
        late = now - (self.lookback * MINUTE - 5 * SECOND) * position // 100 if self.lookback else now
        match kind:
            case "time":
                self.api.now += position * 5 * SECOND
            case "processed":
                for lead in chosen:
                    self.api.put(campaign, lead.lead_id, now)
            case "late":
                self.api.add(campaign, count, max(self.start, late), 0)
            case "gone":
                for lead in chosen:
                    del campaign.leads[lead.lead_id]
            case "swapped":
                for lead in chosen:
                    del campaign.leads[lead.lead_id]
                self.api.add(campaign, count, max(self.start, late), 0)

    def run(self, between: dict[int, list[Callable[[], None]]], killed_after: int | None) -> Sync:
        shift = int(time.time()) * SECOND - self.api.now // SECOND * SECOND
        answered_before = self.api.answered
        present = {campaign: set(self.api.campaigns[campaign].leads) for campaign in self.configured}
        self.api.begin_sync(shift, between)
        with pytest.MonkeyPatch.context() as monkeypatch:
            self.sent_ahead.install(monkeypatch, self.at_once)
            sync = read(
                Path(self.folder.name),
                config={
                    "squadstack": {
                        "token": TOKEN,
                        "campaign_ids": self.configured,
                        "start_date": datetime.fromtimestamp((self.start + shift) // SECOND, UTC).strftime(
                            "%Y-%m-%dT%H:%M:%SZ"
                        ),
                        "base_url": "http://127.0.0.1:1",
                        "timestamp_unit": self.unit,
                        "page_size": self.page_size,
                        "calls_per_minute": 1_000_000,
                        "lookback_minutes": self.lookback,
                        "window_days": self.window_days,
                    },
                    "num_workers": 1,
                },
                streams=STREAMS,
                state=moved(self.state, shift - self.state_shift),
                server=self.api,
            )
        self.judge(lambda: self.load(sync, shift, answered_before, killed_after))
        self.judge(self.count_calls)
        self.judge(lambda: self.require_what_stayed(sync, present))
        return sync

    def require_what_stayed(self, sync: Sync, present: dict[str, set[str]]) -> None:
        """Whatever else happens, a lead that is there from a sync's start to its end is among its `leads`."""
        if sync.failed:
            return
        records = (message["record"] for message in sync.messages if message["type"] == "RECORD")
        came = {(one["data"]["campaign_id"], one["data"]["lead_id"]) for one in records if one["stream"] == "leads"}
        for campaign, leads in present.items():
            if any(campaign in warning for warning in sync.warnings):
                continue  # it says that some may be missing
            stayed = leads & set(self.api.campaigns[campaign].leads)
            missing = {lead for lead in stayed if (campaign, lead) not in came}
            assert not missing, f"leads of {campaign} ({self.api.campaigns[campaign].behaviour}): {missing}"

    def judge(self, rule: Callable[[], None]) -> None:
        """Apply a rule; once one is broken, the end of the example has nothing to add."""
        try:
            rule()
        except AssertionError:
            self.sound = False
            raise

    def load(self, sync: Sync, shift: int, answered_before: int, killed_after: int | None) -> None:
        """Do as a platform does: upsert records as they come, keep the last state."""
        messages = sync.messages
        if killed_after is not None:
            messages = messages[: len(messages) * killed_after // 100]
        assert not self.api.violations
        for error in sync.errors():
            assert error["failure_type"] == "transient_error", error["message"]
        for message in messages:
            if message["type"] == "RECORD":
                self.load_record(message["record"]["stream"], message["record"]["data"], shift)
            elif message["type"] == "STATE":
                self.load_state(message["state"], shift, answered_before)

    def load_record(self, stream: str, data: dict[str, Any], shift: int) -> None:
        campaign = self.api.campaigns[data["campaign_id"]]
        assert (data["lead_id"], data["version"]) in campaign.history, "a record that the server never had"
        if stream == "lead_responses":
            assert microseconds(data["processed_at"]) >= self.start + shift, "a lead from before the start date"
        self.warehouse[stream, campaign.campaign_id, data["lead_id"]] = data

    def load_state(self, state: dict[str, Any], shift: int, answered_before: int) -> None:
        stream = state["stream"]["stream_descriptor"]["name"]
        kept = [one for one in self.state if one["stream"]["stream_descriptor"]["name"] != stream]
        self.state = [*moved(kept, shift - self.state_shift), state]
        self.state_shift = shift
        for entry in state["stream"]["stream_state"].get("states", []):
            campaign = self.api.campaigns[entry["partition"]["campaign_id"]]
            passed = microseconds(entry["cursor"]["processed_at"]) - shift
            if passed <= self.cursors.get(campaign.campaign_id, 0):
                continue  # what changed before an older cursor is the lookback's to find, in this sync
            self.cursors[campaign.campaign_id] = passed
            for lead in campaign.leads.values():
                if lead.processed_at is None or lead.changed_at_call > answered_before:
                    continue
                if self.start <= lead.processed_at and self.cut(campaign, lead.processed_at) < passed:
                    self.require("lead_responses", campaign, lead.lead_id, lead.version)

    def cut(self, campaign: Campaign, moment: int) -> int:
        """A time as the server shows it, which is all that a client can know of it."""
        text = shown(moment, campaign.behaviour.spelling)
        return text * 1000 if isinstance(text, int) else microseconds(text)

    def require(self, stream: str, campaign: Campaign, lead_id: str, version: int) -> None:
        row = self.warehouse.get((stream, campaign.campaign_id, lead_id))
        assert row is not None, f"{stream}: lead {lead_id} of {campaign.campaign_id} ({campaign.behaviour}) is missing"
        assert row["version"] >= version, (
            f"{stream}: lead {lead_id} of {campaign.campaign_id} ({campaign.behaviour}) is not at its latest state"
        )

    def count_calls(self) -> None:
        """Where the first answer says all, there is nothing more to ask; but an empty campaign may prove its unit."""
        calls: dict[tuple[str, bool], list[LeadCall]] = {}
        for call in self.api.calls:
            calls.setdefault((call.campaign_id, call.filtered), []).append(call)
        for (campaign_id, filtered), answers in calls.items():
            known = any(key[:2] == ("lead_responses", campaign_id) for key in self.warehouse)
            most = 1 if answers[0].rows or known or not filtered else 2
            assert not answers[0].whole or len(answers) <= most, f"{len(answers)} calls for a quiet {campaign_id}"

    def provable(self, campaign: Campaign) -> bool:
        """Whether paging can be proved complete: by a stable order, or by no second that a page cannot hold."""
        held = min(self.page_size, campaign.behaviour.cap)
        return campaign.behaviour.order in STABLE_ORDERS or campaign.span_of(1000) <= held

    def teardown(self) -> None:
        if not getattr(self, "sound", False):
            return
        try:
            self.api.now += 15 * MINUTE
            self.configured = list(self.api.campaigns)
            self.run({}, None)
            self.api.now += 15 * MINUTE
            self.judge_end(self.run({}, None))
        finally:
            self.folder.cleanup()

    def judge_end(self, sync: Sync) -> None:
        campaigns = list(self.api.campaigns.values())
        if sync.failed:
            assert not all(self.provable(campaign) for campaign in campaigns), sync.errors()
            return
        for campaign in campaigns:
            pages = len(campaign.leads) > min(self.page_size, campaign.behaviour.cap)
            told = any(campaign.campaign_id in warning for warning in sync.warnings)
            for lead in campaign.leads.values():
                if lead.processed_at is not None and lead.processed_at >= self.start:
                    self.require("lead_responses", campaign, lead.lead_id, lead.version)
                if campaign.behaviour.order in STABLE_ORDERS or not pages or not told:
                    self.require("leads", campaign, lead.lead_id, lead.version)


LeadsOfCampaigns.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=8,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # To shrink a failure takes minutes, which the endurance profile has.
    phases=[Phase.explicit, Phase.generate, *([] if settings.default.derandomize else [Phase.shrink])],
)


@pytest.mark.filterwarnings("default")
class TestLeadsOfCampaigns(LeadsOfCampaigns.TestCase):
    """After two quiet syncs every lead is in the warehouse at its latest state, or the last sync failed."""
