"""Odd bodies to a real receiver of webhooks: 10,000 to each kind of database (`make webhooks-fuzz`).

Hypothesis makes them: any JSON, webhooks with odd values in the documented fields, either of them with a few bytes
changed, and plain bytes. Each answer must be one of the OpenAPI document, in its shape, and must agree with Python's
own parser on what is a JSON object. In the end the store must hold each body that was answered with 201, once, as sent.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NoReturn

import jsonschema
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from rich.console import Console

from test_support.postgres import Postgres
from test_support.receiver_process import KEY, ReceiverProcess
from webhooks_squadstack.body import TEXT_KEY

BODIES = 10_000
_CREATED, _BAD = 201, 400
_FIELDS = (
    *("lead_id", "campaign_id", "event_type", "processed_at", "called_at", "sent_at", "lead_outcome", "call_outcome"),
    *("lead_responses", "body", "subject", "dtmf_response", "created_at", "call_attempt_number"),
)
# Surrogates and NUL are left in: JSON can spell both, and no database can hold either.
_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
_MOMENTS = st.sampled_from(
    [
        *("2018-12-03T14:37:54+00:00", "2018-12-03", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
        *("1531409739413", 1531409739, 1531409739413, 10**30, -1, 1e308, "now", "24:00", ""),
    ]
)
_NUMBERS = st.integers() | st.integers(-(10**400), 10**400) | st.floats(allow_nan=False, allow_infinity=False)
_VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXT | _MOMENTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)
_WEBHOOKS = st.dictionaries(st.sampled_from(_FIELDS) | _TEXT, _VALUES, max_size=8)
_JSON = st.builds(
    lambda value, ascii_, spaces: json.dumps(value, ensure_ascii=ascii_, indent=spaces).encode(
        "utf-8", "surrogatepass"
    ),
    _WEBHOOKS | _WEBHOOKS | _VALUES,
    st.booleans(),
    st.sampled_from([None, None, 1]),
)
_DEEP = st.builds(
    lambda depth, shut: b'{"a":' + b"[" * depth + b"]" * (depth + shut) + b"}",
    st.integers(90, 3000),
    st.sampled_from([0, 0, 0, -1]),
)
_TWICE = st.builds(
    lambda key, one, two: b'{"%s": %s, "%s": %s}' % (key, one, key, two), st.just(b"lead_id"), _JSON, _JSON
)


def _changed(body: bytes, at: int, drop: int, put: bytes) -> bytes:
    place = at % (len(body) + 1)
    return body[:place] + put + body[place + drop :]


_CHANGED = st.builds(_changed, _JSON, st.integers(0, 200), st.integers(0, 3), st.binary(max_size=3))
BODIES_OF_ALL_KINDS = st.one_of(_JSON, _JSON, _TWICE, _CHANGED, _DEEP, st.binary(max_size=60))


@dataclass
class Findings:
    """What was sent and what was wrong with the answers."""

    sent: int = 0
    stored: dict[str, bytes] = field(default_factory=dict)
    refused: int = 0
    problems: list[str] = field(default_factory=list)


def fuzz(receiver: ReceiverProcess, bodies: int, *, number: int = 0) -> Findings:
    """Send so many bodies to a receiver with an empty store, and compare it with what was answered."""
    document = json.loads(receiver.get("/openapi.json")[1])
    answers = document["paths"]["/events/{endpoint_key}"]["post"]["responses"]
    findings = Findings()
    connection = HTTPConnection("127.0.0.1", receiver.port, timeout=30)

    @seed(number)
    @settings(
        max_examples=bodies,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(BODIES_OF_ALL_KINDS)
    def send(body: bytes) -> None:
        connection.request("POST", f"/events/{KEY}", body)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        findings.sent += 1
        if str(answer.status) not in answers:
            findings.problems.append(f"answer {answer.status} to {body[:80]!r}")
            return
        schema = answers[str(answer.status)]["content"]["application/json"]["schema"]
        jsonschema.validate(content, {**schema, "components": document["components"]})
        if (answer.status == _CREATED) != _is_object(body):
            findings.problems.append(f"answer {answer.status} to {body[:80]!r}")
        if answer.status == _CREATED:
            findings.stored.setdefault(content["event_id"], body)
        else:
            findings.refused += 1

    send()
    connection.close()
    findings.problems += _compare(receiver, findings.stored)
    return findings


def _is_object(body: bytes) -> bool:
    """Whether a body is a JSON object, by Python's parser; what it cannot nest is so by how it was made."""
    try:
        return isinstance(_exact(body.decode("utf-8-sig")), dict)
    except RecursionError:
        return body.count(b"[") == body.count(b"]")
    except ValueError:
        return False


def _compare(receiver: ReceiverProcess, sent: dict[str, bytes]) -> Iterator[str]:
    """Say where the store differs from what was answered with 201."""
    cursor, more, events = 0, True, []
    while more:
        status, answer = receiver.get(f"/events?after={cursor}")
        page = _exact(answer.decode())
        events += page["data"]
        cursor, more = int(page["next_cursor"][1]), page["has_more"]
        if status != 200:
            yield f"answer {status} to a pull"
    if [int(event["sequence"][1]) for event in events] != list(range(1, len(sent) + 1)):
        yield f"{len(events)} events are stored, {len(sent)} were answered with 201, or their sequence has holes"
    for event in events:
        body = sent.get(event["event_id"], b"").decode("utf-8-sig")
        payload = event["payload"]
        same = payload == {TEXT_KEY: body} if list(payload) == [TEXT_KEY] else payload == _exact(body)
        if not same:
            yield f"{body[:80]!r} came back as another"


def _exact(text: str) -> Any:
    """Parse JSON with numbers as they are spelled."""
    return json.loads(
        text,
        parse_int=lambda digits: ("number", digits),
        parse_float=lambda digits: ("number", digits),
        parse_constant=_none,
    )


def _none(name: str) -> NoReturn:
    raise ValueError(name)


def main(arguments: Sequence[str]) -> int:
    """Run it on both databases; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description="Odd bodies to the receiver.")
    parser.add_argument("--bodies", type=int, default=BODIES, help="bodies to each database (default: %(default)s)")
    options = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    wrong = 0
    for name in ("SQLite", "PostgreSQL"):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = f"sqlite:///{folder}/webhooks.db" if name == "SQLite" else stack.enter_context(Postgres()).url()
            receiver = stack.enter_context(ReceiverProcess(url, log=folder / "log"))
            began = time.monotonic()
            found = fuzz(receiver, options.bodies)
        console.print(
            f"{name}: {found.sent:,} bodies, {len(found.stored):,} stored, {found.refused:,} refused,"
            f" {len(found.problems)} problems; {time.monotonic() - began:.0f} s"
        )
        for problem in found.problems[:10]:
            console.print(f"  {problem}", markup=False)
        wrong += len(found.problems)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
