"""Every wrapping of the documents' error texts becomes a readable reason, and no lead data survives it."""

import json

import pytest

from destination_squadstack.api.error_text import read_reason
from destination_squadstack.operations import Cause

DOCUMENTED = [
    (r'{"error_type":1,"detail":"Internal ID already exists"}', Cause.DUPLICATE_LEAD),
    (
        "Duplicate Lead ID shared: A lead with the given Lead ID: 'lead2' is already present in this campaign",
        Cause.DUPLICATE_LEAD,
    ),
    ("Lead with the same unique_field_name is already present", Cause.DUPLICATE_FIELD),
    ('{"error_type":1,"detail":"Another request for the same lead is getting processed already"}', Cause.BUSY),
    (
        r'{"detail":"campaign:xxxx. Another request for the same lead is getting processed already","error_type":1}',
        Cause.BUSY,
    ),
    ("Unjudged leads cannot be re-activated", Cause.STILL_ACTIVE),
    (
        "Either lead with given lead_id does not exist in SquadIQ system or lead has already been processed by us!",
        Cause.UNKNOWN_LEAD,
    ),
    (
        "We cannot accept this request as the lead_id: L77 has already been marked as converted.",
        Cause.CONVERTED,
    ),
    ('{"detail":"lead_id:L77 has been marked as converted from our platform."}', Cause.CONVERTED),
    ("lead_id:L77 has been deleted from our platform.", Cause.DELETED),
    ("lead_id:L77 doesn't exist on our platform.", Cause.UNKNOWN_LEAD),
    ('"lead_id" provided does not exist with us.', Cause.UNKNOWN_LEAD),
    ("No active integration found.", Cause.NO_INTEGRATION),
    ("This endpoint is not enabled in your Integration”", Cause.NOT_ENABLED),
]


@pytest.mark.parametrize(("said", "cause"), DOCUMENTED)
@pytest.mark.parametrize("wrap", [lambda text: text, lambda text: {"error_msg": text}, lambda text: {"detail": [text]}])
def test_a_documented_error_is_known_in_any_wrapping(said, cause, wrap):
    reason = read_reason(wrap(said))
    assert reason.cause is cause
    assert "L77" not in reason.text
    assert "lead2" not in reason.text


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("{'phone_number': 'Invalid value provided.'}", "phone_number: Invalid value provided."),
        (
            {"detail": "You do not have permission to perform this action."},
            "You do not have permission to perform this action.",
        ),
        ('{"phone_number":["Invalid value provided."]}', "phone_number: Invalid value provided."),
        ({"phone_number": ["This field may not be blank."]}, "phone_number: This field may not be blank."),
        ("{'lead_id': 'This field is required.'}", "lead_id: This field is required."),
        (json.dumps({"detail": '"lead_id" is a required field!'}), "lead_id: This field is required."),
        (
            "{'phone_number': 'Invalid value provided.', 'contact_name': 'This field is required.'}",
            "phone_number: Invalid value provided.; contact_name: This field is required.",
        ),
        ("Invalid auth token", "Invalid auth token"),
        ("", "no reason given"),
        (None, "no reason given"),
        ({"error_msg": None}, "no reason given"),
    ],
)
def test_a_field_error_names_the_field_and_says_what_is_wrong(said, text):
    assert read_reason(said, {"lead_id", "phone_number", "contact_name"}).text == text


@pytest.mark.parametrize(
    "said",
    [
        "Contact Asha Rao (+919876543210, asha.rao@example.com) is blocked by L-77",
        "{'+919876543210': 'Asha Rao has this number'}",
        "{'L-77': {'phone_number': 'Invalid value 919876543210'}}",
        "[{'error_msg': '{\"detail\": \"Asha Rao / 9876543210\"}'}]",
        "Ünïcödé Asha Räo 9876543210",
    ],
)
def test_whatever_may_be_a_name_a_number_or_an_id_is_left_out(said):
    text = read_reason(said, {"phone_number", "contact_name"}).text
    for secret in ("Asha", "Rao", "Räo", "9876", "example", "L-77", "77"):
        assert secret not in text
    assert "…" in text


def test_the_rest_of_an_unknown_error_text_can_still_be_read():
    assert read_reason("Campaign L-77 has exceeded the daily limit").text == "Campaign … has exceeded the daily limit"


@pytest.mark.parametrize("said", ["{" * 5_000, "[" * 5_000, "{'a': " * 2_000, "x" * 100_000, {"a": {"b": {"c": 1}}}, 7])
def test_nonsense_is_survived_and_kept_short(said):
    assert len(read_reason(said).text) <= 300


def test_a_missing_documented_field_is_named_though_the_record_lacks_it():
    assert read_reason({"error_msg": "{'phone_number': 'This field is required.'}"}, ["lead_id"]).text == (
        "phone_number: This field is required."
    )


def test_a_field_named_in_the_middle_of_a_sentence_keeps_its_underscore():
    assert read_reason("Invalid value in contact_name", ["contact_name"]).text == "Invalid value in contact_name"


@pytest.mark.parametrize(
    "name", ["lead_id", "phone_number", "contact_name", "detail", "state_code", "number", "cdr_id"]
)
def test_a_documented_field_that_the_record_lacks_is_named(name):
    assert read_reason({name: ["This field is required."]}, {"x"}).text == f"{name}: This field is required."
    assert read_reason({"asha": ["This field is required."]}, {"x"}).text == "…: This field is required."


def test_a_text_of_which_nothing_can_be_repeated_says_so():
    assert read_reason({"error_msg": "Quux."}).text == "… (words that may be a lead's are not repeated)"


@pytest.mark.parametrize("code", ["bad_identifier", "faulty_request", "invalid_credentials", "not_found"])
def test_a_code_of_the_contact_center_is_repeated(code):
    assert read_reason({"data": {"id": "L-77"}, "error": code}).text == code


@pytest.mark.parametrize("word", ["asha_rao", "bad_asha", "_", "lead_77", "L_77"])
def test_a_word_in_pieces_is_left_out_unless_all_of_them_are_known(word):
    assert "…" in read_reason({"error": f"{word} Quux"}).text
    assert word not in read_reason({"error": f"{word} Quux"}).text
