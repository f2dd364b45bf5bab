"""`make bench` names its scenarios, and writes its page only from results of a quiet machine.

`benchmark_results.json` is what a small run left (`make bench BENCH_ARGS=--quick`, `build/bench/tried.json`): where a
scenario or a contender is renamed, it is made anew.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

QUIET = {"load_before": 0.1, "other_work": 0.01}


def benchmarks(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    text = Path(__file__).with_name("benchmark_results.json").read_text(encoding="utf-8")
    return {**json.loads(text), **QUIET}


def write_page(
    root: Path, folder: Path, results: dict[str, Any], **changes: Any
) -> tuple[subprocess.CompletedProcess[str], Path]:
    kept = folder / "results.json"
    kept.write_text(json.dumps({**results, **changes}), encoding="utf-8")
    return benchmarks(root, "--page", str(kept), "--into", str(folder)), folder / "performance.md"


def test_the_page_has_a_heading_a_table_and_the_goals_of_every_scenario(root: Path, tmp_path: Path, results):
    names = benchmarks(root, "--list").stdout.split()

    done, page = write_page(root, tmp_path, results)
    written = page.read_text(encoding="utf-8")

    assert (done.returncode, done.stderr) == (0, "")
    assert list(results["scenarios"]) == names
    assert [name for name in names if f"\n\n`{name}`. " not in written] == []
    assert written.count("\n### ") == len(names)
    assert "| `source-page-100` | CPU s, dlt rest_api, divided by source-squadstack | ≥ 2 | " in written


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"load_before": 0.51}, "the load was 0.51 a core before it began, above 0.5."),
        ({"other_work": 0.11}, "other work had 11% of the cores' time, above 10%."),
        ({"scenarios": {}}, "not measured: source-page-1000, source-page-100, "),
    ],
    ids=["load before", "other work", "missing scenarios"],
)
def test_no_page_is_written_from_results_that_are_not_good_enough(
    root: Path, tmp_path: Path, results, changes: dict[str, Any], reason: str
):
    done, page = write_page(root, tmp_path, results, **changes)

    assert done.returncode == 1
    assert done.stdout.startswith(f"The page is not written: {reason}")
    assert not page.exists()


def test_the_page_in_the_docs_ends_with_the_notes_beside_the_benchmarks(root: Path):
    notes = (root / "benchmarks/notes.md").read_text(encoding="utf-8")

    assert (root / "docs/performance.md").read_text(encoding="utf-8").endswith(notes)
