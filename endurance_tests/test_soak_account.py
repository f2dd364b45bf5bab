"""The soak test sees what it is there to see."""

from types import SimpleNamespace

from endurance_tests.tools.soak.account import Account, inversions, lost
from endurance_tests.tools.soak.records import CREATES, Planned, plan


def a_lead(*numbers, last=None):
    return SimpleNamespace(custom={**{f"r{number}": 1 for number in numbers}, "n": last or numbers[-1]})


def test_a_record_that_is_neither_there_nor_kept_is_lost():
    records = [Planned(number, CREATES, f"lead{number}", bad=False) for number in range(4)]
    leads = {"lead0": a_lead(0), "lead1": a_lead(99)}
    assert lost(records, leads, refused={3}) == 2


def test_changes_in_another_order_than_they_were_read_in_are_counted():
    assert inversions({"a": a_lead(1, 2, 3)}) == 0
    assert inversions({"a": a_lead(1, 3, 2, last=3)}) == 1


def test_a_lead_that_an_older_record_had_the_last_word_on_is_counted():
    assert inversions({"a": a_lead(1, 2, 3, last=2)}) == 1


def test_an_account_holds_only_if_everything_is_zero_and_adds_up():
    assert Account(read=3, written=2, rejected=1).holds
    assert not Account(read=3, written=2).holds
    for wrong in ({"lost": 1}, {"inversions": 1}, {"overlaps": 1}, {"problems": ["x"]}):
        assert not Account(**wrong).holds


def test_the_input_of_a_seed_is_always_the_same_and_has_of_everything():
    records = plan(1, 2_000).records
    assert plan(1, 2_000).text() == plan(1, 2_000).text()
    assert plan(2, 2_000).text() != plan(1, 2_000).text()
    assert {record.lead_id for record in records if record.lead_id.startswith("hot")} == {f"hot{n}" for n in range(5)}
    assert 20 < sum(record.bad for record in records) < 60
    assert plan(1, 2_000).text(after=1_950).count(b'"STATE"') == 1
