"""The bundler: a module and all that it imports of this repository, as the text of one module.

The stock `source-declarative-manifest` compiles its components from a single text and has no package of ours.
"""

import ast
import symtable
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("source_squadstack", "squadstack_common")


class CannotBundleError(Exception):
    """Modules that mean something else in one text than they do apart."""


def bundle(entry: str, root: Path = ROOT, packages: tuple[str, ...] = PACKAGES) -> str:
    """Return the text of a module and of every module of `packages` that it imports, each behind those it needs.

    Raises:
        CannotBundleError: two of them give one name two meanings, they import each other, or they import in a way that
            one text cannot repeat.
    """
    modules: dict[str, Module] = {}
    found = [entry]
    while found:
        name = found.pop()
        if name not in modules:
            modules[name] = Module(name, root, packages)
            found += sorted(modules[name].needs)
    try:
        order = list(TopologicalSorter({name: sorted(module.needs) for name, module in modules.items()}).static_order())
    except CycleError as error:
        raise CannotBundleError(f"These modules import each other: {', '.join(error.args[1])}.") from None
    meanings: dict[str, str] = {}
    for name, meaning in (item for module in order for item in modules[module].meanings.items()):
        if meanings.setdefault(name, meaning) != meaning:
            raise CannotBundleError(f"`{name}` is {meaning} and {meanings[name]}: rename one.")
    imports = sorted({meaning for meaning in meanings.values() if meaning.startswith(("import ", "from "))})
    return "\n".join([*imports, *(modules[module].text for module in order)]) + "\n"


class Module:
    """A module taken apart: its text without imports, what its names mean, and which other modules it needs."""

    def __init__(self, name: str, root: Path, packages: tuple[str, ...]) -> None:
        file = find(root, name)
        if file is None:
            raise CannotBundleError(f"There is no module {name}.")
        source = file.read_text(encoding="utf-8")
        tree, lines = ast.parse(source), source.splitlines()
        self.name, self._packages = name, packages
        self.needs: set[str] = set()
        self.meanings = {
            symbol.get_name(): f"a name of {name}"
            for symbol in symtable.symtable(source, str(file), "exec").get_symbols()
            if symbol.is_assigned() and not symbol.is_imported() and symbol.get_name() not in {"_", "__all__"}
        }
        kept = [f"\n\n# {'-' * 20} {name}"]
        end = 0
        for statement in tree.body:
            imports = [node for node in ast.walk(statement) if isinstance(node, ast.Import | ast.ImportFrom)]
            for each in imports:
                self._take_import(each, root)
            if imports and not is_import(statement):
                raise CannotBundleError(f"{name} imports in line {imports[0].lineno}: only the top of a module may.")
            if not imports and not is_docstring_or_all(statement):
                kept += lines[end : statement.end_lineno]  # with the comments before it
            end = statement.end_lineno or end
        self.text = "\n".join(kept)

    def _take_import(self, statement: ast.Import | ast.ImportFrom, root: Path) -> None:
        source = statement.module if isinstance(statement, ast.ImportFrom) else None
        if source == "__future__" or (isinstance(statement, ast.ImportFrom) and statement.level):
            raise CannotBundleError(f"{self.name} has a relative or a __future__ import.")
        for alias in statement.names:
            module = source or alias.name
            if module.split(".")[0] not in self._packages:
                alone = ast.ImportFrom(source, [alias], 0) if source else ast.Import([alias])
                self.meanings[alias.asname or alias.name] = ast.unparse(alone)
            elif alias.asname or not source:
                raise CannotBundleError(f"{self.name} must import names from {module}, under these names.")
            elif find(root, f"{module}.{alias.name}"):
                raise CannotBundleError(
                    f"{self.name} imports {alias.name} from {module}, which is a module: import its names."
                )
            else:
                self.needs.add(module)


def find(root: Path, module: str) -> Path | None:
    """Return the file of a module, `None` where there is none."""
    path = root.joinpath(*module.split("."))
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def is_import(statement: ast.stmt) -> bool:
    """Tell whether a statement imports and does nothing else; what is imported for type checkers alone may be, too."""
    if isinstance(statement, ast.If):
        return ast.unparse(statement.test) == "TYPE_CHECKING" and all(map(is_import, statement.body))
    return isinstance(statement, ast.Import | ast.ImportFrom)


def is_docstring_or_all(statement: ast.stmt) -> bool:
    """Tell whether a statement is a module's docstring, or says what the module exports."""
    if isinstance(statement, ast.Assign):
        return ast.unparse(statement.targets[0]) == "__all__"
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
