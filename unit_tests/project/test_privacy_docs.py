"""The SQL on the source's page joins what the source has hashed with a column of numbers."""

from pathlib import Path

import duckdb
import pytest

from squadstack_common.hashes import hmac_sha256
from squadstack_common.privacy import Masker
from squadstack_common.privacy_settings import PrivacySettings
from test_support import canary
from test_support.markdown import blocks, section

PAGE = (Path(__file__).parents[2] / "docs/sources/squadstack.md").read_text(encoding="utf-8")
(SQL,) = blocks(section(PAGE, "### What is hashed or dropped"), "sql")
MACROS, JOIN = SQL.split("\n\n")


@pytest.mark.parametrize("salt", ["s", "é" * 20, "x" * 64, "x" * 65, "ü" * 100], ids=["1", "40", "64", "65", "200"])
def test_the_macro_hashes_as_the_source_does(salt):
    with duckdb.connect() as database:
        database.execute(MACROS)
        for text in ("+919876501234", "Zubeida Qazvini", "मीरा", ""):
            (found,) = database.execute("SELECT hmac_sha256($salt, $text)", {"salt": salt, "text": text}).fetchone()
            assert found == hmac_sha256(salt)(text)


@pytest.mark.parametrize("spelling", canary.SPELLINGS, ids=str)
def test_hashed_numbers_join_with_a_column_of_numbers_in_any_spelling(spelling):
    salt = "a secret of ours"
    masker = Masker(PrivacySettings.of({"phone_numbers": "hash", "names": "drop", "salt": salt}))
    lead = masker.masked(canary.lead("v4", spelling))
    with duckdb.connect() as database:
        database.execute(MACROS)
        database.execute("CREATE TABLE lead_responses (phone_number VARCHAR, lead_outcome VARCHAR)")
        database.execute("INSERT INTO lead_responses VALUES (?, ?)", [lead["phone_number"], lead["lead_outcome"]])
        database.execute("CREATE TABLE customers (customer_id INTEGER, phone VARCHAR)")
        database.execute("INSERT INTO customers VALUES (1, '98765-01234'), (2, '+91 98765 01235'), (3, NULL)")
        assert database.execute(JOIN, {"salt": salt}).fetchall() == [(1, "Connected : Objective Met")]
