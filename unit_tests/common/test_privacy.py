"""What is left of records whose numbers, names or other fields are hashed or dropped."""

import copy
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squadstack_common import privacy_settings
from squadstack_common.hashes import hmac_sha256
from squadstack_common.privacy import Masker
from squadstack_common.privacy_settings import PrivacySettings

SALT = "a secret of ours"


def hashed(text: str) -> str:
    return hmac.new(SALT.encode(), text.encode(), hashlib.sha256).hexdigest()


def masked(record: dict[str, Any], *, is_person: bool = True, keeps_hashes: bool = False, **section: Any) -> Any:
    settings = PrivacySettings.of({"salt": SALT, **section})
    return Masker(settings, keeps_hashes=keeps_hashes).masked(record, is_person=is_person)


@given(st.text(max_size=100), st.text(max_size=100))
def test_the_hash_is_hmac_sha256(salt, text):
    assert hmac_sha256(salt)(text) == hmac.new(salt.encode(), text.encode(), hashlib.sha256).hexdigest()


def test_a_number_has_one_hash_in_every_spelling_at_any_depth():
    spellings = [
        "+919876543210",
        "9876543210",
        "+91 98765-43210",
        "09876543210",
        9876543210,
        9876543210.0,
        "９８７६５４３２１０",
    ]
    record = {"lead_responses": [{"answers": {"alternate_number": each}} for each in spellings], "phones": spellings}
    left = masked(record, phone_numbers="hash")
    assert {each["answers"]["alternate_number"] for each in left["lead_responses"]} == {hashed("+919876543210")}
    assert set(left["phones"]) == {hashed("+919876543210")}


def test_a_number_that_nobody_can_read_and_a_name_are_hashed_as_they_came():
    left = masked({"phone_number": "98XXXXXX10", "contact_name": " Meera  Réddy"}, phone_numbers="hash", names="hash")
    assert left == {"phone_number": hashed("98XXXXXX10"), "contact_name": hashed(" Meera  Réddy")}


def test_what_is_dropped_is_null_and_all_else_is_as_it_was():
    record = {"lead_id": "L1", "phone_number": "9876543210", "contact_name": "Asha", "n": 2**70, "x": [None, 1.5, {}]}
    left = masked(record, phone_numbers="drop", names="drop")
    assert left == {**record, "phone_number": None, "contact_name": None}


def test_a_record_that_was_given_is_not_changed():
    record = {"body": "Dear Asha", "contact_name": "Asha", "agents": [{"name": "Ravi", "phone": ["9876543210"]}]}
    before = json.dumps(record)
    masked(record, phone_numbers="drop", names="hash")
    assert json.dumps(record) == before


def test_what_says_nothing_stays_what_it_is():
    record = {"phone_number": None, "contact_name": "", "mobile": " ", "phone": True, "phones": []}
    assert masked(record, phone_numbers="hash", names="hash") == record


@pytest.mark.parametrize("action", ["hash", "drop"])
def test_true_and_false_are_no_number_and_no_name(action):
    record = {"is_mobile": True, "username_taken": False, "phones": True, "x": {"question": "phone", "answer": False}}
    assert masked(record, phone_numbers=action, names=action) == record
    left = masked({**record, "Kyc": True}, phone_numbers=action, names=action, fields=["is_mobile", "kyc"])
    assert left == {**record, "is_mobile": None, "Kyc": None}


def test_an_object_under_a_name_of_a_number_is_hashed_in_each_of_its_values_and_dropped_whole():
    record = {"phone": {"primary": "9876543210", "other": ["9123456780", None]}, "customer_name": {"first": "Asha"}}
    assert masked(record, phone_numbers="hash", names="hash") == {
        "phone": {"primary": hashed("+919876543210"), "other": [hashed("+919123456780"), None]},
        "customer_name": {"first": hashed("Asha")},
    }
    assert masked(record, phone_numbers="drop", names="drop") == {"phone": None, "customer_name": None}


def test_a_key_of_api_v1_is_looked_into_whatever_its_campaign_is_called():
    record = {
        "call_attempt_Mobile Phone_1": [{"outcome_id": 1, "alternate_phone": "9876543210"}],
        "sms_contact name": {},
    }
    assert masked(record, phone_numbers="drop", names="drop") == {
        "call_attempt_Mobile Phone_1": [{"outcome_id": 1, "alternate_phone": None}],
        "sms_contact name": {},
    }


def test_whom_it_went_to_is_a_number_if_it_reads_like_one():
    record = {
        "to": "sip:+919876543210@realm.example",
        "from": "team@example.com",
        "caller_id": 9876543210,
        "callee": "x",
    }
    assert masked(record, phone_numbers="drop") == {**record, "to": None, "caller_id": None}


def test_the_name_of_an_agent_is_a_persons_and_that_of_a_queue_or_a_tag_is_not():
    queue = {"name": "Sales", "agents": [{"name": "Ravi", "tags": [{"name": "Batch 1"}]}]}
    assert masked(queue, names="drop", is_person=False) == {
        "name": "Sales",
        "agents": [{"name": None, "tags": [{"name": "Batch 1"}]}],
    }


def test_an_object_that_names_its_field_in_it_is_masked_by_that_name():
    answers = [
        {"question": "alternate phone", "answer": "9876543210"},
        {"name": "nominee_name", "value": "Asha"},
        {"key": "language", "value": "Hindi"},
        {"name": "Asha", "value": 5},
    ]
    assert masked({"lead_responses": answers}, phone_numbers="drop", names="drop")["lead_responses"] == [
        {"question": "alternate phone", "answer": None},
        {"name": "nominee_name", "value": None},
        {"key": "language", "value": "Hindi"},
        {"name": None, "value": 5},
    ]


def wide(text: str) -> str:
    """Return a text in full-width letters."""
    return "".join(chr(ord(char) + 0xFEE0) if char != " " else char for char in text)


TEXT_RECORD = {
    "phone_number": "+919876543210",
    "contact_name": "Meera Reddy",
    "sms_welcome": {"body": "Dear MEERA  REDDY, we call 98765 43210. Meera, bye. Regards, Meerabai"},
    "gmail_x": {"to": "meera.reddy@example.com", "subject": "no. (+91) 98765-43210!"},
    "additional_notes": ["asked for Reddy", "9123456780"],
}


@pytest.mark.parametrize("action", ["hash", "drop"])
def test_an_object_of_texts_is_text_at_any_depth(action):
    spoken = {"en": "Hello Meera, 98765 43210", "more": [{"hi": "Meera", "order": 1}, "Reddy"], "lead_id": "9876543210"}
    record = {
        "phone_number": "+919876543210",
        "contact_name": "Meera Reddy",
        "ivr_welcome": {"dtmf_response": "1", "multi_text_to_speak": spoken},
        "message": [spoken],
    }
    as_it_came = copy.deepcopy(record)
    left = masked(record, phone_numbers=action, names=action)
    cleaned = {
        "en": "Hello [name], [phone number]",
        "more": [{"hi": "[name]", "order": 1}, "[name]"],
        "lead_id": "9876543210",
    }
    assert left["ivr_welcome"] == {"dtmf_response": "1", "multi_text_to_speak": cleaned}
    assert left["message"] == [cleaned]
    assert record == as_it_came


@pytest.mark.parametrize("action", ["hash", "drop"])
def test_the_records_own_number_and_name_are_replaced_in_its_texts(action):
    left = masked(TEXT_RECORD, phone_numbers=action, names=action)
    assert left["sms_welcome"]["body"] == "Dear [name], we call [phone number]. [name], bye. Regards, Meerabai"
    assert left["gmail_x"] == {"to": "[name]@example.com", "subject": "no. ([phone number]!"}
    assert left["additional_notes"] == ["asked for [name]", "9123456780"]


def test_a_text_keeps_what_is_kept():
    left = masked(TEXT_RECORD, phone_numbers="drop")
    assert left["sms_welcome"]["body"] == "Dear MEERA  REDDY, we call [phone number]. Meera, bye. Regards, Meerabai"
    assert masked(TEXT_RECORD, fields=["phone_number"])["sms_welcome"] == TEXT_RECORD["sms_welcome"]


def test_the_parts_of_a_name_are_found_in_every_script_and_the_letters_of_others_are_left():
    name = {"contact_name": "मीरा A. देवी"}
    record = {**name, "notes": "नमस्ते मीरा, मीराबाई। मीरा A देवी", "remarks": "A. देवी", "more": {"msg": "A_देवी"}}
    left = masked(record, names="drop")
    assert left["notes"] == "नमस्ते [name], मीराबाई। [name]"
    assert left["remarks"] == "A. [name]"
    assert left["more"] == {"msg": "A_[name]"}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("meera.reddy@example.com, REDDY_MEERA", "[name]@example.com, [name]_[name]"),
        ("?text=Meera%20Reddy,%4aMeera%2BReddy%", "?text=[name],%4a[name]%"),
        ("100%Meera Reddy 100%", "100%[name] 100%"),
        (f"{wide('Meera')} and {wide('REDDY')}", "[name] and [name]"),
        ("meerareddy@example.com, mreddy", "meerareddy@example.com, mreddy"),
    ],
)
def test_a_name_is_found_in_links_and_in_letters_of_any_width(text, left):
    for own in ("Meera Reddy", wide("MEERA Reddy")):
        assert masked({"contact_name": own, "email": text}, names="drop")["email"] == left


def test_a_percent_sign_before_a_name_that_begins_like_an_escape_hides_nothing():
    assert masked({"contact_name": "Deepa", "notes": "100%Deepa"}, names="drop")["notes"] == "100%[name]"


@pytest.mark.parametrize("own", ["Jose\u0301", "Jos\u00e9"])
def test_a_name_is_found_however_its_letters_are_composed(own):
    record = {"contact_name": own, "notes": "Jose\u0301, Jos\u00e9"}
    assert masked(record, names="drop")["notes"] == "[name], [name]"


@pytest.mark.parametrize(
    "placeholder", ["Not Available", "N/A", "n.a.", "NA", "Unknown", "TEST", "null", "none", "-", "No name"]
)
def test_what_stands_for_no_name_is_masked_in_its_field_and_stays_in_texts(placeholder):
    notes = "Not interested, no name; test drive, NA, n/a, none available: unknown - null"
    record = {"contact_name": placeholder, "notes": notes}
    assert masked(record, names="drop") == {"contact_name": None, "notes": notes}
    assert masked(record, names="hash") == {"contact_name": hashed(placeholder), "notes": notes}


def test_a_name_in_which_a_placeholders_word_stands_is_a_name():
    record = {"contact_name": "Test Rao", "notes": "Rao, test"}
    assert masked(record, names="drop")["notes"] == "[name], [name]"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("98765_43210, wa.me/?n=98765%2043210&", "[phone number], wa.me/?n=[phone number]&"),
        ("call 0091-98765-43210 now", "call [phone number] now"),
        ("९८७६५ ४३२१० or 9876543210/9876543210", "[phone number] or [phone number]/[phone number]"),
        ("ref 12-3456 7890, 98765432", "ref 12-3456 7890, 98765432"),
        ("id 5559876543210777", "id [phone number]777"),
        ("98765----43210 and 9876-x-543210", "98765----43210 and 9876-x-543210"),
    ],
)
def test_a_number_is_found_in_a_text_by_its_digits(text, left):
    for own in ("+919876543210", "९८७६५४३२१०", 9876543210):
        assert masked({"phone_number": own, "notes": text}, phone_numbers="drop")["notes"] == left


# ── JSON in a text ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_text_that_holds_json_is_looked_into_like_the_object_that_it_is():
    inner = json.dumps({"agent_name": "Ravi", "age": 2**70})
    details = {"phone": "98765 43210", "notes": "Asha, 9876543210", "more": inner, "x": [1.5, None, {"name": "Asha"}]}
    record = {"contact_name": "Asha", "details": f" {json.dumps(details)}", "items": json.dumps([details]), "n": "{}"}
    left = masked(record, phone_numbers="hash", names="drop")
    cleaned = {
        "phone": hashed("+919876543210"),
        "notes": "[name], [phone number]",
        "more": f'{{"agent_name":null,"age":{2**70}}}',
        "x": [1.5, None, {"name": None}],
    }
    assert json.loads(left["details"]) == cleaned
    assert json.loads(left["items"]) == [cleaned]
    assert left["n"] == "{}"


def quoted(text: str, times: int) -> str:
    return text if times == 0 else quoted(json.dumps(text), times - 1)


@pytest.mark.parametrize("field", ["details", "notes", "answer"])
@pytest.mark.parametrize("before", ["", "\ufeff", "\u200b\u00a0 \n"], ids=["nothing", "mark", "blanks"])
@pytest.mark.parametrize("times", [0, 1, 2, 3])
def test_json_is_found_however_often_it_is_quoted_and_behind_what_nobody_sees(times, before, field):
    inner = json.dumps({"phone_number": "9876543210", "contact_name": "Asha", "n": 1})
    text = before + quoted(before + inner, times) + before
    assert masked({field: text, "list": [text]}, phone_numbers="drop", names="drop") == {
        field: (left := quoted('{"phone_number":null,"contact_name":null,"n":1}', times)),
        "list": [left],
    }


def test_a_quoted_text_is_what_it_holds_and_keeps_its_letters_where_nothing_is_masked():
    own = {"phone_number": "9876543210", "contact_name": "Asha"}
    record = {
        "notes": '"\\u0041sha: \\u00399876543210 "',
        "endpoint": '"tel:9876543210"',
        "kept": ' "\\u0041sha"',
        "details": '"\\u007b\\"b\\": 1}"',
        "remark": '"a" or "b"',
        "answer": '"9876543210"',
        "question": "phone",
    }
    left = masked({**own, **record}, phone_numbers="drop", names="drop")
    changed = {"notes": '"[name]: [phone number] "', "endpoint": "null", "answer": None}
    assert left == {**record, **dict.fromkeys(own), **changed}


def test_what_begins_like_quoted_json_and_is_cut_off_is_a_text():
    record = {"contact_name": "Asha", "details": '"{\\"agent\\": \\"Asha'}
    assert masked(record, names="drop")["details"] == '"{\\"agent\\": \\"[name]'


def test_a_text_of_json_in_which_nothing_is_masked_keeps_its_letters():
    text = '{"b" : 1.50, "a":[1e2,"\u00e9"] , "name_of_queue": "Sales"}'
    record = {"details": text, "notes": text, "list": [text], "answers": [{"question": "q", "answer": text}]}
    assert masked(record, phone_numbers="drop", names="drop", fields=["email"]) == record


def test_what_only_looks_like_json_is_a_text_in_which_the_number_and_name_are_replaced():
    record = {"contact_name": "Asha", "phone_number": "9876543210", "details": "{'name': 'Asha', 'no': '98765-43210'}"}
    left = masked(record, phone_numbers="drop", names="drop")
    assert left["details"] == "{'name': '[name]', 'no': '[phone number]'}"


def test_named_fields_are_found_in_a_text_of_json_and_keys_of_records_are_left_as_they_are():
    record = {"lead_id": '{"email": "a"}', "details": '{"Email": "a", "lead_id": "L1"}'}
    assert masked(record, fields=["email"]) == {**record, "details": '{"Email":null,"lead_id":"L1"}'}


def test_a_text_of_json_that_is_too_deep_to_be_looked_into_is_dropped():
    deep = '{"a":' * 5_000 + "1" + "}" * 5_000
    assert masked({"details": deep, "list": [deep]}, names="drop") == {"details": None, "list": [None]}


def test_what_lies_too_deep_in_a_record_to_be_looked_into_is_dropped():
    record: dict[str, Any] = {"phone": "9876543210", "kept": "x", "a": {}}
    deepest = record["a"]
    for _ in range(900):
        deepest["a"] = deepest = {}
    deepest["phone"] = "9876543210"
    left = masked(record, phone_numbers="drop")
    assert (left["phone"], left["kept"]) == (None, "x")
    depth = 0
    while left:
        depth, left = depth + 1, left["a"]
    assert depth == 100


# ── addresses of calls ─────────────────────────────────────────────────────────────────────────────────────────────

ADDRESSES = (
    "sip:9876543210@pbx1.example.com:5060",
    "SIPS:+919876543210@10.0.0.1;transport=tls",
    "tel:+91-98765-43210",
    "tel:9876543210;phone-context=+91",
    '"Desk 2" <sip:09876543210@pbx>',
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_address_of_a_call_is_a_number_whatever_its_field_is_called(address):
    record = {"endpoint": address, "device_endpoints": [address, "user/1071"], "answer": {"x": address}}
    of_hash = hashed("+919876543210")
    assert masked(record, phone_numbers="hash") == {
        "endpoint": of_hash,
        "device_endpoints": [of_hash, "user/1071"],
        "answer": {"x": of_hash},
    }
    assert masked(record, phone_numbers="drop") == {
        "endpoint": None,
        "device_endpoints": [None, "user/1071"],
        "answer": {"x": None},
    }
    assert masked(record, names="drop") == record


def test_the_address_of_an_extension_is_no_number():
    record = {"endpoint": "sip:1071@pbx.example.com", "to": "sip:agent7@pbx1234567.example.com", "a": "telegram: yes"}
    assert masked(record, phone_numbers="drop") == record


def test_fields_are_told_by_their_name_in_any_case_and_hashed_by_what_they_hold():
    record = {"Email": "a@example.com", "deep": [{"email": 12}], "is_kyc": True, "alt_phone": "98765 43210"}
    left = masked(record, fields=["email", "is_kyc", "alt_phone"], fields_action="hash")
    assert left == {
        "Email": hashed("a@example.com"),
        "deep": [{"email": hashed("12")}],
        "is_kyc": hashed("true"),
        "alt_phone": hashed("+919876543210"),
    }


def test_a_named_field_is_the_same_however_its_letters_are_composed():
    composed, decomposed = "ईमेल \u00e9", "ईमेल e\u0301"
    assert masked({decomposed: "x", composed: "y"}, fields=[composed]) == {decomposed: None, composed: None}


@pytest.mark.parametrize(("of_all", "of_named", "left"), [("hash", "drop", None), ("drop", "hash", None)])
def test_of_two_actions_the_stricter_one_is_taken(of_all, of_named, left):
    record = {"phone_number": "9876543210"}
    assert masked(record, phone_numbers=of_all, fields=["phone_number"], fields_action=of_named)["phone_number"] is left


def test_what_the_receiver_has_hashed_is_not_hashed_again_where_it_says_so():
    record = {"phone_number": hashed("+919876543210"), "contact_name": hashed("Asha"), "email": hashed("x")}
    settings = {"phone_numbers": "hash", "names": "hash", "fields": ["email"], "fields_action": "hash"}
    assert masked(record, keeps_hashes=True, **settings) == {**record, "email": hashed(hashed("x"))}
    assert masked(record, **settings)["phone_number"] == hashed(record["phone_number"])


def test_a_body_too_deep_to_be_looked_into_is_dropped():
    assert masked({"payload": {"_json": '{"phone_number": "98…"}'}}, names="hash") == {"payload": {"_json": None}}


def test_an_id_made_of_what_must_not_be_known_takes_the_salt_or_another_secret():
    with_salt = Masker(PrivacySettings.of({"phone_numbers": "hash", "salt": SALT}))
    assert with_salt.keyed("0" * 32, "other") == hashed("0" * 32)[:32]
    without = Masker(PrivacySettings.of({"names": "drop"}))
    assert without.keyed("0" * 32, SALT) == hashed("0" * 32)[:32]
    assert Masker(PrivacySettings.of({"fields": ["email"]})).keyed("0" * 32, SALT) == "0" * 32


@pytest.mark.parametrize("section", [{}, {"phone_numbers": "keep", "fields": [], "fields_action": "drop", "salt": "x"}])
def test_settings_that_keep_everything_change_nothing(section):
    assert not PrivacySettings.of(section).changes_anything


@pytest.mark.parametrize(
    "section",
    [{"phone_numbers": "hash"}, {"names": "hash", "salt": " "}, {"fields": ["email"], "fields_action": "hash"}],
)
def test_a_hash_without_a_salt_is_a_problem(section):
    assert [name for name, _ in PrivacySettings.of(section).problems()] == ["salt"]


@pytest.mark.parametrize(
    ("section", "is_short"),
    [
        ({"phone_numbers": "hash", "salt": "x" * 15}, True),
        ({"phone_numbers": "hash", "salt": "x" * 16}, False),
        ({"phone_numbers": "drop", "salt": "x"}, False),
        ({"fields": ["email"], "fields_action": "hash", "salt": "x"}, True),
    ],
)
def test_a_salt_that_can_be_found_by_trying_is_short(section, is_short):
    assert PrivacySettings.of(section).salt_is_short is is_short


def test_nothing_is_hashed_so_no_salt_is_needed():
    section = {"phone_numbers": "drop", "names": "drop", "fields": ["email"]}
    assert list(PrivacySettings.of(section).problems()) == []
    assert list(PrivacySettings.of({"fields_action": "hash"}).problems()) == []


@pytest.mark.parametrize("key", ["lead_id", " Campaign_Id", "event_id", "id", "processed_at"])
def test_a_key_cannot_be_dropped_and_only_the_leads_id_can_be_hashed(key):
    section = {"fields": ["email", key], "salt": SALT}
    assert [name for name, _ in PrivacySettings.of(section).problems()] == ["fields[1]"]
    left = PrivacySettings.of({**section, "fields_action": "hash"}).problems()
    assert [name for name, _ in left] == ([] if key == "lead_id" else ["fields[1]"])


def test_numbers_are_not_hashed_where_nothing_reads_them(monkeypatch):
    def missing() -> None:
        raise ImportError

    monkeypatch.setattr(privacy_settings, "library", missing)
    names = [name for name, _ in PrivacySettings.of({"phone_numbers": "hash", "salt": SALT}).problems()]
    assert names == ["phone_numbers"]
    assert list(PrivacySettings.of({"phone_numbers": "drop", "names": "hash", "salt": SALT}).problems()) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["phone", "contact_name", "body", "to", "name", "value", "key", "x"]), inner)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["phone_number", "lead_name", "notes", "to", "agents", "value", "q"]), JSON))
def test_whatever_comes_is_masked_without_an_error_and_what_is_kept_has_its_fields(record):
    for action in ("hash", "drop"):
        left = masked(record, phone_numbers=action, names=action, fields=["x"], fields_action=action)
        assert list(left) == list(record)
