"""Recordings in the staging directory: names, what is left of a killed sync, and a disk that is full."""

import os
import time
from pathlib import Path

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_squadstack.components.recording_files import (
    DEAD_PART_SECONDS,
    FileWriter,
    StagingDirectory,
    extension_of,
    key_of,
)

ROW = {"campaign_id": "C", "lead_id": "L", "recording_url": "https://h/r.mp3"}


@pytest.mark.parametrize(
    ("url", "content_type", "extension"),
    [
        ("https://h/a.mp3", "audio/mpeg", ".mp3"),
        ("https://h/a.MP3?x=.wav#y.ogg", "", ".mp3"),
        ("https://h/a", "audio/mpeg", ".mp3"),
        ("https://h/a", "Audio/X-WAV; charset=binary", ".wav"),
        ("https://h/a.Meera", "audio/mpeg", ".mp3"),
        ("https://h/a.919876543210", "", ""),
        ("https://h/", "application/octet-stream", ""),
        ("https://h/.mp3", "", ""),
        ("https://h/mp3", "", ""),
    ],
)
def test_of_a_name_only_the_ending_of_a_kind_of_audio_is_kept(url, content_type, extension):
    assert extension_of(url, content_type) == extension


def test_each_part_of_a_rows_key_makes_another_file_and_nothing_else_does():
    keys = {key_of({**ROW, name: "other"}) for name in ROW}
    assert len(keys | {key_of(ROW)}) == 4
    assert key_of({**ROW, "called_at": "2026-01-01T00:00:00Z", "status": "downloaded"}) == key_of(ROW)
    assert key_of({**ROW, "campaign_id": "CL", "lead_id": ""}) != key_of({**ROW, "campaign_id": "", "lead_id": "CL"})


def test_a_file_that_is_not_kept_is_gone_and_while_it_is_written_it_has_another_name(tmp_path):
    staging = StagingDirectory(tmp_path, "s")
    staging.open()
    with pytest.raises(ZeroDivisionError), staging.new_file() as file:
        file.write(b"half")
        (path,) = (tmp_path / "s").iterdir()
        assert path.suffix == ".part"
        raise ZeroDivisionError
    assert list((tmp_path / "s").iterdir()) == []


def test_what_a_killed_sync_had_begun_to_write_is_removed_when_nobody_can_be_writing_it(tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()
    for name, age in (("dead.part", DEAD_PART_SECONDS + 60), ("alive.part", 0), ("whole.mp3", 10 * DEAD_PART_SECONDS)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - age,) * 2)
    StagingDirectory(tmp_path, "s").open()
    assert sorted(path.name for path in folder.iterdir()) == ["alive.part", "whole.mp3"]


def test_a_placeholder_says_what_became_of_the_recording(tmp_path):
    staging = StagingDirectory(tmp_path, "s")
    staging.open()
    file = staging.placeholder("key", "expired")
    assert file.name == f"s/{file.sha256}-key.expired.txt"
    assert file.path.read_text() == "No recording: expired\n"
    assert file.size == file.path.stat().st_size


def assert_system_error(error, words):
    assert error.value.failure_type == FailureType.system_error
    assert f"({words})" in error.value.message


def test_a_directory_that_cannot_be_made_ends_the_sync(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(AirbyteTracedException) as error:
        StagingDirectory(tmp_path / "file", "s").open()
    assert_system_error(error, "Not a directory")


def test_a_full_disk_ends_the_sync():
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(AirbyteTracedException) as error:
        FileWriter(Path("/dev/full"), full).write(b"more")
    assert_system_error(error, "No space left on device")
