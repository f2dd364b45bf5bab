"""Which fields hold a phone number, a person's name, or text about a person: told by the field's name alone.

The names are those of both APIs, their webhooks and the contact center's calls, and campaigns' own fields:
a name is taken apart into words, so that `contact_number`, `contactNumber` and `Contact Number` are one. Which words
decide is in docs/sources/squadstack.md, "Privacy".
"""

import re
from enum import Enum, auto


class Kind(Enum):
    """What a field holds."""

    PHONE_NUMBER = auto()
    # A phone number if the value reads like one: `to` of an e-mail is an address, of a call a number.
    PERHAPS_PHONE_NUMBER = auto()
    NAME = auto()
    # `name`, alone: a person's in what is about a person, else that of a campaign, a queue or a tag.
    BARE_NAME = auto()
    # Text that people or programs write, in which the person's own number and name may stand.
    TEXT = auto()


# "Mobile number" and "number of the mobile" are one; so are `phone1` and `phone_1`.
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")

_PHONES = frozenset({"phone", "phones", "telephone", "telephones", "mobile", "mobiles", "msisdn", "landline"})
_PHONES |= {"phonenumber", "phonenumbers", "phoneno", "mobilenumber", "mobileno", "contactnumber", "contactno"}
_MAYBE_PHONES = frozenset({"tel", "ph", "mob", "cell", "whatsapp", "caller", "callee", "contact"})
# Alone they are whom it went to and came from; in a longer name they may be any words.
_PARTIES = frozenset({"to", "from"})
_NUMBER_WORDS = frozenset({"number", "numbers", "no", "num"})
# A number of whom is a phone number; a customer's or a policy's may be any other.
_WHOSE_NUMBER = frozenset(
    {"contact", "lead", "caller", "callee", "calling", "called", "callback", "dialed", "dialled", "alternate"}
)
_WHOSE_NUMBER |= {"alternative", "alt", "whatsapp", "emergency", "mob", "ph", "tel", "cell"}

_NAME_WORDS = frozenset({"name", "names"})
_PERSON_NAMES = frozenset({"firstname", "lastname", "middlename", "fullname", "surname", "forename", "nickname"})
_PERSON_NAMES |= {"contactname", "leadname", "agentname", "customername", "username", "callername"}
_PERSONS = frozenset({"contact", "contacts", "lead", "leads", "agent", "agents", "caller", "callee", "customer"})
_PERSONS |= {"customers", "client", "person", "user", "users", "owner", "member", "members", "applicant", "borrower"}
_PERSONS |= {"guarantor", "nominee", "father", "mother", "husband", "wife", "spouse", "guardian", "parent", "student"}
_PERSONS |= {"patient", "employee", "rep", "representative", "manager", "supervisor", "candidate", "holder", "payee"}
_PERSONS |= {"beneficiary", "recipient", "sender", "spoc", "doctor", "your", "my"}
_NAME_PARTS = frozenset({"first", "last", "middle", "full", "given", "family", "display"})
# Beside a person's word it is not the person that is named: `lead_source_name`, `agent_queue_name`.
_NO_PERSONS = frozenset({"campaign", "campaigns", "queue", "queues", "tag", "tags", "product", "products", "company"})
_NO_PERSONS |= {"organisation", "organization", "business", "account", "bank", "branch", "school", "college", "city"}
_NO_PERSONS |= {"state", "event", "events", "file", "project", "plan", "scheme", "brand", "shop", "store", "skill"}
_NO_PERSONS |= {"department", "process", "outcome", "outcomes", "disposition", "block", "field", "source", "stage"}
_NO_PERSONS |= {"status", "type", "list", "group", "team", "domain", "host", "device", "form", "template"}

_TEXT_WORDS = frozenset(
    {"body", "text", "texts", "message", "messages", "msg", "sms", "subject", "note", "notes", "remark"}
)
_TEXT_WORDS |= {"remarks", "comment", "comments", "description", "transcript", "transcription", "summary", "greeting"}
_TEXT_WORDS |= {"content", "feedback", "reason", "email", "emails", "mail", "script", "uri"}

# Keys of API v1 that hold what was done: behind the prefix stands the campaign's own name, which may be any words.
OUTREACH_PREFIXES = ("call_attempt_", "last_call_attempt_", "sms_", "ivr_", "gmail_")


def kind_of(field: str) -> Kind | None:
    """Tell what a field holds by its name; None for all that is neither about a person nor text."""
    words = words_of(field)
    if not words:
        return None
    if _is_name(words):
        return Kind.NAME
    if len(words) == 1 and words[0] in _NAME_WORDS:
        return Kind.BARE_NAME
    return _phone_number(words) or (Kind.TEXT if not _TEXT_WORDS.isdisjoint(words) else None)


def is_about_a_person(field: str, inherited: bool) -> bool:
    """Tell whether what a field holds is about a person, whose `name` then is a person's.

    Args:
        field: The name of a field that holds objects.
        inherited: What its own object is about: so is the field, if its name says nothing of it.
    """
    words = words_of(field)
    if not _NO_PERSONS.isdisjoint(words):
        return False
    return inherited or not _PERSONS.isdisjoint(words)


def words_of(field: str) -> list[str]:
    """Return the words of a name without the numbers in it: `altPhone_2` is alt and phone."""
    return [word.casefold() for word in _WORD.findall(field)]


def _is_name(words: list[str]) -> bool:
    if not _PERSON_NAMES.isdisjoint(words):
        return True
    if _NAME_WORDS.isdisjoint(words) or not _NO_PERSONS.isdisjoint(words):
        return False
    return not _PERSONS.isdisjoint(words) or not _NAME_PARTS.isdisjoint(words)


def _phone_number(words: list[str]) -> Kind | None:
    last = words[-1]
    if last in _PHONES or words in (["number"], ["numbers"]):
        return Kind.PHONE_NUMBER
    has_number = not _NUMBER_WORDS.isdisjoint(words)
    if len(words) == 1 and last in _PARTIES:
        return Kind.PERHAPS_PHONE_NUMBER
    if has_number and not (_PHONES | _PARTIES | _WHOSE_NUMBER).isdisjoint(words):
        return Kind.PHONE_NUMBER
    if not (_PHONES | _MAYBE_PHONES).isdisjoint(words) or (has_number and not _PERSONS.isdisjoint(words)):
        return Kind.PERHAPS_PHONE_NUMBER
    return None
