"""The memory of sent leads: what counts as unchanged, and who is missing."""

import pytest

from destination_squadstack.engine.tracking import Outcome, Unchanged
from destination_squadstack.sent_leads.database import new_database
from destination_squadstack.sent_leads.journal import Member
from destination_squadstack.sent_leads.memory import SentLeads
from destination_squadstack.sent_leads.merge import take_in
from destination_squadstack.sent_leads.missing_leads import MissingLeads
from destination_squadstack.sent_leads.resend import is_due

DAY = 24 * 60 * 60 * 1000
NOW = 1_700_000_000_000
ACCEPTED = Unchanged(None)


class Memory:
    """A memory, asked and told by stream."""

    def __init__(self, *streams, campaigns=None):
        self.runs, self.database = 0, new_database(b"0123456789abcdef")
        self.sent = SentLeads(self.database, run_id="run-0", resend_after_days=30)
        self.now = NOW
        self.scopes = {
            stream: self.sent.scope((campaigns or {}).get(stream, "host crm ref-1"), None, stream)
            for stream in streams or ("leads",)
        }

    def _hash(self, body, operation):
        return self.sent.fingerprint(operation, body)

    def look(self, lead_id, body, stream="leads", operation="upsert"):
        return self.sent.look(self.scopes[stream], lead_id, self._hash(body, operation), self.now)

    def sending(self, lead_id, stream="leads"):
        self.sent.sending(self.scopes[stream], lead_id, self.now)

    def settle(self, lead_id, body, outcome=Outcome.ACCEPTED, reason=None, stream="leads", operation="upsert"):
        scope = self.scopes[stream]
        self.sent.settled(scope, lead_id, self._hash(body, operation), outcome, self.now, reason)

    def accept(self, lead_id, body, **where):
        self.sending(lead_id, **{k: v for k, v in where.items() if k == "stream"})
        self.settle(lead_id, body, **where)

    def begin(self):
        """Go on as the next run."""
        self.runs += 1
        self.sent.table.begin()
        self.sent = SentLeads(self.database, run_id=f"run-{self.runs}", resend_after_days=30)

    def missing(self, stream="leads", complete=()):
        return list(MissingLeads(self.sent).of(self.scopes[stream], {("", name) for name in complete}))


@pytest.fixture
def memory():
    memories = []

    def build(*streams, **options):
        memories.append(Memory(*streams, **options))
        return memories[-1]

    yield build
    for each in memories:
        each.database.close()


def test_a_record_on_its_way_makes_the_next_one_of_its_lead_no_unchanged_one(memory):
    it = memory()
    it.accept("L1", b"a")
    it.sending("L1")
    assert it.look("L1", b"a") is None
    it.sending("L1")
    it.settle("L1", b"b")
    assert it.look("L1", b"b") is None
    it.settle("L1", b"a")
    assert it.look("L1", b"a") == ACCEPTED


def test_what_was_sent_and_has_no_outcome_is_sent_again(memory):
    it = memory()
    it.accept("L1", b"a")
    it.sending("L1")
    it.settle("L1", b"b", Outcome.UNKNOWN)
    assert (it.look("L1", b"a"), it.look("L1", b"b")) == (None, None)


def test_a_duplicate_that_is_passed_over_is_no_acceptance(memory):
    it = memory()
    it.sending("L1")
    it.settle("L1", b"a", Outcome.NOT_APPLIED)
    assert it.look("L1", b"a") is None
    it.begin()
    assert it.missing() == []


def test_a_record_after_another_streams_record_of_the_lead_is_sent_again(memory):
    it = memory("leads", "stops")
    it.accept("L1", b"a")
    it.accept("L1", b"{}", stream="stops", operation="disable")
    assert it.look("L1", b"a") is None


def test_what_one_run_sent_by_two_ways_stands_together_in_the_next(memory):
    it = memory("leads", "stops")
    it.accept("L1", b"a")
    it.accept("L1", b"{}", stream="stops", operation="disable")
    it.begin()
    assert it.look("L1", b"a") == ACCEPTED
    assert it.look("L1", b"{}", stream="stops", operation="disable") == ACCEPTED


def test_one_of_two_ways_that_is_sent_alone_makes_the_other_be_sent_again(memory):
    it = memory("leads", "stops")
    it.accept("L1", b"a")
    it.accept("L1", b"{}", stream="stops", operation="disable")
    it.begin()
    assert it.look("L1", b"b") is None
    it.accept("L1", b"b")
    assert it.look("L1", b"{}", stream="stops", operation="disable") is None


@pytest.mark.parametrize(
    ("campaigns", "again"),
    [({"stops": "host crm "}, True), ({"leads": "host crm "}, True), ({"stops": "host crm ref-2"}, False)],
)
def test_a_stream_whose_records_name_their_campaigns_may_be_about_the_leads_of_any_other(memory, campaigns, again):
    it = memory("leads", "stops", campaigns=campaigns)
    it.accept("L1", b"a")
    it.accept("L1", b"{}", stream="stops", operation="disable")
    assert (it.look("L1", b"a") is None) is again


def test_a_lead_that_was_disabled_and_comes_back_is_sent(memory):
    it = memory()
    it.accept("L1", b"a")
    it.sending("L1")
    it.settle("L1", b"{}", Outcome.ENDED, operation="disable")
    assert it.look("L1", b"a") is None
    it.begin()
    assert it.missing() == []


def test_a_lead_is_missing_that_was_accepted_and_not_read_again(memory):
    it = memory()
    for lead_id in ("L1", "L2", "L3"):
        it.accept(lead_id, b"a")
    it.begin()
    it.look("L1", b"a")
    it.sent.see(it.scopes["leads"], "L3")
    assert it.missing() == ["L2"]
    assert MissingLeads(it.sent).known(it.scopes["leads"]) == 3


def test_a_lead_is_missing_whose_first_record_has_no_known_outcome(memory):
    it = memory()
    it.sending("L1")
    it.begin()
    assert it.missing() == ["L1"]


def test_a_lead_is_not_missing_that_was_never_accepted(memory):
    it = memory()
    it.sending("L1")
    it.settle("L1", b"a", Outcome.REJECTED, "no")
    it.begin()
    assert it.missing() == []


def test_a_lead_is_missing_whose_later_record_was_rejected(memory):
    it = memory()
    it.accept("L1", b"a")
    it.sending("L1")
    it.settle("L1", b"b", Outcome.REJECTED, "no")
    it.begin()
    assert it.missing() == ["L1"]


def test_a_lead_does_not_leave_that_another_stream_of_the_campaign_still_sends(memory):
    it = memory("leads", "others")
    it.accept("L1", b"a")
    it.accept("L1", b"a", stream="others")
    it.begin()
    assert it.missing() == []
    it.sent.see(it.scopes["others"], "L1")
    assert it.missing(complete=("leads", "others")) == []


def test_a_lead_leaves_that_no_stream_of_the_campaign_holds_any_more(memory):
    it = memory("leads", "others")
    it.accept("L1", b"a")
    it.accept("L1", b"a", stream="others")
    it.begin()
    assert it.missing(complete=("leads", "others")) == ["L1"]


def test_a_lead_is_due_between_the_days_and_half_as_many_more():
    due = [
        day for lead in range(500) for day in [next(d for d in range(60) if is_due(f"L{lead}", NOW, NOW + d * DAY, 30))]
    ]
    assert min(due) >= 30
    assert max(due) <= 45
    assert max(due.count(day) for day in set(due)) < 70


def test_an_unchanged_record_is_sent_again_after_the_days(memory):
    it = memory()
    it.accept("L1", b"a")
    it.now += 30 * DAY - 1
    assert it.look("L1", b"a") == ACCEPTED
    it.now += 15 * DAY + 1
    assert it.look("L1", b"a") is None


def test_a_later_record_of_a_lead_is_known_by_its_time(memory):
    it = memory()
    it.accept("L1", b"a")
    assert it.sent.knows_later(it.scopes["leads"], "L1", NOW - 1)
    assert not it.sent.knows_later(it.scopes["leads"], "L1", NOW)
    assert not it.sent.knows_later(it.scopes["leads"], "L2", 0)


def member_of_a_run(memory):
    """Return what a run has written into its journal: a record that was rejected, and one that took it back."""
    memory.sending("L1")
    memory.sent.withdraw(memory.scopes["leads"], "L1", memory.now)
    memory.settle("L1", b"a", Outcome.NOT_APPLIED)
    scopes, events = memory.sent.table.scopes.names(), memory.sent.take_events()
    return Member("run-1", 0, "", {}, scopes, events, ended=False)


def test_a_lead_that_a_killed_run_withdrew_is_not_retried_by_the_next(memory):
    later = memory()
    take_in(later.sent.table, member_of_a_run(memory()), set())
    assert later.sent.knows_later(later.scopes["leads"], "L1", later.now)


def test_a_lead_that_is_sent_again_is_withdrawn_no_more(memory):
    again = memory()
    member_of_a_run(again)
    again.sending("L1")
    again.settle("L1", b"b", Outcome.NOT_APPLIED)
    assert not again.sent.knows_later(again.scopes["leads"], "L1", again.now)
