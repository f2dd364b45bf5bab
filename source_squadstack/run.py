"""The console script `source-squadstack`: spec, check, discover, read.

Importing the CDK takes a second. What can be answered without it is: `spec`, and a `check` of a config that is wrong.
"""

import ctypes
import gc
import importlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any


def run(arguments: Sequence[str] | None = None) -> None:
    """Run one command; its messages go to stdout, a line each."""
    # The first process of a container gets no SIGTERM that it does not ask for: it would run on until it is killed.
    # Not sys.exit(): that waits for threads that may wait for the API.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        answer = answer_at_once(arguments)
        if answer is None:
            run_by_cdk(arguments)
        else:
            sys.stdout.write(f"{json.dumps(answer)}\n")
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read has gone: there is nobody left to tell, neither about what threads still wait for, nor that.
        os._exit(1)


def answer_at_once(arguments: Sequence[str]) -> dict[str, Any] | None:
    """Return the answer to a command that needs no CDK, `None` for any other."""
    match list(arguments):
        case ["spec"]:
            return {"type": "SPEC", "spec": specification()}
        case ["check", "--config", path]:
            return refusal(path)
    return None


def specification() -> dict[str, Any]:
    """Return the manifest's specification, in the protocol's names."""
    from source_squadstack.manifest import load_manifest  # noqa: PLC0415

    spec = load_manifest()["spec"]
    return {
        "connectionSpecification": spec["connection_specification"],
        "documentationUrl": spec["documentation_url"],
        "supportsNormalization": False,
        "supportsDBT": False,
    }


def refusal(path: str) -> dict[str, Any] | None:
    """Return the status of a config that is wrong by itself; `None` where the API has to be asked."""
    from source_squadstack.config import problems, without_empty_sections  # noqa: PLC0415

    try:
        config = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict):
        return None
    schema = specification()["connectionSpecification"]
    found = problems(without_empty_sections(config, schema), schema)
    if not found:
        return None
    return {"type": "CONNECTION_STATUS", "connectionStatus": {"status": "FAILED", "message": " ".join(found)}}


def run_by_cdk(arguments: Sequence[str]) -> None:
    """Run a command that needs the CDK."""
    # The library that writes the protocol's messages reads the source of each of their classes for comments that only a
    # JSON schema would repeat: half of the import's time.
    with suppress(ImportError):
        vars(importlib.import_module("attributes_doc"))["get_attributes_doc"] = lambda _: {}
    # The CDK's cache of answers would import a client of DynamoDB, 7 MB, and does without it where there is none.
    given = sys.modules.get("boto3")
    sys.modules["boto3"] = None  # type: ignore[assignment]  # so that its import fails
    gc.disable()  # nothing of what is imported becomes garbage
    from source_squadstack.cli import run as run_command  # noqa: PLC0415

    del sys.modules["boto3"]
    if given:
        sys.modules["boto3"] = given
    gc.freeze()
    gc.enable()
    share_free_memory()
    run_command(arguments)


def share_free_memory() -> None:
    """Let all threads use the same free memory: glibc would keep freed pages for each of them, 5 MB a worker."""
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


M_ARENA_MAX = -8  # of glibc's malloc.h


if __name__ == "__main__":
    run()
