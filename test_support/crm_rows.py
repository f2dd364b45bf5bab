"""Rows of CRMs as Airbyte's sources emit them, as messy as people leave them: a thousand of each, the same every time.

Each row comes with what has to become of it, known from how it was made and not from the code under test.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Json = dict[str, Any]
SEED = 20261120
ROWS = 1_000


class Fate(StrEnum):
    """What has to become of a row."""

    SENT = "sent"
    DELETED = "deleted at source"
    FILTERED = "filtered"
    NO_INDIAN_NUMBER = "no Indian number"


@dataclass(frozen=True, slots=True)
class CrmRow:
    """A record, and what has to become of it."""

    data: Json
    fate: Fate


MOBILE_SPELLINGS = (
    "{d}",
    "+91{d}",
    "+91 {a} {b}",
    "+91-{a}-{b}",
    "+91-{d}",
    "91{d}",
    "91 {a} {b}",
    "0{d}",
    "0 {a} {b}",
    "0091 {d}",
    "(+91) {d}",
    "+91 (0) {d}",
    "{a} {b}",
    "{a}-{b}",
    " {d} ",
    "\u00a0{d}",
    "+91 {d} ext. 12",
)
LANDLINES = ("022-23456789", "+91 22 2345 6789", "080 4123 4567", "+91-11-23456789", "(044) 2345 6789", "0240 234 5678")
NO_NUMBERS = (
    "n/a",
    "NA",
    "-",
    "call the office",
    "12345",
    "+1 415 555 0132",
    "+44 20 7946 0018",
    "+971 50 123 4567",
    "0000000000",
    "98765",
    "asha@example.com",
)
BLANKS = (None, "", " ", "\t")
# Latin, full-width and Devanagari digits.
SCRIPTS = tuple("".join(chr(zero + digit) for digit in range(10)) for zero in (0x30, 0xFF10, 0x966))
FIRST_NAMES = ("Asha", "Ravi", "Meera", "Zoë", "O'Neil", "आशा", "மீரா", "Dr. A. P. J.", "ASHA", "Mohammed")
LAST_NAMES = ("Rao", "Kumar", "Iyer", "D'Souza", "शर्मा", "van der Berg", None, "", "Patel (do not visit)")
LONG_NAMES = (
    "Venkata Satya Naga Lakshmi Narasimha Subrahmanyam",
    "श्रीमती क्षेत्रपाल ज्ञानेश्वरी त्रिलोकीनाथ स्त्रीरोगतज्ज्ञ क्षीरसागर",
    "Family of 👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦 Sharma",
)
CITIES = ("Pune", "BENGALURU ", "नई दिल्ली", 'St. Thomas Mount, "South"', None, "", "Navi\nMumbai")


class _Made:
    """What one row is made of."""

    def __init__(self, chance: random.Random, number: int) -> None:
        self.chance = chance
        self.number = number

    def one_of(self, values: Any) -> Any:
        """Return one of several values."""
        return self.chance.choice(values)

    def phone(self) -> tuple[Any, Fate]:
        """Return a phone field and what becomes of a row that has it."""
        kind = self.chance.random()
        if kind < 0.06:
            return self.one_of(BLANKS), Fate.FILTERED
        if kind < 0.10:
            return self.one_of(NO_NUMBERS), Fate.NO_INDIAN_NUMBER
        if kind < 0.18:
            return self.one_of(LANDLINES), Fate.SENT
        digits = f"{self.one_of(('98', '90', '81', '70', '63'))}{self.chance.randrange(10**8):08}"
        script = str.maketrans(SCRIPTS[0], self.chance.choices(SCRIPTS, (92, 4, 4))[0])
        spelled = self.one_of(MOBILE_SPELLINGS).format(d=digits, a=digits[:5], b=digits[5:])
        return spelled.translate(script), Fate.SENT

    def first_name(self) -> str:
        """Return a first name, at times one that is longer than SquadStack takes."""
        return str(self.one_of(LONG_NAMES) if self.happens(0.08) else self.one_of(FIRST_NAMES))

    def last_name(self) -> str | None:
        """Return a last name, at times none."""
        name: str | None = self.one_of(LAST_NAMES)
        return name

    def amount(self) -> float | int | None:
        """Return an amount: whole, a fraction, one with the faults of binary fractions, or none."""
        amount: float | int | None = self.one_of((None, 0, 12.5, 1299.0, 0.1 + 0.2, 25_000_000.75, -1.5, 1e21))
        return amount

    def address(self) -> Json | None:
        """Return an address as an object."""
        address: Json | None = self.one_of(
            (
                None,
                {},
                {"city": self.one_of(CITIES), "zip": "411001", "lines": ["12 MG Road", None], "geo": {"lat": 18.5}},
            )
        )
        return address

    def happens(self, share: float) -> bool:
        """Tell whether something happens in this row."""
        return self.chance.random() < share

    def time(self) -> str:
        """Return a time, later for later rows."""
        return f"2026-11-{1 + self.number // 60 % 20:02}T{self.number // 60 % 24:02}:{self.number % 60:02}:00"


def _hubspot(made: _Made) -> CrmRow:
    phone, fate = made.phone()
    first, last = made.first_name(), made.last_name()
    stage = made.one_of(("lead", "lead", "lead", "marketingqualifiedlead", "opportunity", "customer", None))
    archived = made.happens(0.02)
    properties = {
        "firstname": first,
        "lastname": last,
        "hs_full_name_or_email": f"{first} {last}".strip() if last else "asha@example.com",
        "phone": phone,
        "city": made.one_of(CITIES),
        "lifecyclestage": stage,
        "hubspotscore": made.amount(),
        "hs_email_optout": made.one_of((True, False, None)),
        "num_notes": made.one_of((0, 3, None)),
    }
    data = {
        "id": str(1000 + made.number),
        "createdAt": "2026-01-05T09:00:00.000Z",
        "updatedAt": f"{made.time()}.000Z",
        "archived": archived,
        "companies": made.one_of(([], ["5000526215"], None)),
        "properties": properties,
        **{f"properties_{name}": value for name, value in properties.items()},
    }
    if fate is Fate.FILTERED or stage in ("customer", None):
        return CrmRow(data, Fate.FILTERED)
    return CrmRow(data, Fate.DELETED if archived else fate)


def _salesforce(made: _Made) -> CrmRow:
    phone, fate = made.phone()
    first, last = made.first_name(), made.last_name() or "Unknown"
    converted, do_not_call, deleted = made.happens(0.05), made.happens(0.05), made.happens(0.03)
    data = {
        "attributes": {"type": "Lead", "url": f"/services/data/v57.0/sobjects/Lead/00Q5g0000{made.number:07}AV"},
        "Id": f"00Q5g0000{made.number:07}AV",
        "IsDeleted": deleted,
        "LastName": last,
        "FirstName": first,
        "Salutation": made.one_of((None, "Mr.", "Dr.")),
        "Name": f"{first} {last}",
        "Company": made.one_of(("[not provided]", "Acme & Sons", None)),
        "MobilePhone": phone,
        "Address": made.address(),
        "LeadSource": made.one_of(("Web", "Partner", None)),
        "Status": made.one_of(("Open - Not Contacted", "Working - Contacted")),
        "AnnualRevenue": made.amount(),
        "NumberOfEmployees": made.one_of((None, 12, 39000)),
        "IsConverted": converted,
        "DoNotCall": do_not_call,
        "SystemModstamp": f"{made.time()}.000+0000",
        "Budget__c": made.amount(),
    }
    if fate is Fate.FILTERED or converted or do_not_call:
        return CrmRow(data, Fate.FILTERED)
    return CrmRow(data, Fate.DELETED if deleted else fate)


def _shopify(made: _Made) -> CrmRow:
    phone, fate = made.phone()
    first = None if made.happens(0.05) else made.first_name()
    data = {
        "id": 7_120_000_000_000 + made.number,
        "email": made.one_of(("asha@example.com", None)),
        "created_at": "2026-01-05T14:30:00+05:30",
        "updated_at": f"{made.time()}+05:30",
        "first_name": first,
        "last_name": made.last_name(),
        "phone": phone,
        "state": made.one_of(("enabled", "disabled", "invited")),
        "orders_count": made.one_of((0, 1, 17)),
        "total_spent": made.amount(),
        "tags": made.one_of(("", "vip, returning", None)),
        "note": made.one_of((None, "gate code\n4411", "")),
        "verified_email": made.one_of((True, False, None)),
        "default_address": made.address(),
        "addresses": [made.address()],
        "sms_marketing_consent": made.one_of((None, {"state": "subscribed", "opt_in_level": "single_opt_in"})),
        "shop_url": "example",
    }
    return CrmRow(data, Fate.FILTERED if first is None else fate)


def _leadsquared(made: _Made) -> CrmRow:
    phone, fate = made.phone()
    first = made.one_of((None, "")) if made.happens(0.05) else made.first_name()
    do_not_call = made.happens(0.05)
    data = {
        "ProspectID": f"a311900c-0e56-4601-b580-{made.number:012}",
        "ProspectAutoId": str(3000 + made.number),
        "FirstName": first,
        "LastName": made.last_name(),
        "EmailAddress": made.one_of((None, "asha@example.com")),
        "Phone": phone,
        "ProspectStage": made.one_of(("Prospect", "Opportunity")),
        "DoNotCall": "1" if do_not_call else made.one_of(("0", None)),
        "Score": made.one_of(("0", "12.50", None)),
        "mx_City": made.one_of(CITIES),
        "mx_Course_Fee": made.one_of(("25000.00", None, made.amount())),
        "mx_Squadstack_Qualification_Status": None,
        "ModifiedOn": f"{made.time().replace('T', ' ')}.000",
    }
    if fate is Fate.FILTERED or not first:
        return CrmRow(data, Fate.FILTERED)
    return CrmRow(data, Fate.DELETED if do_not_call else fate)


def _freshsales(made: _Made) -> CrmRow:
    phone, fate = made.phone()
    first, last = made.first_name(), made.last_name()
    deleted = made.happens(0.03)
    data = {
        "id": 17_008_000_000 + made.number,
        "first_name": first,
        "last_name": last,
        "display_name": f"{first} {last or ''}".strip(),
        "city": made.one_of(CITIES),
        "email": made.one_of((None, "asha@example.com")),
        "emails": [{"id": 1, "value": "asha@example.com", "is_primary": True}],
        "work_number": made.one_of((None, "022-23456789")),
        "mobile_number": phone,
        "lead_score": made.one_of((0, 36, None)),
        "open_deals_amount": made.amount(),
        "won_deals_amount": made.one_of(("0.0", "11000.0", None)),
        "custom_field": made.one_of(({}, {"cf_budget": made.amount(), "cf_visited": made.one_of((True, None))})),
        "links": {"notes": "/crm/sales/contacts/1/notes?include=creater"},
        "is_deleted": deleted,
        "tags": made.one_of(([], ["webinar", "नई"])),
        "phone_numbers": [],
        "updated_at": f"{made.time()}+05:30",
    }
    if fate is Fate.FILTERED:
        return CrmRow(data, fate)
    return CrmRow(data, Fate.DELETED if deleted else fate)


_CRMS: dict[str, Callable[[_Made], CrmRow]] = {
    "HubSpot": _hubspot,
    "Salesforce": _salesforce,
    "Shopify": _shopify,
    "LeadSquared": _leadsquared,
    "Freshsales": _freshsales,
}
CRMS = tuple(_CRMS)


def crm_rows(crm: str) -> Iterator[CrmRow]:
    """Yield the rows of a CRM; some leads come twice, changed in between."""
    chance = random.Random(f"{SEED} {crm}")
    for row in range(ROWS):
        number = chance.randrange(row) if row and chance.random() < 0.04 else row
        yield _CRMS[crm](_Made(chance, number))
