"""The bundle of the source's components for the stock runner; what cannot be said in one text is refused."""

import ast
import re

import pytest

from source_squadstack import components
from tools.bundle import CannotBundleError, bundle


def test_the_bundle_holds_every_class_that_the_manifest_names():
    statements = ast.parse(bundle("source_squadstack.components")).body
    assert set(components.__all__) - {each.name for each in statements if isinstance(each, ast.ClassDef)} == set()


def test_the_bundle_imports_nothing_of_this_repository():
    text = bundle("source_squadstack.components")
    assert re.findall(r"^\s*(?:from|import) (?:source_squadstack|squadstack_common)\b.*", text, re.MULTILINE) == []


@pytest.fixture
def bundled(tmp_path):
    """Return what bundles modules of a package `p`, given by their texts."""

    def write_and_bundle(**texts: str) -> str:
        (tmp_path / "p").mkdir()
        for name, text in texts.items():
            (tmp_path / "p" / f"{name}.py").write_text(text)
        return bundle("p.a", tmp_path, ("p",))

    return write_and_bundle


def test_a_module_stands_behind_those_it_needs_with_its_comments_and_without_its_imports(bundled):
    text = bundled(
        a='"""A."""\nimport re\nfrom p.b import B\n\n# Why.\nA = B  # So.\n',
        b='import re\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.c import C\nB = "C"\n',
        c="C = 1\n",
    )
    assert [line for line in text.splitlines() if line] == [
        *("from typing import TYPE_CHECKING", "import re"),
        *("# -------------------- p.c", "C = 1"),
        *("# -------------------- p.b", 'B = "C"'),
        *("# -------------------- p.a", "# Why.", "A = B  # So."),
    ]


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ({"a": "from p.b import B\nX = 1", "b": "X = 2\nB = 1"}, "`X` is a name of p.a and a name of p.b: rename one"),
        ({"a": "from p.b import B\nimport re", "b": "re = B = 1"}, "`re` is import re and a name of p.b: rename one"),
        (
            {"a": "from p.b import B\nfrom time import time", "b": "import time\nB = 1"},
            "`time` is from time import time and import time: rename one",
        ),
        ({"a": "from p.b import B\nA = 1", "b": "from p.a import A\nB = 1"}, "import each other: p.a, p.b, p.a"),
        ({"a": "def f():\n    from p.b import B", "b": "B = 1"}, "p.a imports in line 2"),
        ({"a": "from p.b import B as C", "b": "B = 1"}, "p.a must import names from p.b, under these names"),
        ({"a": "import p.b", "b": "B = 1"}, "p.a must import names from p.b, under these names"),
        ({"a": "from . import b", "b": "B = 1"}, "p.a has a relative or a __future__ import"),
        ({"a": "from __future__ import annotations"}, "p.a has a relative or a __future__ import"),
    ],
)
def test_code_that_means_something_else_in_one_text_is_not_bundled(bundled, texts, reason):
    with pytest.raises(CannotBundleError, match=re.escape(reason)):
        bundled(**texts)


def test_a_module_cannot_be_imported_by_its_package_for_it_would_be_no_name(bundled):
    with pytest.raises(CannotBundleError, match=r"p\.a imports b from p, which is a module: import its names"):
        bundled(a="from p import b", b="B = 1", __init__="")
