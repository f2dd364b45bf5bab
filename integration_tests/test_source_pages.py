"""The console script takes whole pages to stdout; out comes what the CDK's own entrypoint makes of the source.

With one worker the order of a stream's messages is the same from run to run: they are compared one by one.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from squadstack_emulator import Emulator, Fault, FaultKind
from test_support.catalogs import configured
from test_support.connectors import Connector
from test_support.messages import Message, Outcome
from test_support.source_faults import HARMLESS, INCREMENTAL, PORTAL, SQUADSTACK, config, scenario

FAILING = {
    "HTTP 401 in the middle": {"faults": (Fault(kind=FaultKind.UNAUTHORIZED_401, on="read", skip=4),)},
    "HTTP 403 in the middle": {"faults": (Fault(kind=FaultKind.FORBIDDEN_403, on="read", skip=4),)},
    "a redirect in the middle": {"faults": (Fault(kind=FaultKind.REDIRECT_302, on="read", skip=4),)},
    "an outage for ever": {"faults": (Fault(kind=FaultKind.HTML_200, on="any", skip=4),)},
    "`next_start_key` repeated": {"portal_repeats_key": True},
}
CHANGING = {
    "a shorter last page": {"drift_leads_per_page": 2, "drift_pages": 3},
    "a page past the end": {"drift_leads_per_page": 10, "drift_pages": 3},
    "tokens of the portal that die in the middle": {"portal_token_uses": 4},
    "no fault": {},
}
# What drifts has the moment of the very run in it, which streams without an upper bound show. An outage is waited out
# stream by stream.
SOME = {
    "a shorter last page": ("lead_responses",),
    "a page past the end": ("lead_responses",),
    "an outage for ever": ("lead_responses", "contact_center_queues"),
}


@pytest.fixture(scope="module")
def cdk_alone(tmp_path_factory: pytest.TempPathFactory) -> Connector:
    """Return what runs the source by the CDK's own entrypoint."""
    return Connector("test_support.cdk_alone:run", tmp_path_factory.mktemp("cdk"))


def told(done: Outcome) -> dict[str | None, list[Any]]:
    """Return what two runs of the same must agree in, by stream: all but logs and the moments at which they ran.

    Streams take turns as their threads happen to run, hence which one of them meets a 429 is no property of a run.
    """
    streams: dict[str | None, list[Any]] = {}
    for message in done.messages:
        if message["type"] != "LOG" and "RATE_LIMITED" not in str(message.get("trace")):
            stream, content = compared(message)
            streams.setdefault(stream, []).append(content)
    return streams


def compared(message: Message) -> tuple[str | None, Any]:
    """Return a message's stream, and its content without the moment at which it was made."""
    if message["type"] == "RECORD":
        record = message["record"]
        return record["stream"], ("RECORD", {**record["data"], "read_at": None})
    if message["type"] == "STATE":
        state = message["state"]["stream"]
        content = {name: value for name, value in state["stream_state"].items() if name != "lookback_window"}
        return state["stream_descriptor"]["name"], ("STATE", content, message["state"]["sourceStats"])
    trace = message["trace"]
    if trace["type"] == "STREAM_STATUS":
        return trace["stream_status"]["stream_descriptor"]["name"], ("STATUS", trace["stream_status"])
    error = {name: value for name, value in trace["error"].items() if name != "stack_trace"}
    return error.get("stream_descriptor", {}).get("name"), ("ERROR", error)


def read_by(connectors: tuple[Connector, ...], streams: tuple[str, ...], **fields: Any) -> Iterator[Outcome]:
    """Read streams by several connectors, each from an emulator of its own."""
    catalog = configured(*streams, incremental=INCREMENTAL)
    with ExitStack() as stack:
        emulators = [stack.enter_context(Emulator(scenario(**fields))) for _ in connectors]
        for connector, emulator in zip(connectors, emulators, strict=True):
            asked = {**config(emulator), "num_workers": 1}
            yield connector.run("read", config=asked, catalog=catalog)


@pytest.mark.parametrize("name", [*HARMLESS, *CHANGING, *FAILING])
def test_the_messages_are_those_of_the_cdk_alone(source, cdk_alone, name):
    fields = {**HARMLESS, **CHANGING, **FAILING}[name]
    streams = SOME.get(name, SQUADSTACK + PORTAL)
    ours, cdks = read_by((source, cdk_alone), streams, **fields)
    assert ours.code == cdks.code == (1 if name in FAILING else 0)
    assert ours.states
    assert told(ours) == told(cdks)
    names = {line["record"]["stream"] for line in ours.messages if line["type"] == "RECORD"}
    assert names == set(streams) or name in FAILING


def test_a_records_line_has_the_form_of_the_cdks(source, cdk_alone):
    ours, cdks = read_by((source, cdk_alone), ("lead_responses",))
    for done in (ours, cdks):
        line = next(line for line in done.stdout.splitlines() if '"type":"RECORD"' in line)
        assert line.startswith('{"type":"RECORD","record":{"stream":"lead_responses","data":{"')
        emitted = done.of("RECORD")[0]["emitted_at"]
        assert isinstance(emitted, int)
        assert line.endswith(f'}},"emitted_at":{emitted}}}}}')
