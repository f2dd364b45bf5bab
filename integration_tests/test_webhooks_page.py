"""The receiver's page in a real browser: Debian's Chromium, without a window."""

import os
import random
import re
import shutil
import subprocess
import threading
import time
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from test_support.receiver_process import ReceiverProcess
from webhooks_squadstack.database import connect
from webhooks_squadstack.events import EVENT_TYPES, Event
from webhooks_squadstack.page import HEADERS, render
from webhooks_squadstack.settings import read_database
from webhooks_squadstack.store import Store
from webhooks_squadstack.tables import MINUTE

# It refuses its own sandbox to root, which is who runs the tests in a container.
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


@pytest.fixture(scope="module")
def browser() -> str:
    found = shutil.which("chromium")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is not installed: apt-get install chromium")
        pytest.skip("chromium is not installed: apt-get install chromium")
    return found


def shown(browser: str, url: str, folder: Path, *flags: str) -> str:
    """The page as the browser has it, and what its console said."""
    command = [browser, *FLAGS, f"--user-data-dir={folder}/profile", *flags, url]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert not re.search(r"CONSOLE.*(Refused|violates|Error)", ended.stderr), ended.stderr
    return unescape(re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", ended.stdout, flags=re.DOTALL)))


def fill(url: str) -> None:
    """An hour of events, as a day's work looks like."""
    chance = random.Random(7)
    now = time.time_ns() // 1000
    weights = (30, 40, 8, 10, 4, 5, 1)
    events = [
        Event(f"{number:032x}", chance.choices(EVENT_TYPES, weights)[0], "0PT711", str(number), None, moment, "{}")
        for number, moment in enumerate(sorted(now - int(59 * MINUTE * chance.random() ** 1.6) for _ in range(4_000)))
    ]
    store = Store(connect(read_database({"WEBHOOKS_DATABASE_URL": url})))
    store.append(events)
    store.close()


def test_a_person_sees_what_came_and_who_pulled_it(browser, tmp_path):
    url = f"sqlite:///{tmp_path}/webhooks.db"
    fill(url)
    with ReceiverProcess(url, log=tmp_path / "log") as receiver:
        receiver.get("/events?after=3899&limit=1", **{"Confirmed-Sequence": "3500"})
        receiver.get("/events?after=1999&limit=1&puller=staging", **{"Confirmed-Sequence": "2000"})
        address, picture = f"http://127.0.0.1:{receiver.port}/", tmp_path / "page.png"
        page = shown(browser, address, tmp_path, "--dump-dom")
        shown(browser, address, tmp_path, f"--screenshot={picture}", "--window-size=1000,1000", "--hide-scrollbars")

    assert "4,000 events stored ever" in page
    assert re.search(r"default 3,900 100 3,500 \d+ seconds? ago staging 2,000 2,000 2,000 \d+ seconds? ago", page)
    assert picture.read_bytes().startswith(b"\x89PNG")
    if folder := os.environ.get("PICTURES"):
        shutil.copy(picture, Path(folder) / "webhooks-page.png")


def test_the_page_reads_itself_anew(browser, tmp_path):
    """Served by a stand-in: by the page's own clock the test would take as long as a person waits."""
    page = render(None, now=0).replace('http-equiv="refresh" content="10"', 'http-equiv="refresh" content="1"').encode()
    asked = threading.Semaphore(0)

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            for name, value in {"Content-Type": "text/html; charset=utf-8", **HEADERS}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(page)
            if self.path == "/":
                asked.release()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        # With a port for a debugger it stays, where it would else end with its first look.
        flags = [*FLAGS, f"--user-data-dir={tmp_path}/profile", "--remote-debugging-port=0"]
        command = [browser, *flags, f"http://127.0.0.1:{server.server_port}/"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as looking:
            looks = [asked.acquire(timeout=300) for _ in range(3)]
            looking.terminate()
        server.shutdown()

    assert looks == [True] * 3
