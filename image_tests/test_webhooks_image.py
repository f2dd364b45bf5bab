"""The receiver's image: as restricted as the connectors', and an event that it acknowledged survives `kill -9`."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from tools.images.container import Container, Image
from tools.images.engine import Engine

KEY, TOKEN = "key-of-the-tests", "token-of-the-tests"
EVENT = {
    "lead_id": "lead-1",
    "campaign_id": "0PT711",
    "call_outcome": "Connected : Objective Met",
    "called_at": "2026-11-20T09:00:00+00:00",
}
SETTINGS = (
    *("--env", f"WEBHOOKS_ENDPOINT_KEYS={KEY}"),
    *("--env", f"WEBHOOKS_PULL_TOKEN={TOKEN}"),
    *("--env", "WEBHOOKS_DATABASE_URL=sqlite:////data/webhooks.db"),
)


@pytest.fixture
def webhooks(image_of: Callable[[str], Image]) -> Image:
    return image_of("webhooks")


@pytest.fixture
def volume(tmp_path: Path) -> tuple[str, str]:
    """A directory that outlives the container and that its user may write, whoever it is."""
    directory = tmp_path / "data"
    directory.mkdir()
    directory.chmod(0o777)
    return "--volume", f"{directory}:/data"


def serve(webhooks: Image, volume: tuple[str, str]) -> tuple[Container, str]:
    """Return a receiver that listens, and its address."""
    container = webhooks.start("serve --port 0", *SETTINGS, *volume)
    for line in container.stderr:
        told = orjson.loads(line)
        if told["event"] == "listening":
            return container, f"http://127.0.0.1:{told['port']}"
    pytest.fail("the receiver ended before it listened")


def pulled(address: str) -> list[dict[str, Any]]:
    answer = requests.get(f"{address}/events", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)
    answer.raise_for_status()
    return list(answer.json()["data"])


def test_an_acknowledged_event_is_there_after_kill_9(webhooks: Image, volume: tuple[str, str]):
    container, address = serve(webhooks, volume)
    health = requests.get(f"{address}/healthz", timeout=10)
    posted = requests.post(f"{address}/events/{KEY}", json=EVENT, timeout=10)
    container.send(signal.SIGKILL)
    killed = container.rest()
    _, address = serve(webhooks, volume)

    assert (health.status_code, posted.status_code, killed.code) == (200, 201, 137)
    assert [event["payload"] for event in pulled(address)] == [EVENT]


def test_sigterm_ends_the_receiver_in_order(webhooks: Image, volume: tuple[str, str]):
    container, _ = serve(webhooks, volume)
    container.send(signal.SIGTERM)

    assert container.rest().code == 0


def test_a_database_that_this_user_cannot_write_is_named(webhooks: Image):
    refused = webhooks.run("serve --port 0", *SETTINGS)

    assert refused.code == 2
    assert b"WEBHOOKS_DATABASE_URL" in refused.stderr


def test_a_new_volume_belongs_to_the_images_own_user(webhooks: Image):
    assert webhooks.shell("stat --format '%u %a' /data") == "1000 775\n"


def test_the_receiver_is_served_where_a_published_port_reaches_it(webhooks: Image, engine: Engine):
    config = engine.inspect(webhooks.name)["Config"]

    assert config["Cmd"] == ["serve", "--host", "0.0.0.0", "--port", "8080"]
    assert list(config["ExposedPorts"]) == ["8080/tcp"]


def test_the_image_holds_nothing_of_the_connectors_dependencies(webhooks: Image):
    found = webhooks.shell("find /opt -name 'airbyte_cdk*' -o -name pandas -o -name '*-squadstack'")

    assert found == "/opt/squadstack/bin/webhooks-squadstack\n"
