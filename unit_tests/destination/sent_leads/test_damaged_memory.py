"""A memory that is lost, cut off, incomplete or of another version: no entry of it is believed that may be wrong.

Each storage holds a snapshot that says "L0 to L19 have body a", and the journals of two runs that were killed: one has
sent L1, the other L2.
"""

import random
from functools import partial

import fsspec
import orjson
import pytest

from destination_squadstack.engine.tracking import Unchanged
from destination_squadstack.rejected_records.storage import LocalFolderStorage, ObjectStorage
from destination_squadstack.sent_leads import journal
from destination_squadstack.sent_leads.journal_list import FOLDER, LIST
from destination_squadstack.sent_leads.memory_files import MANIFEST
from destination_squadstack.sent_leads.missing_leads import MissingLeads
from test_support.memory_runs import MemoryRun

ACCEPTED = Unchanged(None)
LEADS = [f"L{number}" for number in range(20)]
SNAPSHOT = f"{FOLDER}/snapshot-run-1-0000"
# The first run's own journal is in the snapshot: it is needed no more.
SPENT = f"{FOLDER}/journal-run-1-000000"
KILLED = [f"{FOLDER}/journal-run-2-000000", f"{FOLDER}/journal-run-3-000000"]
NEEDED = [MANIFEST, LIST, SNAPSHOT, *KILLED]


@pytest.fixture(params=["folder", "bucket"])
def storage(request, tmp_path):
    """Return what opens a run's storage."""
    if request.param == "folder":
        return partial(LocalFolderStorage, str(tmp_path))
    fsspec.filesystem("memory").store.clear()
    return lambda _: ObjectStorage(f"memory://bucket/{tmp_path.name}")


@pytest.fixture
def kept(storage):
    """Return the files of the memory, by name."""
    first = MemoryRun(storage, 1)
    for lead_id in LEADS:
        first.accept(lead_id, b"a")
    first.files.store()
    for number, lead_id in ((2, "L1"), (3, "L2")):
        killed = MemoryRun(storage, number)
        killed.sending(lead_id)
        killed.files.close()
    first.files.close()
    each = storage("test")
    assert each.names(FOLDER) == sorted([SPENT, *NEEDED])
    return {name: each.read(name) for name in each.names(FOLDER)}


def believed(storage):
    """Return which leads the next run would skip, and its warnings."""
    run = MemoryRun(storage, 9)
    try:
        return [lead_id for lead_id in LEADS if run.look(lead_id, b"a") == ACCEPTED], run.warnings
    finally:
        run.files.close()


def test_only_what_was_not_sent_since_is_believed_of_a_memory_that_is_whole(storage, kept):
    assert kept
    assert believed(storage) == ([lead_id for lead_id in LEADS if lead_id not in {"L1", "L2"}], [])


def test_no_entry_is_believed_after_a_file_was_cut_off_at_any_byte(storage, kept):
    choose, each = random.Random(1), storage("test")
    for _ in range(50):
        name = choose.choice(NEEDED)
        # The line breaks at the end say nothing.
        each.put(name, kept[name][: choose.randrange(len(kept[name].rstrip()))])
        leads, warnings = believed(storage)
        assert (leads, len(warnings)) == ([], 1), name
        assert "this sync sends every record" in warnings[0]
        each.put(name, kept[name])


@pytest.mark.parametrize("name", NEEDED)
def test_no_entry_is_believed_after_a_file_was_lost(storage, kept, name):
    assert kept
    storage("test").remove(name)
    assert believed(storage)[0] == []


def test_no_entry_is_believed_after_all_journals_were_deleted(storage, kept):
    each = storage("test")
    for name in kept:
        if "journal" in name:
            each.remove(name)
    leads, (warning,) = believed(storage)
    assert leads == []
    assert "the list of its journals is missing" in warning


def test_a_run_that_was_killed_before_there_was_a_snapshot_is_believed(storage):
    killed = MemoryRun(storage, 1)
    killed.accept("L1", b"a")
    killed.files.commit()
    assert believed(storage) == (["L1"], [])


def test_a_journal_that_is_in_the_snapshot_may_be_lost(storage, kept):
    assert kept
    storage("test").remove(SPENT)
    assert len(believed(storage)[0]) == 18


def test_a_later_file_of_a_long_journal_is_not_lost_unnoticed(storage, monkeypatch):
    monkeypatch.setattr("destination_squadstack.rejected_records.part_files.FILE_BYTES", 1)
    first = MemoryRun(storage, 1)
    first.accept("L1", b"a")
    first.files.store()
    killed = MemoryRun(storage, 2)
    killed.accept("L0", b"a")
    killed.sending("L1")
    storage("test").remove(f"{FOLDER}/journal-run-2-000001")
    assert believed(storage)[0] == []


def later(name, content):
    """Return a file as a later version might write it."""
    if name in (MANIFEST, LIST):
        return content.replace(b'"version": 1', b'"version": 2')
    (member,) = journal.unpack(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "VERSION", 2)
        return journal.pack(member)


@pytest.mark.parametrize("name", [MANIFEST, LIST, KILLED[0]])
def test_no_entry_is_believed_that_a_later_version_wrote(storage, kept, name):
    content = later(name, kept[name])
    assert content != kept[name]
    storage("test").put(name, content)
    leads, (warning,) = believed(storage)
    assert leads == []
    assert "written by another version" in warning


def test_what_was_accepted_for_another_campaign_is_not_believed(storage, kept):
    assert kept
    run = MemoryRun(storage, 9, campaign="ref-2")
    assert [run.look(lead_id, b"a") for lead_id in LEADS] == [None] * 20
    assert list(MissingLeads(run.memory).of(run.scope, set())) == []


@pytest.mark.parametrize("name", NEEDED)
def test_a_damaged_memory_is_whole_again_after_the_next_sync(storage, kept, name):
    storage("test").put(name, kept[name].rstrip()[:-2])
    third = MemoryRun(storage, 4)
    third.accept("L1", b"c")
    third.files.store()
    third.files.close()
    fourth = MemoryRun(storage, 5)
    assert fourth.warnings == []
    assert fourth.look("L1", b"c") == ACCEPTED


@pytest.mark.parametrize("name", [LIST, *KILLED])
def test_who_may_leave_is_known_although_a_journal_or_the_list_is_lost(storage, kept, name):
    assert kept
    storage("test").remove(name)
    run = MemoryRun(storage, 9)
    assert sorted(MissingLeads(run.memory).of(run.scope, {("", "leads")})) == sorted(LEADS)


def test_the_list_names_what_the_next_run_needs(storage, kept):
    assert orjson.loads(kept[LIST])["files"] == [name.rpartition("/")[2] for name in KILLED]
    run = MemoryRun(storage, 9)
    run.accept("L1", b"b")
    run.files.store()
    # Both may still be at work, for all anybody knows.
    assert orjson.loads(storage("test").read(LIST))["files"] == [name.rpartition("/")[2] for name in KILLED]
