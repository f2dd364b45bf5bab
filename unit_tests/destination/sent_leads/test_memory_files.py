"""The memory of sent leads in its storage: whole or not believed, and nothing lost by two runs or a killed one."""

import random
import shutil

import pytest

from destination_squadstack.engine.tracking import Outcome, Unchanged
from destination_squadstack.errors import TransientError
from destination_squadstack.rejected_records.part_files import StorageWriter
from destination_squadstack.rejected_records.storage import LocalFolderStorage, ObjectStorage
from destination_squadstack.sent_leads.journal import unpack
from destination_squadstack.sent_leads.memory_files import FOLDER, MANIFEST, MemoryFiles

ACCEPTED, REJECTED = Unchanged(None), Outcome.REJECTED


class Run:
    """A run on the memory of a folder."""

    storage = staticmethod(lambda folder, run_id: LocalFolderStorage(str(folder), run_id))

    def __init__(self, folder, number, *, seconds=1_700_000_000.0):
        self.logs = []
        self.now = seconds
        storage = self.storage(folder, f"run-{number}")
        self.files = MemoryFiles(
            StorageWriter(storage, self, what="the memory of what was sent"),
            run_id=f"run-{number}",
            clock=self,
            log=lambda level, text: self.logs.append((level, text)),
            resend_after_days=30,
            new_salt=lambda: b"0123456789abcdef",
        )
        self.memory = self.files.memory
        self.scope = self.memory.scope("ref-1", None, "leads")

    def wall(self):
        return self.now

    monotonic = wall

    def sleep(self, seconds):
        self.now += seconds

    @property
    def moment(self):
        return int(self.now * 1000)

    def look(self, lead_id, body, operation="upsert"):
        return self.memory.look(self.scope, lead_id, self.memory.fingerprint(operation, body), self.moment)

    def sending(self, *lead_ids):
        for lead_id in lead_ids:
            self.memory.sending(self.scope, lead_id, self.moment)
        self.files.before_sending([(self.scope.id, lead_id) for lead_id in lead_ids])

    def settle(self, lead_id, body, outcome=Outcome.ACCEPTED, reason=None, operation="upsert"):
        fingerprint = self.memory.fingerprint(operation, body)
        self.memory.settled(self.scope, lead_id, fingerprint, outcome, self.moment, reason)

    def accept(self, lead_id, body):
        self.sending(lead_id)
        self.settle(lead_id, body)

    @property
    def warnings(self):
        return [text for level, text in self.logs if level == "WARN"]


@pytest.fixture
def run(tmp_path):
    """Return what begins a run on one folder."""
    runs = []

    def begin(**options):
        runs.append(Run(tmp_path, len(runs), **options))
        return runs[-1]

    yield begin
    for each in runs:
        each.files.close()


def test_what_one_run_stored_the_next_one_knows(run):
    first = run()
    first.accept("L1", b"a")
    first.sending("L2")
    first.settle("L2", b"b", REJECTED, "phone_number: no")
    first.files.store()
    second = run()
    assert second.look("L1", b"a") == ACCEPTED
    assert second.look("L1", b"A") is None
    assert second.look("L1", b"a", operation="update") is None
    assert second.look("L2", b"b") == Unchanged("phone_number: no")
    assert second.look("L3", b"a") is None
    assert second.warnings == []


def test_a_bucket_keeps_a_memory_too_and_out_of_date_files_are_cleared_away(tmp_path, monkeypatch):
    bucket = f"memory://bucket/{tmp_path.name}"
    monkeypatch.setattr(Run, "storage", staticmethod(lambda *_: ObjectStorage(bucket)))
    for number in range(3):
        each = Run(tmp_path, number)
        assert each.look("L1", b"a") == (ACCEPTED if number else None)
        each.accept(f"L{number + 1}", b"a")
        each.files.store()
        each.files.close()
    left = sorted(name.rpartition("/")[2] for name in ObjectStorage(bucket).names(FOLDER))
    assert left == ["journal-run-2-000000", "manifest.json", "snapshot-run-2-0000"]


def test_a_killed_run_leaves_what_it_was_told_and_doubts_the_rest(run):
    before = run()
    before.accept("L1", b"old")
    before.accept("L2", b"old")
    before.files.store()
    killed = run()
    killed.accept("L2", b"new")
    killed.files.commit()
    killed.sending("L1", "L3")
    after = run()
    assert after.look("L2", b"new") == ACCEPTED
    assert after.look("L1", b"old") is None
    assert after.memory.known([after.scope]) == 3


def test_a_lead_that_was_never_covered_by_the_journal_may_not_be_sent(run, monkeypatch):
    broken = run()
    monkeypatch.setattr(LocalFolderStorage, "put", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    with pytest.raises(TransientError, match="bucket_path: the memory of what was sent cannot be stored there"):
        broken.sending("L1")


def test_a_memory_that_nothing_happened_to_is_not_written_again(run, tmp_path):
    first = run()
    first.accept("L1", b"a")
    first.files.store()
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / FOLDER).iterdir()}
    second = run()
    assert second.look("L1", b"a") == ACCEPTED
    second.files.store()
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / FOLDER).iterdir()} == before


def test_journals_are_cleared_away_once_a_run_began_with_them_in_the_snapshot(run, tmp_path):
    for _ in range(4):
        each = run()
        each.accept("L1", b"%d" % len(each.logs))
        each.files.store()
    names = sorted(path.name for path in (tmp_path / FOLDER).iterdir())
    assert names == ["journal-run-3-000000", "manifest.json", "snapshot-run-3-0000"]


def test_two_runs_at_once_lose_nothing_and_the_later_one_says_so(run):
    one, two = run(), run()
    one.accept("L1", b"a")
    two.accept("L2", b"b")
    one.files.store()
    two.files.store()
    assert one.warnings == []
    assert [text.split(".")[0] for text in two.warnings] == [
        "Another sync has written the memory of what was sent while this one ran"
    ]
    after = run()
    assert (after.look("L1", b"a"), after.look("L2", b"b")) == (ACCEPTED, ACCEPTED)


def test_a_lead_that_two_runs_sent_at_once_is_sent_again(run):
    one, two = run(), run()
    one.accept("L1", b"a")
    two.accept("L1", b"b")
    one.files.store()
    two.files.store()
    after = run()
    assert (after.look("L1", b"a"), after.look("L1", b"b")) == (None, None)
    assert any("sent 1 of the same leads" in text for text in after.warnings)


def test_a_lead_that_another_run_sent_before_its_answer_came_is_sent_again(run):
    slow = run()
    slow.sending("L1")
    between = run()
    between.accept("L1", b"a")
    between.files.store()
    slow.settle("L1", b"b")
    slow.files.store()
    after = run()
    assert (after.look("L1", b"a"), after.look("L1", b"b")) == (None, None)
    assert any("sent 1 of the same leads" in text for text in after.warnings)


def test_a_lead_that_another_stream_sent_before_its_answer_came_is_sent_again(run):
    slow = run()
    slow.sending("L1")
    between = run()
    between.scope = between.memory.scope("ref-1", None, "others")
    between.accept("L1", b"a")
    between.files.store()
    slow.settle("L1", b"b")
    slow.files.store()
    after = run()
    assert after.look("L1", b"b") is None
    after.scope = after.memory.scope("ref-1", None, "others")
    assert after.look("L1", b"a") is None


def test_a_lead_that_two_runs_sent_one_after_the_other_is_not_in_doubt(run):
    killed = run()
    killed.accept("L1", b"a")
    killed.files.commit()
    second = run()
    second.accept("L1", b"b")
    second.files.commit()
    third = run()
    assert third.look("L1", b"b") == ACCEPTED


def test_no_entry_is_believed_after_any_file_was_cut_off_anywhere(tmp_path):
    sound = tmp_path / "sound"
    sound.mkdir()
    first = Run(sound, 1)
    for number in range(20):
        first.accept(f"L{number}", b"a")
    first.files.store()
    second = Run(sound, 2)
    second.accept("L1", b"b")
    second.files.commit()
    choose = random.Random(1)
    for case in range(50):
        folder = tmp_path / f"case-{case}"
        shutil.copytree(sound, folder)
        # The first run's journal is in the snapshot: what of it is lost is lost twice.
        file = choose.choice(sorted(path for path in (folder / FOLDER).iterdir() if "journal-run-1" not in path.name))
        content = file.read_bytes()
        # The line break at the end of the manifest says nothing.
        file.write_bytes(content[: choose.randrange(len(content) - 1)])
        third = Run(folder, 3)
        assert len(third.warnings) == 1
        assert "this sync sends every record" in third.warnings[0]
        assert [third.look(f"L{number}", b"a") for number in range(20)] == [None] * 20
        third.files.close()


@pytest.mark.parametrize("name", ["manifest.json", "snapshot-run-0-0000", "journal-run-1-000000"])
def test_a_damaged_memory_is_whole_again_after_the_next_sync(run, tmp_path, name):
    first = run()
    first.accept("L1", b"a")
    first.files.store()
    second = run()
    second.accept("L1", b"b")
    second.files.commit()
    file = tmp_path / FOLDER / name
    file.write_bytes(file.read_bytes()[:-2])
    third = run()
    third.accept("L1", b"c")
    third.files.store()
    fourth = run()
    assert fourth.warnings == []
    assert fourth.look("L1", b"c") == ACCEPTED


@pytest.mark.parametrize("missing", ["snapshot", "manifest"])
def test_no_entry_is_believed_after_a_file_was_lost(run, tmp_path, missing):
    first = run()
    first.accept("L1", b"a")
    first.files.store()
    for path in (tmp_path / FOLDER).iterdir():
        if path.name.startswith((missing, "journal")):
            path.unlink()
    assert run().look("L1", b"a") is None


def test_a_memory_of_a_later_version_is_not_believed_and_replaced(run, tmp_path):
    first = run()
    first.accept("L1", b"a")
    first.files.store()
    manifest = tmp_path / MANIFEST
    manifest.write_bytes(manifest.read_bytes().replace(b'"version": 1', b'"version": 2'))
    second = run()
    assert second.look("L1", b"a") is None
    assert "written by another version" in second.warnings[0]
    second.accept("L1", b"a")
    second.files.store()
    assert run().look("L1", b"a") == ACCEPTED


def test_no_phone_number_of_a_body_is_in_any_file(run, tmp_path):
    first = run()
    body = b'{"lead_id":"L1","phone_number":"9876543210","contact_name":"Asha"}'
    first.accept("L1", body)
    first.files.store()
    hidden = first.memory.hidden("9876543210")
    assert hidden != "9876543210"
    for path in (tmp_path / FOLDER).iterdir():
        assert b"9876543210" not in path.read_bytes()


def test_a_lead_that_is_forgotten_is_in_no_file_and_all_others_are_known_as_before(tmp_path):
    first = Run(tmp_path, 1)
    first.accept("L1", b"one")
    first.accept("L2", b"two")
    first.files.store()
    killed = Run(tmp_path, 2)
    killed.accept("L1", b"other")
    killed.accept("L3", b"three")
    killed.files.commit()
    assert Run(tmp_path, 3).files.forget("L1") > 0
    after = Run(tmp_path, 4)
    assert after.memory.forget("L1") == 0
    assert (after.look("L2", b"two"), after.look("L3", b"three")) == (ACCEPTED, ACCEPTED)
    assert Run(tmp_path, 5).files.forget("L1") == 0
    for name in after.files._storage.names(FOLDER):
        if "journal-" in name:
            members = unpack(after.files._storage.read(name))
            assert not [event for member in members for event in member.events if event[1] == "L1"]
