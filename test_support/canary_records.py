"""Records of the canary's person as anybody may write them: any spelling, any depth, JSON in texts, answers in lists.

Strategies for property tests. Whatever they give, a number stands where a field's name or an address tells of it, or in
a text of a record that names it as the person's own; so do names.
"""

import json
from typing import Any

from hypothesis import strategies as st

from test_support import canary

Strategy = st.SearchStrategy[Any]

NUMBER_FIELDS = (
    *("phone_number", "Contact Number", "alternatePhone", "Mobile No.", "whatsapp_number", "phones", "callback_no"),
    *("lead_number", "to", "from", "caller_id_number", "phone_2", "number"),
)
NAME_FIELDS = ("contact_name", "Full Name", "agentName", "father_name", "first_name", "customer name", "caller_id_name")
TEXT_FIELDS = ("body", "notes", "Remarks", "additional_notes", "subject", "text_to_speak", "reason for call", "msg")
PLAIN_FIELDS = ("details", "x", "custom 1", "lead_responses", "endpoint", "device_endpoints", "answers", "ग्राहक")
WHOLE = ("{}", "tel:{}", "sip:{}@pbx7.example.com:5060", "sips:{};transport=tls", '"Desk 2" <sip:{}@pbx>')
HARMLESS = (
    st.none() | st.booleans() | st.integers(0, 99) | st.text("abc éह", max_size=8) | st.sampled_from(["[x", "{}"])
)


@st.composite
def spellings(draw: st.DrawFn) -> str:
    """Give the number as text: with a prefix or none, anything between its digits, in digits of any script."""
    digits = draw(st.sampled_from(("", "0", "91", "+91", "+91 ", "(+91) ", "0091-"))) + canary.DIGITS
    gap = draw(st.sampled_from(("", " ", "-", ".", "\u00a0", " - ")))
    digits = gap.join((digits[:-5], digits[-5:]))
    zero = draw(st.sampled_from(("0", "\N{DEVANAGARI DIGIT ZERO}", "\N{FULLWIDTH DIGIT ZERO}")))
    return digits.translate({ord("0") + place: chr(ord(zero) + place) for place in range(10)})


@st.composite
def names(draw: st.DrawFn) -> str:
    """Give the person's name, or one word of it, in letters of any case."""
    name = draw(st.sampled_from((canary.NAME, *canary.NAME.split(), canary.NAME.replace(" ", "  "))))
    return draw(st.sampled_from((name, name.upper(), name.lower())))


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Give a text that repeats the number and the name."""
    parts = draw(st.lists(spellings() | names() | st.sampled_from(("Dear", "call", "ok?", "हाँ")), max_size=5))
    return draw(st.sampled_from((" ", ", ", ": ", " / "))).join(parts)


NUMBERS = (
    spellings()
    | st.sampled_from((int(canary.DIGITS), float(canary.DIGITS), f"{canary.DIGITS}.0"))
    | st.builds(str.format, st.sampled_from(WHOLE), spellings())
)


BLANKS = st.sampled_from(("", " ", "\ufeff", "\u200b"))


def _text_of(times: int, blank: str, value: Any) -> str:
    """Return a value as a text of JSON that is quoted some times, behind what nobody sees."""
    text = blank + json.dumps(value)
    return text if times == 0 else _text_of(times - 1, blank, text)


def _members(inner: Strategy) -> Strategy:
    several = st.sampled_from
    labelled = st.fixed_dictionaries({"question": several(NUMBER_FIELDS[:4]), "answer": NUMBERS | inner})
    return st.one_of(
        st.tuples(several(NUMBER_FIELDS), NUMBERS | st.lists(NUMBERS, max_size=2)),
        st.tuples(several(NAME_FIELDS), names() | st.lists(names(), max_size=2)),
        st.tuples(several(TEXT_FIELDS), texts() | st.lists(texts(), max_size=2) | inner),
        st.tuples(several(PLAIN_FIELDS), HARMLESS | inner | st.lists(inner | labelled, max_size=2)),
        st.tuples(several(PLAIN_FIELDS), st.lists(labelled, min_size=1, max_size=2)),
        st.tuples(several(PLAIN_FIELDS), st.builds(str.format, several(WHOLE[1:]), spellings())),
        st.tuples(several((*PLAIN_FIELDS, *TEXT_FIELDS)), st.builds(_text_of, several(range(4)), BLANKS, inner)),
        st.tuples(several(TEXT_FIELDS), texts().map(json.dumps)),
    )


def _objects(inner: Strategy) -> Strategy:
    return st.lists(_members(inner), max_size=4).map(dict)


def records(own: dict[str, Any]) -> Strategy:
    """Give records that hold `own`: fields that say whose they are, and keys that a stream needs."""
    return st.recursive(st.just({}), _objects, max_leaves=6).map(lambda drawn: {**drawn, **own})
