"""What goes over the wire for each row of the table."""

import pytest

from destination_squadstack.operations import OPERATIONS, documented_fields

ONE = b'{"lead_id":"a/b c","status":"call back","cdr_id":"x@y","number":"+1"}'


@pytest.mark.parametrize(
    ("api", "name", "expected"),
    [
        ("crm_v2", "create", ("POST", "/voice/crm-integration-v2/T/lead-created", b"[" + ONE + b"," + ONE + b"]")),
        ("v4", "create", ("POST", "/api/v4/leads/create/T/", b"[" + ONE + b"," + ONE + b"]")),
        ("v4", "update", ("PATCH", "/api/v4/leads/update/T/", ONE)),
        ("v4", "convert", ("POST", "/api/v4/leads/convert/T/", ONE)),
        ("v4", "disable", ("POST", "/api/v4/leads/disable/T/", b"[" + ONE + b"," + ONE + b"]")),
        ("v4", "delete", ("POST", "/api/v4/leads/delete/T/", ONE)),
        ("v1", "create", ("POST", "/api/v1/leads/create/T/", b"[" + ONE + b"," + ONE + b"]")),
        ("v1", "disable", ("POST", "/api/v1/leads/disable/T/", b"[" + ONE + b"," + ONE + b"]")),
        ("contact_center", "add_lead", ("PUT", "/api/v2/config/campaigns/T/lead", ONE)),
        (
            "contact_center",
            "set_status",
            ("POST", "/api/v2/config/campaigns/leads/a%2Fb%20c/status/call%20back", None),
        ),
        ("contact_center", "delete_lead", ("DELETE", "/api/v2/config/campaigns/leads/a%2Fb%20c", None)),
        (
            "contact_center",
            "voicemail_disposition",
            ("PUT", "/api/v2/config/campaigns/call/x%40y/disposition/voicemail", None),
        ),
    ],
)
def test_each_operation_makes_exactly_the_documented_request(api, name, expected):
    row = OPERATIONS[api, name]
    assert row.request(row.path("T"), [ONE] * min(2, row.batch_size)) == expected


def test_only_operations_that_remove_leads_for_ever_need_allow_delete():
    assert {key for key, row in OPERATIONS.items() if row.needs_allow_delete} == {
        ("crm_v2", "delete"),
        ("v4", "delete"),
        ("contact_center", "delete_lead"),
    }


def test_all_but_add_lead_may_be_sent_again():
    assert [row.name for row in OPERATIONS.values() if not row.repeatable] == ["add_lead"]


@pytest.mark.parametrize(
    "name", ["lead_id", "phone_number", "contact_name", "detail", "state_code", "number", "status"]
)
def test_each_operation_knows_the_documented_fields(name):
    assert name in documented_fields()
