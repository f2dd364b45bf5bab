"""A thousand messy rows of each CRM through its recipe and the emulator: what is rejected could not be helped.

The table of the page of recipes says what came of them.
"""

import json
from collections import Counter
from pathlib import Path

import pytest

from destination_squadstack.api.squadstack import SquadStackClient
from destination_squadstack.mapping import StopReason
from squadstack_emulator import Campaign, Emulator, Scenario
from test_support.crm_rows import CRMS, ROWS, Fate, crm_rows
from test_support.markdown import blocks, rows, section

PAGE = (Path(__file__).parents[2] / "docs/destinations/recipes.md").read_text(encoding="utf-8")
TABLE = section(PAGE, "## What a thousand rows come to")
AS_IS = {"phone_numbers": "as_is", "custom_values": "as_is", "long_names": "as_is"}
TOKEN = "token-of-the-recipes"
NOT_INDIAN = "phone_number: not a valid Indian number"


@pytest.fixture
def emulator():
    """Start an emulator with one campaign and no limit of calls."""
    emulator = Emulator(Scenario(token=TOKEN, campaigns=(Campaign(),), calls_per_minute=None))
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture
def synced(bench, kit, emulator):
    """Return what sends the rows of a CRM to the emulator by its recipe, and what became of them."""

    def synced(crm, **changes):
        config = json.loads(blocks(section(PAGE, f"## {crm}"), "json")[0])
        (entry,) = config["streams"]
        entry["ref_id"] = emulator.scenario.campaigns[0].ref_id
        b = bench({**config, **changes}, kit.catalog(entry["stream"]), tolerate_rejections=True)
        client = SquadStackClient(emulator.url, TOKEN)
        for number, row in enumerate(crm_rows(crm), 1):
            record = {"stream": entry["stream"], "emitted_at": 1, "data": row.data}
            b.feed(kit.message({"type": "RECORD", "record": record}, number))
        b.end()
        while not b.engine.finished:
            for call in b.calls():
                b.answer(call, client.send(call.lane, call.bodies))
        client.close()
        return b

    return synced


def fates(crm):
    return Counter(row.fate for row in crm_rows(crm))


def disabled(b):
    """Count the rows that disabled their leads."""
    return b.progress.stopped[StopReason.DELETED_AT_SOURCE, "disable"]


def written(b):
    """Count the rows that were accepted as leads."""
    return b.progress.written - disabled(b)


@pytest.mark.parametrize("crm", CRMS)
def test_a_recipe_rejects_only_rows_without_an_indian_number_and_the_emulator_refuses_none(crm, synced, emulator):
    wanted, b = fates(crm), synced(crm)
    assert b.progress.rejected == ({("upsert", NOT_INDIAN): wanted[Fate.NO_INDIAN_NUMBER]})
    assert {rejection.attempts for rejection in b.rejected_records.rejections} == {0}
    assert (written(b), b.progress.filtered.total(), disabled(b)) == (
        wanted[Fate.SENT],
        wanted[Fate.FILTERED],
        wanted[Fate.DELETED],
    )
    assert not b.progress.alone
    emulator.assert_clean()


@pytest.mark.parametrize("crm", CRMS)
def test_the_page_says_what_is_rejected_with_the_recipe_and_without_cleaning(crm, synced):
    with_recipe, without_cleaning = synced(crm), synced(crm, cleaning=AS_IS)
    assert with_recipe.progress.rejected_total * 5 < without_cleaning.progress.rejected_total
    counted = [
        with_recipe.progress.filtered.total(),
        disabled(with_recipe),
        written(with_recipe),
        with_recipe.progress.rejected_total,
        without_cleaning.progress.rejected_total,
    ]
    assert sum(counted[:4]) == ROWS
    assert [row for row in rows(TABLE) if row[0] == crm] == [[crm, *map(str, counted)]]


@pytest.mark.parametrize("crm", CRMS)
def test_the_rows_of_a_crm_are_the_same_every_time_and_as_messy_as_said(crm):
    made = list(crm_rows(crm))
    assert made == list(crm_rows(crm))
    assert len(made) == ROWS
    found = Counter(row.fate for row in made)
    assert min(found[Fate.SENT] - 500, found[Fate.FILTERED] - 50, found[Fate.NO_INDIAN_NUMBER] - 10) > 0
