"""Which fields hold what, by their names."""

import pytest

from squadstack_common.personal_fields import Kind, is_about_a_person, kind_of

PHONE_NUMBERS = [
    "phone_number",
    "contact_number",
    "lead_number",
    "number",
    "phone",
    "Phone",
    "PHONE",
    "phoneNumber",
    "Phone-Number",
    "mobile",
    "mobile_no",
    "mobileNumber",
    "phone_1",
    "phone2",
    "alternate_number",
    "alternate_phone_number",
    "whatsapp_number",
    "caller_id_number",
    "callee_id_number",
    "msisdn",
    "contactNo",
    "contact_no",
    "customer_phone",
    "Numbers",
    "home_phone",
    "emergency_contact_number",
    "callback_number",
]
PERHAPS = ["to", "from", "whatsapp", "caller", "caller_id", "phone_verified", "contact", "customer_number", "client_no"]
NAMES = [
    "contact_name",
    "lead_name",
    "agent_name",
    "first_name",
    "last_name",
    "middle_name",
    "full_name",
    "FirstName",
    "lastname",
    "customerName",
    "caller_id_name",
    "callee_id_name",
    "customer_name",
    "father_name",
    "applicant_name",
    "display_name",
    "contact_names",
]
NOT_PERSONAL = [
    "campaign_name",
    "outcome_name",
    "queue_name",
    "product_name",
    "lead_source_name",
    "agent_queue_name",
    "company_name",
    "call_attempt_number",
    "reference_id",
    "policy_number",
    "outcome_id",
    "status",
    "lead_outcome",
    "called_at",
    "campaign_id",
    "lead_id",
    "block",
    "cost",
    "agent_extension",
    "ext",
    "extension",
    "total_leads",
    "call_duration",
    "recording_url",
    "order_no",
    "_",
    "123",
]
TEXTS = ["body", "text_to_speak", "multi_text_to_speak", "subject", "additional_notes", "google_email", "remarks"]


@pytest.mark.parametrize("field", PHONE_NUMBERS)
def test_a_field_of_a_phone_number(field):
    assert kind_of(field) is Kind.PHONE_NUMBER


@pytest.mark.parametrize("field", PERHAPS)
def test_a_field_of_a_phone_number_or_something_else(field):
    assert kind_of(field) is Kind.PERHAPS_PHONE_NUMBER


@pytest.mark.parametrize("field", NAMES)
def test_a_field_of_a_persons_name(field):
    assert kind_of(field) is Kind.NAME


@pytest.mark.parametrize("field", ["max_time_caller_in_queue"])
def test_a_number_of_seconds_beside_a_persons_word_reads_like_no_phone_number(field):
    assert kind_of(field) is Kind.PERHAPS_PHONE_NUMBER


@pytest.mark.parametrize("field", NOT_PERSONAL)
def test_a_field_that_is_neither(field):
    assert kind_of(field) is None


@pytest.mark.parametrize("field", TEXTS)
def test_a_field_of_text(field):
    assert kind_of(field) is Kind.TEXT


def test_a_name_alone_is_a_persons_in_what_is_about_a_person():
    assert kind_of("name") is Kind.BARE_NAME
    assert is_about_a_person("agents", inherited=False)
    assert is_about_a_person("lead_history", inherited=False)
    assert is_about_a_person("details", inherited=True)
    assert not is_about_a_person("details", inherited=False)
    assert not is_about_a_person("tags", inherited=True)
    assert not is_about_a_person("campaign", inherited=True)
