"""Modules that are imported when they are used, and modules that are not used at all."""

import importlib
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


class DeferredModules(MetaPathFinder):
    """A finder of modules that run when a name of theirs is first asked for; their submodules can be had before.

    Args:
        names: The modules, each with the one that has those of its names that are no reason to run it.
    """

    def __init__(self, names: Mapping[str, str | None]) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module that is to run later."""
        spec = PathFinder.find_spec(fullname, path, target) if fullname in self._names else None
        if spec is not None and spec.loader is not None:
            spec.loader = DeferredLoader(spec.loader, self._names[fullname])
        return spec


class DeferredLoader(Loader):
    """A loader that makes a module run when a name of it is first asked for."""

    def __init__(self, loader: Loader, beside: str | None) -> None:
        self._loader = loader
        self._beside = beside
        self._lock = threading.RLock()
        self._begun = False

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave it to Python to make the module."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module without names, but for the function that Python asks for names that it lacks."""
        names = vars(module)

        def find_name(name: str) -> Any:
            with self._lock:  # another thread may have begun to run it
                if name in names:
                    return names[name]
                found = sys.modules.get(f"{module.__name__}.{name}")
                if found is None and self._beside is not None and not self._begun:
                    found = getattr(importlib.import_module(self._beside), name, None)
                if found is not None:
                    return found
                if self._begun or (name.startswith("__") and name != "__all__"):
                    raise AttributeError(name)
                self._begun = True
                self._loader.exec_module(module)
                if names.get("__getattr__") is find_name:
                    del names["__getattr__"]
                return getattr(module, name)

        names["__getattr__"] = find_name
        if module.__spec__ is not None:
            # Who reads files of the package asks the loader for them.
            module.__loader__ = module.__spec__.loader = self._loader


class UnusedModules(MetaPathFinder, Loader):
    """A finder of modules that stand for libraries which are not used: whatever is asked of them is a class.

    Such a class can be named, extended and tested for; making an instance of it is an error. None of them stays known:
    whoever imports such a library later gets it.
    """

    def __init__(self, libraries: Iterable[str]) -> None:
        self._libraries = frozenset(libraries)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Find a module of a library that is not used."""
        library = fullname.partition(".")[0]
        return ModuleSpec(fullname, self, is_package=True) if library in self._libraries else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave it to Python to make the module."""

    def exec_module(self, module: ModuleType) -> None:
        """Give a module the function that Python asks for names that it lacks."""
        names = vars(module)

        def make_class(name: str) -> type:
            if name.startswith("__"):
                raise AttributeError(name)
            names[name] = made = type(name, (Unused,), {"__module__": module.__name__})
            return made

        names["__getattr__"] = make_class

    def forget(self) -> None:
        """Let the libraries be imported from now on."""
        for name, module in list(sys.modules.items()):
            if getattr(module, "__loader__", None) is self:
                del sys.modules[name]


class Unused:
    """What has the name of a library's class or function, where the library is not used."""

    def __init__(self, *_: Any, **__: Any) -> None:
        kind = type(self)
        raise NotImplementedError(
            f"{kind.__module__}.{kind.__name__} is left out of this program (cdk_fast_path/light_import.py)."
        )
