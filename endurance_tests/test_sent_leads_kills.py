"""`kill -9` in the middle of calls of first and later syncs: after each restart the server has what the source says.

The server is written from the vendor's page and shares nothing with the emulator. The destination is its console
script, the store a folder or an S3 server.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from moto.server import ThreadedMotoServer

ROUNDS, KILLS_A_ROUND, LEADS = 5, 4, 600
SCRIPT = Path(sys.executable).with_name("destination-squadstack")


class Books:
    """The leads that a server has. It kills its client at one of its calls, before or after it carries that out."""

    def __init__(self):
        self.lock = threading.Lock()
        self.leads, self.disabled = {}, set()
        self.calls, self.kill_at, self.kill_after, self.client = 0, None, False, None

    def carry_out(self, operation, leads):
        """Return the answer to a bulk call, None if its client is dead."""
        with self.lock:
            self.calls += 1
            dies = self.calls == self.kill_at
            if dies and not self.kill_after:
                self._kill()
                return None
            rows = [self._one(operation, lead) for lead in leads]
            if dies:
                self._kill()
                return None
        written = sum(row["status_code"] == 200 for row in rows)
        metadata = {"total_leads": len(rows), "success": written, "failed": len(rows) - written}
        return {"status": "success", "message": "", "result": rows, "metadata": metadata}

    def _kill(self):
        os.kill(self.client.pid, signal.SIGKILL)
        self.client.wait()

    def _one(self, operation, lead):
        lead_id = lead["lead_id"]
        if operation == "lead-disabled":
            if lead_id not in self.leads:
                said = f"lead_id:{lead_id} doesn't exist on our platform."
                return {"status_code": 400, "data": {"error_msg": said}}
            self.disabled.add(lead_id)
        else:
            self.leads[lead_id] = lead["city"]
            self.disabled.discard(lead_id)
        return {"status_code": 200, "data": lead}

    @property
    def active(self):
        return {lead_id: city for lead_id, city in self.leads.items() if lead_id not in self.disabled}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        leads = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = self.server.books.carry_out(self.path.rstrip("/").rpartition("/")[2], leads)
        if answer is None:
            self.close_connection = True
            return
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(params=["folder", "bucket"])
def store(request, tmp_path):
    """Return what gives the config of a new store."""
    if request.param == "folder":
        yield lambda number: {"storage_type": "Local", "bucket_path": str(tmp_path / f"store-{number}")}
        return
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    url = f"http://{host}:{port}"
    assert requests.put(f"{url}/sent-leads", timeout=60).ok
    s3 = {"s3_bucket_name": "sent-leads", "s3_bucket_region": "us-east-1", "s3_endpoint": url}
    keys = {"access_key_id": "key", "secret_access_key": "secret"}
    yield lambda number: {"storage_type": "S3", **s3, **keys, "bucket_path": f"store-{number}"}
    moto.stop()


def sync(server, folder, store, model, kill_at=None, kill_after=False):
    """Run the console script on a full refresh; return its exit code and what it printed."""
    books = server.books
    base_url = f"http://127.0.0.1:{server.server_address[1]}"
    config = {
        "squadstack": {"token": "token-of-the-test", "base_url": base_url, "calls_per_minute": 1_000_000},
        "default": {"operation": "upsert", "ref_id": "r1", "send": "changed", "when_gone": "disable"},
        "object_storage_config": store,
        "max_gone_percent": 100,
        "delivery_log": True,
        "linger_seconds": 1,
    }
    stream = {"stream": {"name": "leads"}, "sync_mode": "full_refresh", "destination_sync_mode": "append_dedup"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "catalog.json").write_text(json.dumps({"streams": [{**stream, "sync_id": 1}]}))
    status = {"stream_descriptor": {"name": "leads"}, "status": "COMPLETE"}
    messages = [record(lead_id, city) for lead_id, city in model.items()]
    messages.append({"type": "TRACE", "trace": {"type": "STREAM_STATUS", "emitted_at": 1, "stream_status": status}})
    (folder / "input.jsonl").write_text("".join(json.dumps(message) + "\n" for message in messages))
    books.calls, books.kill_after = 0, kill_after
    command = [str(SCRIPT), "write", "--config", str(folder / "config.json"), "--catalog", str(folder / "catalog.json")]
    with (folder / "input.jsonl").open("rb") as stdin, (folder / "output.jsonl").open("wb") as stdout:
        books.kill_at = None
        # Its first call waits for the lock, so the client is known by then.
        with books.lock:
            books.client = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stdout)
            books.kill_at = kill_at
        code = books.client.wait()
    return code, (folder / "output.jsonl").read_text()[-3_000:]


def record(lead_id, city):
    data = {"lead_id": lead_id, "phone_number": f"98{int(lead_id[1:]):08d}", "contact_name": "A", "city": city}
    return {"type": "RECORD", "record": {"stream": "leads", "emitted_at": 1, "data": data}}


def changed(model, choose):
    """Return what the source says next: some leads moved, some left, some are new."""
    leads = {f"L{number}" for number in range(LEADS)}
    kept = {
        lead_id: choose.choice(["Pune", "Delhi", city]) for lead_id, city in model.items() if choose.random() < 0.95
    }
    new = sorted(leads - set(model))
    return kept | dict.fromkeys(choose.sample(new, len(new) // 2), "Agra")


def test_after_each_kill_and_restart_the_server_has_what_the_source_says(server, store, tmp_path):
    choose, killed = random.Random(15), 0
    for number in range(ROUNDS):
        server.books = books = Books()
        kept = store(number)
        before, model = {}, changed({}, choose)
        for _ in range(KILLS_A_ROUND):
            news = len(model.items() - before.items())
            kill = {"kill_at": choose.randint(1, -(-news // 100)), "kill_after": choose.random() < 0.5}
            killed += sync(server, tmp_path, kept, model, **kill)[0] == -signal.SIGKILL
            # The source goes on, or takes back what the killed sync has sent.
            model, before = (before if choose.random() < 0.5 else changed(model, choose)), model
            code, said = sync(server, tmp_path, kept, model)
            assert code == 0, said
            assert books.active == model
            model, before = changed(model, choose), model
    assert killed == ROUNDS * KILLS_A_ROUND
