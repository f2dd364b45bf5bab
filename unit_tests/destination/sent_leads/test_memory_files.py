"""The memory of sent leads in its storage: whole or not believed, and nothing lost by two runs or a killed one."""

from functools import partial

import pytest

from destination_squadstack.engine.tracking import Outcome, Unchanged
from destination_squadstack.errors import TransientError
from destination_squadstack.rejected_records.storage import LocalFolderStorage, ObjectStorage
from destination_squadstack.sent_leads.journal import unpack
from destination_squadstack.sent_leads.journal_list import FOLDER
from destination_squadstack.sent_leads.missing_leads import MissingLeads
from test_support.memory_runs import MemoryRun

ACCEPTED, REJECTED = Unchanged(None), Outcome.REJECTED


@pytest.fixture
def run(tmp_path):
    """Return what begins a run on one folder."""
    runs = []

    def begin():
        runs.append(MemoryRun(partial(LocalFolderStorage, str(tmp_path)), len(runs)))
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


def test_a_bucket_keeps_a_memory_too_and_out_of_date_files_are_cleared_away(tmp_path):
    bucket = f"memory://bucket/{tmp_path.name}"
    for number in range(3):
        each = MemoryRun(lambda _: ObjectStorage(bucket), number)
        assert each.look("L1", b"a") == (ACCEPTED if number else None)
        each.accept(f"L{number + 1}", b"a")
        each.files.store()
        each.files.close()
    left = sorted(name.rpartition("/")[2] for name in ObjectStorage(bucket).names(FOLDER))
    assert left == ["journal-run-2-000000", "journals.json", "manifest.json", "snapshot-run-2-0000"]


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
    assert MissingLeads(after.memory).known(after.scope) == 3


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
    assert names == ["journal-run-3-000000", "journals.json", "manifest.json", "snapshot-run-3-0000"]


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
    storage = partial(LocalFolderStorage, str(tmp_path))
    first = MemoryRun(storage, 1)
    first.accept("L1", b"one")
    first.accept("L2", b"two")
    first.files.store()
    killed = MemoryRun(storage, 2)
    killed.accept("L1", b"other")
    killed.accept("L3", b"three")
    killed.files.commit()
    look = MemoryRun(storage, 6)
    look.files._read_only = True
    assert look.files.forget("L1") == MemoryRun(storage, 3).files.forget("L1") > 0
    after = MemoryRun(storage, 4)
    assert after.memory.table.forget("L1") == 0
    assert (after.look("L2", b"two"), after.look("L3", b"three")) == (ACCEPTED, ACCEPTED)
    assert MemoryRun(storage, 5).files.forget("L1") == 0
    for name in after.files._storage.names(FOLDER):
        if "journal-" in name:
            members = unpack(after.files._storage.read(name))
            assert not [event for member in members for event in member.events if event[1] == "L1"]
