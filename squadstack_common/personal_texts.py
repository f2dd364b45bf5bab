"""Texts without a person's own phone numbers and names: an SMS greets the person, and a note repeats the number.

No regular expression is made of a number or a name: to compile one for each record takes twenty times as long as all
else that is done about the record.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from unicodedata import decimal

NUMBER_REPLACED, NAME_REPLACED = "[phone number]", "[name]"
# Fewer digits are too many other things.
FEWEST_DIGITS = 7
# How much of a number is looked for: behind the country's code, or what there is.
_LOCAL_DIGITS = 10
# A name's initials are everywhere. A whole name that is shorter is looked for as it is written: `Om`, not `om`.
_SHORTEST_WORD, _SHORTEST_NAME = 3, 2
# What forms and CRMs write where there is no name: taken for one, "not interested" would become "[name] interested".
_PLACEHOLDERS = frozenset(
    {("n", "a"), ("na",), ("no", "name"), ("none",), ("not", "applicable"), ("not", "available"), ("null",)}
    | {("test",), ("undefined",), ("unknown",)}
)
# Digits with little between them: `(987) 654-3210`.
_DIGITS = re.compile(rf"\d(?:\W{{0,3}}\d){{{FEWEST_DIGITS - 1},}}")
_NO_DIGITS = re.compile(r"\D+")
_COUNTRY_CODE = re.compile(r"\+?\d{1,4}\W{0,3}\Z|\+\Z")
# What a link writes for what is neither letter nor digit: `Asha%20Rao`. It parts words and digits like three blanks.
_ESCAPED = re.compile("%[0-9A-Fa-f]{2}")
_LINK_BLANKS = "   "
_LONGEST_COUNTRY_CODE = len("+0091)--")
# Letters and digits, and the vowel signs of Indian scripts, which Python takes for no part of a word.
_NAME_WORD = re.compile("(?:[^\\W_]|[\u0300-\u036f\u0900-\u0963\u0966-\u0dff\u200c\u200d])+")
_CACHED_NAMES = 4_096


class Person:
    """What a record says of its person, to be found in its texts."""

    def __init__(self, numbers: Iterable[Any], names: Iterable[Any]) -> None:
        found = {_ascii_digits(str(each))[-_LOCAL_DIGITS:] for each in numbers}
        self._numbers = [each for each in found if len(each) >= FEWEST_DIGITS]
        self._names = {words for each in names for words in _names_in(str(each))}
        self._first_words = {words[0].casefold() for words in self._names}
        self._most_words = max(map(len, self._names), default=0)

    def taken_out_of(self, text: str) -> str:
        """Return a text without the person's numbers, in any spelling, and names, whole and each word of them."""
        if self._numbers:
            if "%" in text:
                text = self._without_numbers(text, _ESCAPED.sub(_LINK_BLANKS, text).replace("_", " "))
            text = self._without_numbers(text, text.replace("_", " "))
        folded = text.casefold() if text.isascii() else _folded(text)
        # No word of most texts is one of a name: it need not be taken apart then.
        if any(word in folded for word in self._first_words):
            if "%" in text:
                text = self._without_names(text, _ESCAPED.sub(_LINK_BLANKS, text))
            text = self._without_names(text, text)
        return text

    def _without_numbers(self, text: str, seen_as: str) -> str:
        parts, end = [], 0
        for run in _DIGITS.finditer(seen_as):
            digits = _ascii_digits(run[0])
            if not any(number in digits for number in self._numbers):
                continue
            places = [place for place in range(run.start(), run.end()) if seen_as[place].isdecimal()]
            after = 0
            while found := [(at, -len(each)) for each in self._numbers if (at := digits.find(each, after)) >= 0]:
                at, length = min(found)
                after = at - length
                begins = max(end, places[at] - _LONGEST_COUNTRY_CODE)
                code = _COUNTRY_CODE.search(seen_as[begins : places[at]])
                parts += [text[end : begins + code.start() if code else places[at]], NUMBER_REPLACED]
                end = places[after - 1] + 1
        return "".join((*parts, text[end:]))

    def _without_names(self, text: str, seen_as: str) -> str:
        parts, end = [], 0
        words = list(_NAME_WORD.finditer(seen_as))
        written = [word[0] for word in words]
        fold = str.casefold if seen_as.isascii() else _folded
        folded = [fold(word) for word in written]
        first_words, names = self._first_words, self._names
        at = 0
        while at < len(words):
            if folded[at] not in first_words:
                at += 1
                continue
            for count in range(min(self._most_words, len(words) - at), 0, -1):
                if tuple(folded[at : at + count]) in names or (count == 1 and (written[at],) in names):
                    parts += [text[end : words[at].start()], NAME_REPLACED]
                    end = words[at + count - 1].end()
                    at += count - 1
                    break
            at += 1
        return "".join((*parts, text[end:]))


@lru_cache(_CACHED_NAMES)
def _names_in(name: str) -> frozenset[tuple[str, ...]]:
    """Return a name as the words that it is found by: all of them, and each that is long enough."""
    words = _NAME_WORD.findall(name)
    folded = tuple(map(str.casefold if name.isascii() else _folded, words))
    if folded in _PLACEHOLDERS:
        return frozenset()
    found: set[tuple[str, ...]] = {(word,) for word in folded if len(word) >= _SHORTEST_WORD}
    if len(name.strip()) >= _SHORTEST_WORD:
        found.add(folded)
    elif len(words) == 1 and len(words[0]) >= _SHORTEST_NAME:
        found.add((words[0],))
    return frozenset(found - {()})


def _folded(text: str) -> str:
    """Return a text as texts are compared: in letters of one case, one width and one composition."""
    return unicodedata.normalize("NFKC", text).casefold()


def _ascii_digits(text: str) -> str:
    """Return the digits of a text, those of any script as ASCII."""
    digits = _NO_DIGITS.sub("", text)
    return digits if digits.isascii() else "".join(str(decimal(char)) for char in digits)
