"""Phone numbers as E.164. Which spellings are read, and as what: unit_tests/destination/record_rules."""

import pytest

from squadstack_common.phone_numbers import e164

ONE_NUMBER = (
    *("9876543210", "+91 98765-43210", "919876543210", "09876543210", "0091 9876543210", 9876543210, 9876543210.0),
    *("9876543210.0", "+91 98765 43210.00", "tel:+91-98765-43210", "tel:9876543210;phone-context=+91"),
    *("sip:9876543210@pbx7.example.com:5060", '"Desk 2" <sips:+919876543210@10.0.0.1;x=1>', "09876543210@realm"),
    *("(+91) 98765 43210", "\uff0b91 9876543210", "९८७६५४३२१०", "+91-98765.43210"),
)


@pytest.mark.parametrize("spelling", ONE_NUMBER)
def test_a_number_has_one_spelling_however_it_came(spelling):
    assert e164(spelling) == "+919876543210"


@pytest.mark.parametrize(
    ("spelling", "written"),
    [
        ("+1 (219) 501-1918", "+12195011918"),
        ("sip:+12195011918@pbx2", "+12195011918"),
        ("+12195011918.0", "+12195011918"),
        ("+12131204", "+12131204"),
        ("+44 20 7946 0018", "+442079460018"),
    ],
)
def test_a_number_of_another_country_keeps_its_country(spelling, written):
    assert e164(spelling) == written


@pytest.mark.parametrize("value", ["", "nobody", "98XXXXXX10", "9123456780/9876543210", None, True, 1.5, [], {}])
def test_what_says_no_number_by_itself_is_none(value):
    assert e164(value) is None
