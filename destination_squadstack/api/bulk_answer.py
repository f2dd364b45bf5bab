"""The answer to a bulk call that accepts all of its leads, as almost every one does: read without being built.

It repeats each lead as it was sent. Building that takes longer than all else that is done with an answer.
"""

from typing import Any, Literal

import msgspec

from squadstack_common.lossless_json import is_unicode, load


class _Lead(msgspec.Struct):
    lead_id: str


class _Row(msgspec.Struct):
    status_code: Literal[200]
    data: _Lead


class _Answer(msgspec.Struct):
    result: list[_Row]
    metadata: dict[str, Any] | None = None


_read_answer = msgspec.json.Decoder(_Answer).decode
_read_lead = msgspec.json.Decoder(_Lead).decode


def accepted_ids(body: bytes) -> list[str] | None:
    """Return the ids of the leads of an answer, in its order; None if it does not say of each that it is accepted."""
    if not is_unicode(body):
        return None
    try:
        answer = _read_answer(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    ids = [row.data.lead_id for row in answer.result]
    return ids if ids and metadata_agrees(answer.metadata, len(ids), len(ids)) else None


def lead_id_of(lead: bytes) -> Any:
    """Return the id of a lead, given as JSON text."""
    try:
        return _read_lead(lead).lead_id
    except (msgspec.DecodeError, RecursionError):
        return load(lead)["lead_id"]


def metadata_agrees(metadata: Any, total: int, written: int) -> bool:
    """Tell whether the metadata of an answer do not contradict its rows; an answer need not have any."""
    if not isinstance(metadata, dict):
        return metadata is None
    expected = {"total_leads": total, "success": written, "failed": total - written}
    return all(metadata.get(name, number) == number for name, number in expected.items())
