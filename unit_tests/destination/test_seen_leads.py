"""Which leads a run has seen, in eight bytes each."""

import tempfile

import pytest

from destination_squadstack.engine.seen_leads import SeenLeads
from destination_squadstack.operations import Fact

ONE, TWO = ("crm_v2", "one"), ("crm_v2", "two")


@pytest.fixture(params=[8_000_000, 80])
def known(request):
    with tempfile.SpooledTemporaryFile(max_size=request.param) as file:
        yield SeenLeads(file)


def test_a_lead_is_remembered_within_its_campaign(known):
    known.add(ONE, Fact.PRESENT, ["a", "b"])
    assert known.among(ONE, Fact.PRESENT, ["a", "c"]) == {"a"}
    assert known.among(TWO, Fact.PRESENT, ["a"]) == set()


def test_a_fact_that_was_discarded_is_forgotten_until_it_is_added_again(known):
    known.add(ONE, Fact.PRESENT, ["a", "b"])
    known.discard(ONE, Fact.PRESENT, ["a"])
    assert known.among(ONE, Fact.PRESENT, ["a", "b"]) == {"b"}
    known.add(ONE, Fact.PRESENT, ["a"])
    assert known.among(ONE, Fact.PRESENT, ["a", "b"]) == {"a", "b"}


def test_more_leads_are_remembered_than_fit_in_memory(known):
    for start in range(0, 300_000, 1_000):
        known.add(ONE, Fact.PRESENT, [f"L{number}" for number in range(start, start + 1_000)])
    assert known.among(ONE, Fact.PRESENT, ["L0", "L150000", "L299999", "L300000"]) == {"L0", "L150000", "L299999"}


def test_a_lead_id_with_half_a_surrogate_pair_is_remembered(known):
    known.add(ONE, Fact.PRESENT, ["\ud83d"])
    assert known.among(ONE, Fact.PRESENT, ["\ud83d"]) == {"\ud83d"}


def test_a_fact_about_a_lead_says_nothing_about_another_fact(known):
    known.add(ONE, Fact.CONVERTED, ["a"])
    assert known.among(ONE, Fact.PRESENT, ["a"]) == set()
