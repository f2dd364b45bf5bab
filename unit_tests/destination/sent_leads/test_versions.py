"""Every version of the memory that was ever written is read. A new version adds its folder here, and keeps the others.

They were written by a run that accepted L1, rejected L2 and stored its memory, and by one that was killed after it was
told that L3 is accepted and before it was told about L4.
"""

import shutil
from pathlib import Path

import pytest

from destination_squadstack.engine.tracking import Unchanged
from destination_squadstack.rejected_records.part_files import StorageWriter
from destination_squadstack.rejected_records.storage import LocalFolderStorage
from destination_squadstack.sent_leads import journal, snapshot
from destination_squadstack.sent_leads.database import VERSION
from destination_squadstack.sent_leads.journal_list import FOLDER
from destination_squadstack.sent_leads.memory_files import MemoryFiles
from destination_squadstack.sent_leads.missing_leads import MissingLeads

VERSIONS = Path(__file__).with_name("versions")
WRITTEN_AT = 1_700_000_000_000


class Still:
    def wall(self):
        return WRITTEN_AT / 1000

    monotonic = wall


def test_the_version_that_is_written_today_has_a_folder():
    assert VERSION == snapshot.VERSION == journal.VERSION
    assert (VERSIONS / f"v{VERSION}").is_dir()


@pytest.mark.parametrize("version", sorted(path.name for path in VERSIONS.iterdir()))
def test_a_memory_of_each_version_is_read(version, tmp_path):
    shutil.copytree(VERSIONS / version, tmp_path / FOLDER)
    logs = []
    files = MemoryFiles(
        StorageWriter(LocalFolderStorage(str(tmp_path), "run-3"), Still(), what="the memory"),
        run_id="run-3",
        clock=Still(),
        log=lambda *said: logs.append(said),
        resend_after_days=30,
    )
    memory = files.memory
    scope = memory.scope("https://api.squadstack.com crm_v2 ref-1", "crm", "leads")

    def look(lead_id):
        return memory.look(
            scope, lead_id, memory.fingerprint("upsert", b'{"lead_id":"%b"}' % lead_id.encode()), WRITTEN_AT
        )

    assert [look(lead_id) for lead_id in ("L1", "L2", "L3", "L4")] == [
        Unchanged(None),
        Unchanged("phone_number: no"),
        Unchanged(None),
        None,
    ]
    assert MissingLeads(memory).known(scope) == 3
    assert logs == []
    files.close()
