"""Whatever a record looks like, what is hashed or dropped is nowhere in what is left of it."""

import copy
import json

from hypothesis import given
from hypothesis import strategies as st

from squadstack_common.privacy import Masker
from squadstack_common.privacy_settings import PrivacySettings
from test_support import canary
from test_support.canary_records import records

ACTIONS = st.sampled_from(("keep", "hash", "drop"))
OWN = {"phone_number": canary.E164, "contact_name": canary.NAME}


@given(records(OWN), ACTIONS, ACTIONS)
def test_neither_number_nor_name_is_left_and_what_came_is_not_changed(record, phone_numbers, names):
    before = copy.deepcopy(record)
    section = {"phone_numbers": phone_numbers, "names": names, "salt": "of ours alone, and long"}
    left = Masker(PrivacySettings.of(section)).masked(record)
    text = json.dumps(left, ensure_ascii=False)
    if phone_numbers != "keep":
        assert not canary.holds_number(text)
    if names != "keep":
        assert not canary.holds_name(text)
    if phone_numbers == names == "keep":
        assert left == before
    assert record == before
    assert list(left) == list(before)
