"""Lines in, lines out."""

import json

import orjson
import pytest

from destination_squadstack.errors import MalformedInput, OutputClosed
from destination_squadstack.input_messages import StreamRecord, read_messages
from destination_squadstack.protocol import Emitter
from squadstack_common.lossless_json import TooLarge, load

RECORD = {"type": "RECORD", "record": {"stream": "s", "data": {"lead_id": "a"}, "emitted_at": 1}}
STATE = {"type": "STATE", "state": {"data": {}}}


def reader(text, piece):
    parts = [text[start : start + piece] for start in range(0, len(text), piece)]
    return lambda _size: parts.pop(0) if parts else b""


def messages(text, piece=1 << 16):
    return [message for batch in read_messages(reader(text, piece)) for message in batch]


def line(content):
    return orjson.dumps(content) + b"\n"


@pytest.mark.parametrize("piece", [1, 2, 7, 64, 1 << 16])
def test_messages_are_read_wherever_a_piece_of_the_input_ends(piece):
    text = line(RECORD) + b"\n  \n" + line(STATE) + line({"type": "TRACE", "trace": {}}) + orjson.dumps(RECORD)
    found = messages(text, piece)
    record = StreamRecord("s", {"lead_id": "a"})
    assert [(message.number, message.content) for message in found] == [(1, record), (4, STATE), (6, record)]
    assert found[0].line == orjson.dumps(RECORD)


@pytest.mark.parametrize(
    "ignored",
    [
        b"",
        b"   ",
        b"\r",
        line({"a": 1}),
        line({"type": "LOG", "log": {}}),
        line({"type": "TRACE"}),
        line({"type": None}),
        line({"type": "NEW"}),
    ],
)
def test_messages_of_other_types_are_passed_over(ignored):
    assert [message.number for message in messages(ignored.rstrip(b"\n") + b"\n" + line(STATE))] == [2]


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (b"secret", "Line 2 of the input is not JSON."),
        (b'{"type": "RECORD", "rec', "Line 2 of the input is not JSON."),
        (b'{"a": NaN}', "Line 2 of the input is not JSON."),
        (b'{"a": NaN, "b": 12345678901234567890}', "Line 2 of the input is not JSON."),
        (b'{"a": "\xff"}', "Line 2 of the input is not JSON."),
        (b'{"a": "\\u12"}', "Line 2 of the input is not JSON."),
        (b"[" * 100_000, "Line 2 of the input is nested more deeply than this connector can read."),
        (
            b'{"type": "RECORD", "record": ' + b'{"a": [' * 5_000 + b"]}" * 5_000 + b"}",
            "Line 2 of the input is nested more deeply than this connector can read.",
        ),
        (b"42", "Line 2 of the input is JSON, but not an Airbyte message."),
        (b'["secret"]', "Line 2 of the input is JSON, but not an Airbyte message."),
        (b'{"type": "RECORD"}', "Line 2 of the input is a RECORD without a stream or without data."),
        (
            b'{"type": "RECORD", "record": {"stream": "s"}}',
            "Line 2 of the input is a RECORD without a stream or without data.",
        ),
        (
            b'{"type": "RECORD", "record": {"data": {}}}',
            "Line 2 of the input is a RECORD without a stream or without data.",
        ),
        (b'{"type": "STATE"}', "Line 2 of the input is a STATE without a state."),
    ],
)
def test_a_line_that_cannot_be_understood_is_named_by_its_number_after_all_before_it(bad, sentence):
    found = []
    with pytest.raises(MalformedInput) as raised:
        for batch in read_messages(reader(line(STATE) + bad + b"\n" + line(STATE), 1 << 16)):
            found += batch
    assert str(raised.value) == sentence
    assert [message.number for message in found] == [1]


@pytest.mark.parametrize(
    "value",
    [
        *(b"%d" % number for number in (2**63, -(2**63) - 1, 2**64, -(10**30), int("9" * 4_300))),
        b"1e400",
        b"9" * 4_301,
        b"-0.0",
        b"0.1000000000000000055511151231257827",
        b"1234567890123456789e3",
        b'"\\ud83d"',
        b'"\\ud83d\\ude00 \xe0\xa4\x85 \\u0000"',
        b'{"a":1,"a":[null,true,{}]}',
        b"[" * 900 + b"]" * 900,
    ],
    ids=[
        "above-63-bits",
        "below-63-bits",
        "above-64-bits",
        "negative",
        "4300-digits",
        "too-large",
        "4301-digits",
        "minus-zero",
        "more-digits-than-a-float-has",
        "exponent",
        "half-a-pair",
        "text",
        "same-name-twice",
        "deep",
    ],
)
def test_the_data_of_a_record_is_what_the_exact_parser_reads(value):
    text = b'{"type":"RECORD","record":{"namespace":"n","stream":"s","emitted_at":' + value + b',"data":{"v":' + value
    (found,) = messages(text + b"}}}\n")
    read = load(value)
    assert (found.content.namespace, found.content.stream) == ("n", "s")
    if isinstance(read, TooLarge):
        assert isinstance(found.content.data["v"], TooLarge)
    else:
        assert repr(found.content.data) == repr({"v": read})


def test_a_byte_that_is_no_text_fails_the_sync_in_a_part_of_a_record_that_nobody_reads():
    text = line(RECORD) + b'{"type":"RECORD","record":{"stream":"s","meta":"\xff","data":{}}}\n'
    with pytest.raises(MalformedInput, match=r"^Line 2 of the input is not JSON\.$"):
        messages(text)


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**64 - 1, 2**64, 10**30, -(10**30)])
def test_whole_numbers_of_any_size_survive(number):
    (message,) = messages(b'{"type": "STATE", "state": {"n": %d}}' % number)
    assert message.content["state"]["n"] == number
    written = []
    Emitter(written.append).emit(message.content)
    assert json.loads(written[0])["state"]["n"] == number


def test_half_a_surrogate_pair_survives():
    (message,) = messages(b'{"type": "STATE", "state": {"n": "\\ud83d"}}')
    written = []
    Emitter(written.append).emit(message.content)
    assert written == [b'{"type":"STATE","state":{"n":"\\ud83d"}}\n']


def test_messages_that_leave_together_are_one_write():
    written = []
    Emitter(written.append).emit({"a": 1}, {"b": 2})
    assert written == [b'{"a":1}\n{"b":2}\n']


def test_a_reader_that_has_gone_is_noticed():
    def broken(_):
        raise BrokenPipeError

    with pytest.raises(OutputClosed):
        Emitter(broken).emit({"a": 1})
