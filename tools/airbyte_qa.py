"""Runs Airbyte's own checks of connectors (`airbyte-ops local connector qa`) on both, offline.

They expect a connector in Airbyte's repository. So each is laid out as if it were there: its code, metadata, icon and
pyproject.toml in a folder of its own, its page under docs/integrations. `STUBS` says what is stood in for, `BEYOND_US`
which checks such a connector does not pass, and why.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
STAGE = Path("build/airbyte-qa")
PYTHON = ROOT / ".clients/airbyte_qa/bin/python"
RUN = ROOT / "clients/airbyte_qa/run.py"
METADATA = {"source": "metadata.yaml", "destination": "destination_squadstack/metadata.yaml"}
PASSED, SKIPPED = "PASSED", "SKIPPED"

STUBS = """\
- The metadata's documentationUrl and ab_internal.sl: the checks look for a page of docs.airbyte.com, and at its text
  only for connectors of a service level.
- A Dockerfile and setup.py beside the code are left out: both connectors share those of this repository.
- The network: links are not followed; the registry has nothing of ours; Airbyte's repository has no connector of this
  name; the base image has the digest that the metadata names.
"""
BEYOND_US = {
    "CheckConnectorUsesPoetry": "Requirements are pinned and hashed in requirements.txt, not in poetry.lock.",
    "CheckConnectorUsesHTTPSOnly": "It finds patterns that allow http for this machine alone, and a proxy's address.",
}


def main() -> int:
    """Stage both connectors, run the checks, print what they found; return the number of surprises."""
    shutil.rmtree(STAGE, ignore_errors=True)
    for kind in METADATA:
        stage(kind)
    names = [f"{kind}-squadstack" for kind in METADATA]
    metadata = yaml.safe_load((ROOT / METADATA["source"]).read_text(encoding="utf-8"))
    digest = metadata["data"]["connectorBuildOptions"]["baseImage"].partition("@")[2]
    command = [PYTHON, RUN, digest, *names]
    done = subprocess.run(command, cwd=STAGE, check=True, capture_output=True, text=True)  # noqa: S603  # of this file
    results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    surprises = 0
    for each in results:
        note = each["message"]
        if each["status"] not in {PASSED, SKIPPED}:
            note = BEYOND_US.get(each["check"], note)
            surprises += each["check"] not in BEYOND_US
        sys.stdout.write(f"{each['status']:8} {each['connector']:24} {each['check']}: {note}\n")
    passed, skipped = (sum(each["status"] == status for each in results) for status in (PASSED, SKIPPED))
    sys.stdout.write(f"\n{len(results)} checks, {passed} passed, {skipped} do not apply. Stood in for:\n{STUBS}")
    return surprises


def stage(kind: str) -> None:
    """Lay a connector out as in Airbyte's repository."""
    package = f"{kind}_squadstack"
    directory = STAGE / "airbyte-integrations/connectors" / f"{kind}-squadstack"
    shutil.copytree(ROOT / package, directory / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", directory)
    metadata: dict[str, Any] = yaml.safe_load((ROOT / METADATA[kind]).read_text(encoding="utf-8"))
    shutil.copy((ROOT / METADATA[kind]).parent / metadata["data"]["icon"], directory / "icon.svg")
    metadata["data"] |= {
        "documentationUrl": f"https://docs.airbyte.com/integrations/{kind}s/squadstack",
        "ab_internal": {"sl": 300, "ql": 300},
    }
    (directory / "metadata.yaml").write_text(yaml.safe_dump(metadata, sort_keys=False), encoding="utf-8")
    pages = STAGE / "docs/integrations" / f"{kind}s"
    pages.mkdir(parents=True)
    shutil.copy(ROOT / "docs" / f"{kind}s/squadstack.md", pages)


if __name__ == "__main__":
    sys.exit(main())
