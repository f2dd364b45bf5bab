"""A model-based test of `contact_center_activity` and `contact_center_leads`.

The source is run against a portal that is written from the vendor's page alone: calls appear when they are over, their
dispositions later, leads and campaigns come and go between any two calls of a sync, tokens die. After two quiet syncs
every activity and every lead is in the warehouse at its latest state, or the last sync failed.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from test_support.in_process_source import Sync, read
from test_support.portal_api import ACCOUNT, DAY, FILTERS, LOGIN, MINUTE, SHAPES, PortalApi, PortalBehaviour

NOW = 1_700_000_000
STREAMS = {"contact_center_activity": "incremental", "contact_center_leads": "full_refresh"}
# Of the profile's hundred; `--hypothesis-profile=endurance` runs a hundred times as many, new ones.
EXAMPLES = settings.default.max_examples * 6 // 100
CAMPAIGN_KEYS = ("210ea5d9", "with space", "50%", "a#b?c", "ü", "12", "1e3", "None", "a+b")

behaviours = st.builds(
    PortalBehaviour,
    shape=st.sampled_from(SHAPES),
    filter=st.sampled_from(FILTERS),
    order=st.sampled_from(["ascending", "descending", "shuffled"]),
    cap=st.sampled_from([10, 25, 60, 1000]),
    keys_are_numbers=st.booleans(),
    dead_keys_are_refused=st.booleans(),
)
durations = st.sampled_from([0, 1, 59, 600, 3 * 3600])
# So many activities, the first so far between start date and now, at such distances, of such a length.
clumps = st.tuples(st.integers(1, 30), st.integers(0, 100), st.sampled_from([0, 0, 1, 7, 3600, 2 * DAY]), durations)
changes = st.one_of(
    st.tuples(st.just("called"), st.integers(0, 99), st.integers(1, 12), durations),
    st.tuples(st.just("disposition"), st.integers(0, 99), st.integers(1, 5), st.just(0)),
    st.tuples(st.just("lead_added"), st.integers(0, 99), st.integers(1, 15), st.just(0)),
    st.tuples(st.just("lead_changed"), st.integers(0, 99), st.integers(1, 5), st.just(0)),
    st.tuples(st.just("lead_gone"), st.integers(0, 99), st.integers(1, 5), st.just(0)),
    st.tuples(st.just("campaign_gone"), st.integers(0, 99), st.just(1), st.just(0)),
    st.tuples(st.just("token_dead"), st.just(0), st.just(1), st.just(0)),
)
plans = st.lists(st.tuples(st.integers(1, 12), changes), max_size=8)


def moved(state: Any, by: int) -> Any:
    """The state that would be there had everything happened so many seconds later."""
    match state:
        case dict():
            return {key: moved(value, by) for key, value in state.items()}
        case list():
            return [moved(value, by) for value in state]
        case int() if 10**9 < state < 10**10:
            return state + by
        case str() if state.isdecimal() and len(state) == 10:
            return str(int(state) + by)
        case _:
            return state


def cursor_of(stream_state: dict[str, Any]) -> int | None:
    value = stream_state.get("timestamp")
    return None if value is None else int(value)


class ActivityAndLeads(RuleBasedStateMachine):
    """A portal, a warehouse, and what may happen at a contact center."""

    @initialize(
        behaviour=behaviours,
        clock_error=st.sampled_from([0, 0, -600, 600]),
        page_size=st.sampled_from([10, 30, 1000]),
        lookback=st.sampled_from([30, 240]),
        window_days=st.sampled_from([1, 30]),
        days=st.sampled_from([2, 70]),
        history=st.lists(clumps, max_size=4),
        campaigns=st.lists(st.tuples(st.sampled_from(CAMPAIGN_KEYS), st.integers(0, 40)), max_size=3),
    )
    def begin(
        self,
        behaviour: PortalBehaviour,
        clock_error: int,
        page_size: int,
        lookback: int,
        window_days: int,
        days: int,
        history: list[tuple[int, int, int, int]],
        campaigns: list[tuple[str, int]],
    ) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.api = PortalApi(behaviour, NOW, clock_error)
        self.start = NOW - days * DAY
        self.page_size = page_size
        self.lookback = lookback
        self.window_days = window_days
        self.state: list[dict[str, Any]] = []
        self.state_shift = 0
        self.cursor = 0
        self.warehouse: dict[tuple[str, Any], dict[str, Any]] = {}
        self.sound = True
        latest = NOW - 20 * MINUTE
        for count, percent, step, seconds in history:
            first = self.start + (latest - self.start) * percent // 100
            for number in range(count):
                if first + number * step + seconds <= latest:
                    self.api.put_activity(first + number * step, seconds)
        for key, leads in campaigns:
            self.add_campaign(key, leads)

    @rule(key=st.sampled_from(CAMPAIGN_KEYS), leads=st.integers(0, 40))
    def add_campaign(self, key: str, leads: int) -> None:
        """A campaign is set up, or gets more leads."""
        self.api.campaigns.setdefault(key, {})
        for _ in range(leads):
            self.api.put_lead(key)

    @rule(change=changes)
    def change(self, change: tuple[str, int, int, int]) -> None:
        """Something happens between two syncs."""
        self.apply(change)

    @rule(minutes=st.sampled_from([1, 20, 24 * 60, 9 * 24 * 60]))
    def wait(self, minutes: int) -> None:
        """Time passes."""
        self.api.now += minutes * MINUTE

    @rule(plan=plans, killed_after=st.none() | st.integers(0, 99))
    def sync(self, plan: list[tuple[int, tuple[str, int, int, int]]], killed_after: int | None) -> None:
        """A sync runs while things happen, and may be killed at some point of its output."""
        between: dict[int, list[Callable[[], None]]] = {}
        for call, change in plan:
            between.setdefault(call, []).append(lambda change=change: self.apply(change))
        self.run(between, killed_after)

    @precondition(lambda self: self.api.token)
    @rule()
    def token_dies(self) -> None:
        """The portal forgets its tokens."""
        self.api.token = ""

    def apply(self, change: tuple[str, int, int, int]) -> None:
        kind, position, count, seconds = change
        within = self.lookback * MINUTE - 15 * MINUTE
        match kind:
            case "token_dead":
                self.api.token = ""
            case "called":
                for _ in range(count):
                    self.api.put_activity(max(self.start, self.api.clock - min(seconds, within)), min(seconds, within))
            case "disposition":
                recent = [one for one in self.api.activities.values() if one.start > self.api.clock - within]
                for one in recent[:count]:
                    self.api.put_activity(one.start, one.seconds, one.number)
            case _ if self.api.campaigns:
                self.apply_to_leads(kind, position, count)

    def apply_to_leads(self, kind: str, position: int, count: int) -> None:
        keys = sorted(self.api.campaigns)
        key = keys[position * len(keys) // 100]
        leads = sorted(self.api.campaigns[key])
        chosen = leads[position * len(leads) // 100 :][:count]
        match kind:
            case "lead_added":
                for _ in range(count):
                    self.api.put_lead(key)
            case "lead_changed":
                for lead_id in chosen:
                    self.api.put_lead(key, lead_id)
            case "lead_gone":
                for lead_id in chosen:
                    del self.api.campaigns[key][lead_id]
            case "campaign_gone":
                del self.api.campaigns[key]

    def run(self, between: dict[int, list[Callable[[], None]]], killed_after: int | None) -> Sync:
        shift = int(time.time()) - self.api.now
        answered_before = self.api.answered
        self.api.begin_sync(shift, between)
        sync = read(
            Path(self.folder.name),
            config={
                "contact_center": {
                    **LOGIN,
                    "portal_url": "http://127.0.0.1:1",
                    "account_id": ACCOUNT,
                    "start_date": datetime.fromtimestamp(self.start + shift, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "page_size": self.page_size,
                    "window_days": self.window_days,
                    "lookback_minutes": self.lookback,
                },
                "num_workers": 1,
            },
            streams=STREAMS,
            state=moved(self.state, shift - self.state_shift),
            server=self.api,
        )
        try:
            self.load(sync, shift, answered_before, killed_after)
        except AssertionError:
            self.sound = False
            raise
        return sync

    def load(self, sync: Sync, shift: int, answered_before: int, killed_after: int | None) -> None:
        """Do as a platform does: upsert records as they come, keep the last state."""
        messages = sync.messages
        if killed_after is not None:
            messages = messages[: len(messages) * killed_after // 100]
        assert not self.api.violations
        for message in messages:
            if message["type"] == "RECORD":
                stream, data = message["record"]["stream"], message["record"]["data"]
                key = data["number"] if stream == "contact_center_activity" else data["id"]
                assert (key, data["version"]) in self.api.history, "a record that the portal never had"
                self.warehouse[stream, key] = data
            elif message["type"] == "STATE":
                self.load_state(message["state"], shift, answered_before)

    def load_state(self, state: dict[str, Any], shift: int, answered_before: int) -> None:
        stream = state["stream"]["stream_descriptor"]["name"]
        kept = [one for one in self.state if one["stream"]["stream_descriptor"]["name"] != stream]
        self.state = [*moved(kept, shift - self.state_shift), state]
        self.state_shift = shift
        cursor = cursor_of(state["stream"]["stream_state"])
        if stream != "contact_center_activity" or cursor is None or cursor - shift <= self.cursor:
            return  # what changed before an older cursor is the lookback's to find, in this sync
        self.cursor = cursor - shift
        for one in self.api.activities.values():
            if one.changed_at_call <= answered_before and self.start <= one.start < self.cursor:
                self.require(stream, one.number, one.version)

    def require(self, stream: str, key: Any, version: int) -> None:
        row = self.warehouse.get((stream, key))
        assert row is not None, f"{stream}: {key} is missing ({self.api.behaviour})"
        assert row["version"] >= version, f"{stream}: {key} is not at its latest state ({self.api.behaviour})"

    def may_be_cut(self) -> bool:
        """Whether a second, of starts or of ends, may be as full as a page that cannot be continued."""
        held = min(self.page_size, self.api.behaviour.cap, 10)
        activities = self.api.activities.values()
        starts = Counter(one.start for one in activities)
        ends = Counter(one.start + one.seconds for one in activities)
        full = [
            times[second - 1] + times[second] + times[second + 1] for times in (starts, ends) for second in [*times]
        ]
        if self.api.behaviour.filter == "overlap":
            full += [sum(one.start - 1 <= at <= one.start + one.seconds + 1 for one in activities) for at in starts]
        return self.api.behaviour.shape not in {"data", "cdrs"} and max(full, default=0) >= held

    def teardown(self) -> None:
        if not getattr(self, "sound", False):
            return
        try:
            self.api.now += 15 * MINUTE
            self.run({}, None)
            self.api.now += 15 * MINUTE
            sync = self.run({}, None)
            if sync.failed:
                assert self.may_be_cut(), sync.errors()
                return
            for one in self.api.activities.values():
                if one.start >= self.start:
                    self.require("contact_center_activity", one.number, one.version)
            for leads in self.api.campaigns.values():
                for lead in leads.values():
                    self.require("contact_center_leads", lead.lead_id, lead.version)
        finally:
            self.folder.cleanup()


ActivityAndLeads.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=8,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # To shrink a failure takes minutes, which the endurance profile has.
    phases=[Phase.explicit, Phase.generate, *([] if settings.default.derandomize else [Phase.shrink])],
)


@pytest.mark.filterwarnings("default")
class TestActivityAndLeads(ActivityAndLeads.TestCase):
    """After two quiet syncs all is in the warehouse at its latest state, or the last sync failed."""
