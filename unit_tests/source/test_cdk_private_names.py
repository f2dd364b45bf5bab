"""Private names of the CDK are used in `cdk_fast_path` alone, and the installed CDK has each of them as it is needed.

Whatever could reach a private name unseen is refused outside of `cdk_fast_path`, whether it does or not: `vars`,
`setattr`, `getattr` with a computed name, `__dict__`, patches of a module.
"""

import ast
import importlib
import inspect
import logging
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import version
from pathlib import Path
from queue import Queue, SimpleQueue
from threading import Event
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import requests
from airbyte_cdk.sources.concurrent_source.concurrent_read_processor import ConcurrentReadProcessor
from airbyte_cdk.sources.concurrent_source.concurrent_source import ConcurrentSource
from airbyte_cdk.sources.concurrent_source.thread_pool_manager import ThreadPoolManager
from airbyte_cdk.sources.declarative.requesters.http_requester import HttpRequester
from airbyte_cdk.sources.declarative.retrievers.retriever import Retriever
from airbyte_cdk.sources.message import MessageRepository
from airbyte_cdk.sources.streams.http import HttpClient
from airbyte_cdk.sources.utils.slice_logger import SliceLogger

import source_squadstack
from source_squadstack.source import SourceSquadstack

PACKAGE = Path(source_squadstack.__file__).parent
FAST_PATH = PACKAGE / "cdk_fast_path"
OWN = ("source_squadstack", "squadstack_common")

# What a class or a module has by the language, and no library means as its own.
LANGUAGE = frozenset(
    {"__init__", "__post_init__", "__name__", "__file__", "__cause__", "__context__", "__excepthook__"}
)
NAMED_WHEN_RUN = frozenset({"attrgetter", "methodcaller", "getattr_static"})
NEVER = frozenset({"vars", "setattr", "delattr", "eval", "exec", "compile", "__import__"}) | NAMED_WHEN_RUN
BY_LITERAL_ONLY = frozenset({"getattr", "hasattr"})
# What Python's documentation offers, and the name under which the CDK looks for a manifest's components.
DOCUMENTED = frozenset(
    {"os._exit", "sys.excepthook", "tempfile.tempdir", "sys.modules['source_declarative_manifest.components']"}
)


def is_private(name: str) -> bool:
    return name.startswith("_") and name != "_" and name not in LANGUAGE


def is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


@cache
def private_names_of(kind: type) -> frozenset[str]:
    """Return the private names that instances of a class have by its foreign bases, those set by their code too."""
    names: set[str] = set()
    for base in kind.__mro__:
        if base is object or base.__module__.startswith(OWN):
            continue
        names.update(vars(base), vars(base).get("__annotations__", {}))
        try:
            code = ast.parse(textwrap.dedent(inspect.getsource(base)))
        except (TypeError, OSError):  # a class written in C
            continue
        names.update(node.attr for node in ast.walk(code) if isinstance(node, ast.Attribute))
    return frozenset(filter(is_private, names))


class Found(NamedTuple):
    line: int
    name: str


class Finder(ast.NodeVisitor):
    """Finds what is private to others, and ways to reach it unseen."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.found: list[Found] = []
        self.classes: list[type] = []
        self.foreign: set[str] = set()

    def note(self, node: Any, name: str) -> None:
        self.found.append(Found(node.lineno, name))

    def inherits(self, name: str) -> bool:
        return any(name in private_names_of(kind) for kind in self.classes[-1:])

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._imported(node, alias.name, alias.asname or alias.name.partition(".")[0], alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._imported(node, node.module or "", alias.asname or alias.name, f"{node.module}.{alias.name}")

    def _imported(self, node: ast.stmt, module: str, bound: str, path: str) -> None:
        if any(map(is_private, path.split("."))) and not path.startswith("__future__"):
            self.note(node, path)
        if not module.startswith(OWN):
            self.foreign.add(bound)
        if path.rpartition(".")[2] in NEVER or path.startswith("unittest"):
            self.note(node, path)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        kind = getattr(self.module, node.name, None)
        if not isinstance(kind, type):
            self.note(node, f"{node.name}, a class that is defined within another or a function, has bases")
            kind = object
        self.classes.append(kind)
        for item in node.body:
            targets = item.targets if isinstance(item, ast.Assign) else [getattr(item, "target", None)]
            defined = {getattr(item, "name", None), *(getattr(target, "id", None) for target in targets)}
            for name in filter(None, defined):
                if is_private(name) and not is_special(name) and self.inherits(name):
                    self.note(item, name)
        self.generic_visit(node)
        self.classes.pop()

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if is_private(node.attr) and ast.unparse(node) not in DOCUMENTED:
            of_self = isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"} and self.classes
            if not of_self or is_special(node.attr) or self.inherits(node.attr):
                self.note(node, node.attr)
        if node.attr in NAMED_WHEN_RUN:
            self.note(node, node.attr)
        if isinstance(node.ctx, ast.Store | ast.Del):
            self._replaced(node)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.ctx, ast.Store | ast.Del) and isinstance(node.value, ast.Attribute):
            self._replaced(node)
        self.generic_visit(node)

    def _replaced(self, node: ast.Attribute | ast.Subscript) -> None:
        """Note a module's or a class's attribute that is set: what is imported belongs to others."""
        root: ast.expr = node
        while isinstance(root, ast.Attribute | ast.Subscript):
            root = root.value
        path = ast.unparse(node)
        patched = isinstance(root, ast.Call) or (isinstance(root, ast.Name) and root.id in self.foreign)
        if patched and path not in DOCUMENTED:
            self.note(node, path)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in NEVER | BY_LITERAL_ONLY:
            self.note(node, node.id)
        if node.id in {"self", "cls"} and isinstance(node.ctx, ast.Store):
            self.note(node, f"{node.id} = …")

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", None)
        literal = node.args[1].value if len(node.args) > 1 and isinstance(node.args[1], ast.Constant) else None
        if name in BY_LITERAL_ONLY and isinstance(literal, str):
            if is_private(literal):
                self.note(node, literal)
            nodes = [*node.args, *node.keywords]
        elif name == "import_module" and not (
            isinstance(node.args[0], ast.Constant) and "._" not in node.args[0].value
        ):
            self.note(node, "import_module")
            nodes = [*node.args, *node.keywords]
        else:
            nodes = [node.func, *node.args, *node.keywords]
        for child in nodes:
            self.visit(child)


def found_in(code: str, module: ModuleType) -> list[Found]:
    finder = Finder(module)
    finder.visit(ast.parse(code))
    comments = [
        Found(number, mark)
        for number, line in enumerate(code.splitlines(), 1)
        for mark in ("SLF001", "method-assign")
        if mark in line.partition("#")[2]
    ]
    return finder.found + comments


def modules(folder: Path) -> Iterator[tuple[str, ModuleType]]:
    for path in sorted(folder.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        yield path.read_text(encoding="utf-8"), importlib.import_module(name)


def test_private_names_of_the_cdk_are_used_in_cdk_fast_path_alone():
    found = [
        f"{module.__name__}:{line}: {name}"
        for code, module in modules(PACKAGE)
        if not module.__name__.startswith("source_squadstack.cdk_fast_path")
        for line, name in found_in(code, module)
    ]
    assert found == [], "move these into source_squadstack/cdk_fast_path, or find a public way"


BASES = "from airbyte_cdk.sources.declarative.retrievers.simple_retriever import SimpleRetriever\n"


@pytest.mark.parametrize(
    "code",
    [
        "source._queue",
        "source._queue = 1",
        "a.b()._queue",
        "super()._handle_item(1)",
        "self._queue",
        'getattr(source, "_queue", None)',
        'getattr(source, "_" + "queue")',
        'hasattr(source, "_queue")',
        "map(getattr, sources, names)",
        'vars(source)["queue"]',
        "setattr(source, name, 1)",
        "object.__setattr__(source, 'x', 1)",
        "source.__dict__",
        "source.__class__ = Other",
        "class Ours:\n    def ours(self):\n        self.__class__ = Ours",
        "Source.__new__(Source)",
        "type(source).read = read",
        "from operator import attrgetter",
        "import operator\noperator.attrgetter('_queue')",
        "from unittest.mock import patch",
        "from airbyte_cdk.sources.streams.http.http_client import _SQLITE_CACHE_LOCK",
        "from airbyte_cdk.sources._private import public",
        "import importlib\nimportlib.import_module(name)",
        "import importlib\nimportlib.import_module('airbyte_cdk._private')",
        "from airbyte_cdk.sources.declarative.interpolation import jinja\njinja.ast = 1",
        "import ast\nast.literal_eval = 1",
        "import sys\nsys.modules['boto3'] = None",
        "import sys\ndel sys.modules['boto3']",
        "eval('source._queue')",
        "x = 1  # noqa: SLF001",
        "x = 1  # type: ignore[method-assign]",
        BASES + "class Ours(SimpleRetriever):\n    def _read_pages(self):\n        pass",
        BASES + "class Ours(SimpleRetriever):\n    _name = ''",
        BASES + "class Ours(SimpleRetriever):\n    def ours(self):\n        return self._paginator",
        BASES + "class Ours(SimpleRetriever):\n    def ours(self):\n        self._parameters = {}",
        "class Ours:\n    def ours(self, other):\n        self = other\n        self._queue",
        "def function():\n    class Ours(Base):\n        pass",
    ],
)
def test_a_way_to_a_private_name_is_found(code):
    assert found_in(code, with_classes_of(code))


@pytest.mark.parametrize(
    "code",
    [
        'getattr(yaml, "CSafeLoader", None)',
        BASES + "class Ours(SimpleRetriever):\n    def ours(self):\n        self._ours = 1\n        super().__init__()",
        "class Ours:\n    def _ours(self):\n        return self._ours()",
        "import sys\nsys.excepthook = report",
        "session.max_redirects = 0",
        "for _ in range(3):\n    pass",
    ],
)
def test_public_names_and_names_of_our_own_are_allowed(code):
    assert found_in(code, with_classes_of(code)) == []


def with_classes_of(code: str) -> ModuleType:
    """Return a module with the classes of a snippet; nothing else of it is run."""
    module = ModuleType("source_squadstack.snippet")
    classes = [node for node in ast.parse(code).body if isinstance(node, ast.ClassDef)]
    if classes:
        exec(code, vars(module))
    return module


# --- what cdk_fast_path needs ---------------------------------------------------------------------------------------


class Attribute(NamedTuple):
    """A private attribute, of whose it is, and what it has to be."""

    owner: str
    name: str
    kind: type


class Method(NamedTuple):
    """A private method, whose it is, and the parameters that it has to have."""

    owner: type
    name: str
    parameters: tuple[str, ...]


ATTRIBUTES = [
    Attribute("ConcurrentDeclarativeSource", "_concurrent_source", ConcurrentSource),
    Attribute("ConcurrentSource", "_threadpool", ThreadPoolManager),
    Attribute("ConcurrentSource", "_logger", logging.Logger),
    Attribute("ConcurrentSource", "_slice_logger", SliceLogger),
    Attribute("ConcurrentSource", "_queue", Queue),
    Attribute("ConcurrentSource", "_message_repository", MessageRepository),
    Attribute("ConcurrentSource", "_initial_number_partitions_to_generate", int),
    Attribute("ConcurrentReadProcessor", "_record_counter", dict),
    Attribute("DeclarativePartition", "_retriever", Retriever),
    Attribute("ThreadPoolExecutor", "_work_queue", SimpleQueue),
    Attribute("HttpRequester", "_http_client", HttpClient),
    Attribute("HttpClient", "_session", requests.Session),
]
METHODS = [
    Method(ConcurrentSource, "_submit_initial_partition_generators", ("self", "concurrent_stream_processor")),
    Method(ConcurrentSource, "_consume_from_queue", ("self", "queue", "concurrent_stream_processor")),
    Method(ConcurrentSource, "_handle_item", ("self", "queue_item", "concurrent_stream_processor")),
]


@pytest.fixture(scope="module")
def owners() -> dict[str, Any]:
    """Return an object of each class whose private attributes are used."""
    section = {"token": "t", "campaign_ids": ["C"], "start_date": "2026-01-01T00:00:00Z"}
    source = SourceSquadstack(config={"squadstack": section})
    stream = next(stream for stream in source.streams({}) if stream.name == "lead_responses")
    pool = ThreadPoolManager(ThreadPoolExecutor(1), source.logger)
    objects = [
        next(iter(stream.generate_partitions())),
        ConcurrentReadProcessor([stream], None, pool, source.logger, None, None, None),
        ThreadPoolExecutor(1),
        HttpRequester(name="leads", config={}, parameters={}),
        HttpClient(name="leads", logger=source.logger),
    ]
    return {
        "ConcurrentDeclarativeSource": source,
        "ConcurrentSource": getattr(source, "_concurrent_source", None),
        **{type(one).__name__: one for one in objects},
    }


CHANGED = f"airbyte-cdk {version('airbyte-cdk')} is not the one that source_squadstack/cdk_fast_path is written for"


@pytest.mark.parametrize("needed", ATTRIBUTES, ids=lambda needed: f"{needed.owner}.{needed.name}")
def test_the_cdk_has_the_private_attribute_that_the_fast_path_uses(needed, owners):
    value = getattr(owners[needed.owner], needed.name, None)
    assert isinstance(value, needed.kind), f"{CHANGED}: {needed.owner}.{needed.name} is no {needed.kind.__name__}"


@pytest.mark.parametrize("needed", METHODS, ids=lambda needed: f"{needed.owner.__name__}.{needed.name}")
def test_the_cdk_has_the_private_method_that_the_fast_path_uses(needed):
    method = getattr(needed.owner, needed.name, None)
    parameters = tuple(inspect.signature(method).parameters) if method else ()
    assert parameters == needed.parameters, f"{CHANGED}: {needed.owner.__name__}.{needed.name} takes {parameters}"


def test_the_cdk_counts_records_by_their_stream(owners):
    counter = owners["ConcurrentReadProcessor"]._record_counter
    assert counter == {"lead_responses": 0}, f"{CHANGED}: ConcurrentReadProcessor._record_counter is {counter}"


def test_work_that_waits_for_a_thread_can_be_run_by_another():
    pool = ThreadPoolExecutor(1)
    holding = Event()
    pool.submit(holding.wait)
    future = pool.submit(lambda: "done")
    pool._work_queue.get(timeout=60).run()
    holding.set()
    assert future.result(timeout=60) == "done"


def test_each_private_name_of_the_fast_path_is_one_of_these():
    used = {found.name for code, module in modules(FAST_PATH) for found in found_in(code, module)}
    # How modules and their names are replaced; test_light_import holds the libraries to what is replaced of them.
    language = {"vars", "import_module", "getattr", "compile", "sys.modules[name]"}
    language |= {"__class_getitem__", "__forward_arg__", "__getattr__", "__loader__", "__module__", "__spec__"}
    assert used - language == {needed.name for needed in [*ATTRIBUTES, *METHODS]}
