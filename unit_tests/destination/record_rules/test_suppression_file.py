"""Where the suppression list is read from, and what is said when it cannot be."""

import gzip

import fsspec
import pytest

from destination_squadstack.config import LocalStore, S3Store
from destination_squadstack.errors import ConfigError, TransientError
from destination_squadstack.record_rules import suppression_file
from destination_squadstack.record_rules.suppression_file import load_suppression_list
from destination_squadstack.rejected_records.storage import ObjectStorage

TEXT = b"9876543210\n+91 91234 56780\n"
S3 = S3Store(
    s3_bucket_name="rejects",
    s3_bucket_region="ap-south-1",
    s3_endpoint=None,
    access_key_id="k",
    secret_access_key="s",
    bucket_path="rows",
)


def load(path, store=None):
    return load_suppression_list(str(path), store)


def problem(path, store=None, kind=ConfigError):
    with pytest.raises(kind) as raised:
        load(path, store)
    return str(raised.value)


def holds(known):
    return [known.forbids(number) for number in ("9876543210", "9123456780", "9000000001")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dnd.txt", TEXT),
        ("dnd.txt.gz", gzip.compress(TEXT)),
        ("dnd", gzip.compress(TEXT)),
        ("plain.gz", TEXT),
        ("parts.gz", gzip.compress(TEXT[:15]) + gzip.compress(TEXT[15:])),
    ],
    ids=["plain", "compressed", "compressed by another name", "plain by another name", "compressed in parts"],
)
def test_a_list_is_read_from_this_machine_plain_or_compressed_whatever_it_is_called(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert holds(load(tmp_path / name)) == [True, True, False]


def test_a_compressed_list_is_longer_than_a_piece_of_it(tmp_path):
    numbers = [str(6_000_000_000 + index) for index in range(300_000)]
    (tmp_path / "dnd.gz").write_bytes(gzip.compress("\n".join(numbers).encode(), 1))
    known = load(tmp_path / "dnd.gz")
    assert len(known) == 300_000
    assert known.forbids(numbers[-1])


def test_a_list_that_is_not_there_is_a_config_error(tmp_path):
    assert problem(tmp_path / "none.txt") == (
        "suppression.path: the list cannot be read on this machine (No such file or directory). Nothing was sent."
    )


def test_a_folder_is_no_list(tmp_path):
    assert problem(tmp_path) == (
        "suppression.path: the list cannot be read on this machine (Is a directory). Nothing was sent."
    )


@pytest.mark.parametrize("content", [b"", b"\n \n", gzip.compress(b"")], ids=["no byte", "blank lines", "compressed"])
def test_an_empty_list_is_a_config_error(tmp_path, content):
    (tmp_path / "dnd").write_bytes(content)
    assert problem(tmp_path / "dnd") == (
        "suppression.path names an empty list. If it is meant to be, leave suppression out. Nothing was sent."
    )


def test_a_line_that_says_nothing_is_named_by_its_number_alone(tmp_path):
    (tmp_path / "dnd").write_bytes(TEXT + b"Asha Rao 98765\n")
    assert problem(tmp_path / "dnd") == (
        "suppression.path: line 3 of the list is neither a phone number nor the SHA-256 hash of one. "
        "Correct or remove it. Nothing was sent."
    )


@pytest.mark.parametrize("cut", [1, 5, 12])
def test_half_a_compressed_list_is_no_list(tmp_path, cut):
    (tmp_path / "dnd.gz").write_bytes(gzip.compress(TEXT * 100)[:-cut])
    assert problem(tmp_path / "dnd.gz") == (
        "suppression.path: the list begins like a gzip file and is not a whole one. Nothing was sent."
    )


def test_a_damaged_compressed_list_is_no_list(tmp_path):
    content = bytearray(gzip.compress(TEXT * 100))
    content[20] ^= 255
    (tmp_path / "dnd.gz").write_bytes(content)
    said = problem(tmp_path / "dnd.gz")
    assert said.startswith("suppression.path: ")
    assert said.endswith("Nothing was sent.")


@pytest.mark.parametrize("store", [None, LocalStore("/rejects")])
def test_an_address_needs_the_keys_of_an_s3_store(store):
    assert problem("s3://bucket/dnd.txt", store) == (
        "suppression.path is an address in S3: object_storage_config has to be an S3 store, whose keys open it."
    )


@pytest.fixture
def bucket(monkeypatch):
    """A bucket in memory in place of S3: what is asked of it, and its files."""
    files = fsspec.filesystem("memory")
    files.pipe_file("/lists/dnd.txt.gz", gzip.compress(TEXT))
    opened = []

    class InMemory(ObjectStorage):
        def __init__(self, url, **options):
            opened.append((url, options))
            super().__init__(url.replace("s3://", "memory://"))

    monkeypatch.setattr(suppression_file, "ObjectStorage", InMemory)
    yield opened
    files.rm("/lists", recursive=True)


def test_a_list_is_read_from_a_bucket_with_the_keys_of_the_object_store(bucket):
    assert holds(load("s3://lists/dnd.txt.gz", S3)) == [True, True, False]
    assert bucket == [("s3://lists", S3.options())]


def test_a_list_that_a_bucket_does_not_have_is_a_config_error(bucket):
    assert problem("s3://lists/other", S3).startswith(
        "suppression.path: the list cannot be read from the bucket, with the keys of object_storage_config ("
    )


def test_a_bucket_that_does_not_answer_is_asked_again_and_then_the_sync_may_be_tried_again(bucket, monkeypatch):
    asked = []

    def silent(self, name, *args, **kwargs):
        asked.append(name)
        raise OSError(110, "no answer in 15 s")

    monkeypatch.setattr(ObjectStorage, "_call", silent)
    assert problem("s3://lists/dnd.txt.gz", S3, TransientError) == (
        "suppression.path: the bucket did not answer (no answer in 15 s). Nothing was sent."
    )
    assert asked == ["info"] * 3


def test_a_list_that_is_replaced_while_it_is_read_is_not_read_half_and_half(bucket, monkeypatch):
    call = ObjectStorage._call

    def replacing(self, name, *args, **kwargs):
        found = call(self, name, *args, **kwargs)
        if name == "cat_file":
            fsspec.filesystem("memory").pipe_file("/lists/dnd.txt.gz", b"9000000001\n")
        return found

    monkeypatch.setattr(ObjectStorage, "_call", replacing)
    assert "it was replaced while it was read" in problem("s3://lists/dnd.txt.gz", S3, TransientError)
