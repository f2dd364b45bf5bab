"""What operators meet: health, the OpenAPI document, retention by the clock, and the commands."""

import json

import jsonschema
import pytest

from test_support.receiver_in_process import CALL, KEY, event, open_store
from webhooks_squadstack.cli import main
from webhooks_squadstack.consumers import Consumer
from webhooks_squadstack.metrics import REFUSALS
from webhooks_squadstack.retention import Retention
from webhooks_squadstack.tables import DAY
from webhooks_squadstack.writer import Writer


def test_the_receiver_is_ready_while_the_store_answers_and_until_it_is_stopped(service):
    assert (service.call("GET", "/readyz").status, service.call("GET", "/readyz").json) == (200, {"status": "ok"})
    service.receiver.stop()

    assert service.call("GET", "/readyz").status == 503
    assert service.call("GET", "/healthz").status == 200


def test_the_openapi_document_is_served_and_printed(service, capfdbinary):
    assert main(["openapi"]) == 0

    printed = json.loads(capfdbinary.readouterr().out)
    served = service.call("GET", "/openapi.json").json
    assert served | {"info": None} == printed | {"info": None}


def test_every_refusal_has_its_status_in_the_openapi_document(service):
    responses = service.call("GET", "/openapi.json").json["paths"]["/events/{endpoint_key}"]["post"]["responses"]

    assert {str(status) for status in REFUSALS.values()} | {"201"} == set(responses)


@pytest.mark.parametrize(
    ("method", "path", "template", "body"),
    [
        ("POST", f"/events/{KEY}", "/events/{endpoint_key}", b"{}"),
        ("POST", f"/events/{KEY}", "/events/{endpoint_key}", b"["),
        ("POST", "/events/wrong", "/events/{endpoint_key}", b"{}"),
        ("GET", "/events", "/events", b""),
        ("GET", "/healthz", "/healthz", b""),
        ("GET", "/readyz", "/readyz", b""),
    ],
)
def test_an_answer_has_the_shape_that_the_openapi_document_gives_it(service, method, path, template, body):
    document = service.call("GET", "/openapi.json").json
    answer = service.call(method, path, body=body)

    responses = document["paths"][template][method.lower()]["responses"]
    schema = responses[str(answer.status)]["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json, {**schema, "components": document["components"]})


def test_a_page_of_events_has_the_shape_that_the_openapi_document_gives_it(service):
    for body in (CALL, {}, {"lead_id": 7}):
        service.post(body)
    document = service.call("GET", "/openapi.json").json
    schema = {"$ref": "#/components/schemas/Page", "components": document["components"]}

    jsonschema.validate(service.pull().json, schema)


def test_retention_deletes_by_the_clock_all_that_is_due(service, store, clock):
    store.append([event(number, received_at=clock.now) for number in range(1200)])
    store.pulled(Consumer("default", 1200, 1100, clock.now))
    writer = Writer(store.append)
    retention = Retention(store, writer, days=1.5, clock=clock)

    async def due() -> list[int]:
        counts = []
        for passed in (0, DAY, DAY):
            clock.now += passed
            counts.append(await retention.delete_due())
        await writer.close()
        return counts

    assert service.runner.run(due()) == [0, 0, 1100]


@pytest.mark.parametrize(
    ("name", "code", "said"), [("default", 0, "default is forgotten\n"), ("else", 1, "Nobody called else has pulled\n")]
)
def test_a_consumer_is_forgotten_by_a_command(sqlite_url, monkeypatch, capsys, name, code, said):
    store = open_store(sqlite_url)
    store.pulled(Consumer("default", 0, 0, 0))
    store.close()
    monkeypatch.setenv("WEBHOOKS_DATABASE_URL", sqlite_url)

    assert main(["forget-puller", name]) == code
    assert capsys.readouterr().err == said
