"""The import of the CDK, without the parts that nobody uses."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def light_import() -> Iterator[None]:
    """Leave out what nobody uses while the CDK is imported. `process_tuning` says how the gains were measured."""
    # The library that writes the protocol's messages reads the source of each of their classes for comments that only a
    # JSON schema would repeat: 0.5 s.
    with suppress(ImportError):
        vars(importlib.import_module("attributes_doc"))["get_attributes_doc"] = lambda _: {}
    # The CDK's cache of answers would import a client of DynamoDB, 7.6 MB, and does without it where there is none.
    given = sys.modules.get("boto3")
    sys.modules["boto3"] = None  # type: ignore[assignment]  # so that its import fails
    try:
        yield
    finally:
        del sys.modules["boto3"]
        if given:
            sys.modules["boto3"] = given
