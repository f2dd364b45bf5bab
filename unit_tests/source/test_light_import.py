"""The light import leaves out what no sync uses, and changes nothing that one does."""

import importlib
import inspect
import subprocess
import sys
import textwrap
import threading

import pytest
from airbyte_cdk.models import ConnectorSpecificationSerializer
from airbyte_cdk.sources.declarative.concurrent_declarative_source import (
    ConcurrentDeclarativeSource,
    get_declarative_component_schema,
)

from source_squadstack.cdk_fast_path.deferred_modules import DeferredModules, UnusedModules
from source_squadstack.cdk_fast_path.light_import import DEFERRED, found_by
from source_squadstack.cdk_fast_path.replaced_names import replaced
from source_squadstack.cdk_fast_path.unvalidated_manifest import without_validation
from source_squadstack.manifest import load_manifest
from source_squadstack.source import SourceSquadstack


def run_in_a_new_interpreter(code: str) -> None:
    """Run code, with `light_import` at hand."""
    head = "import sys\nfrom source_squadstack.cdk_fast_path.light_import import light_import\n"
    done = subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_command_imports_no_library_that_it_does_not_use():
    run_in_a_new_interpreter(
        """
        with light_import():
            from source_squadstack.cli import run
        unused = ("boto3", "cryptography", "jwt", "requests_cache", "pydantic_core", "charset_normalizer.api")
        found = [name for name in unused if name in sys.modules]
        assert not found, found
        """
    )


def test_what_was_left_out_can_be_imported_afterwards():
    run_in_a_new_interpreter(
        """
        with light_import():
            from source_squadstack.cli import run
        import airbyte_cdk, asyncio, charset_normalizer, cryptography, jwt, pydantic, requests_cache
        assert airbyte_cdk.AirbyteEntrypoint.__name__ == "AirbyteEntrypoint"
        assert charset_normalizer.detect("नमस्ते".encode())["encoding"] == "utf-8"
        assert asyncio.run(asyncio.sleep(0, "slept")) == "slept"
        assert issubclass(pydantic.BaseModel, object)
        assert jwt.decode(jwt.encode({"a": 1}, "k" * 32), "k" * 32, ["HS256"]) == {"a": 1}
        assert requests_cache.CachedSession.__module__ == "requests_cache.session"
        """
    )


def test_the_manifests_models_are_those_of_the_plain_import():
    run_in_a_new_interpreter(
        """
        import importlib
        from pydantic.v1 import BaseModel
        name = "airbyte_cdk.sources.declarative.models.declarative_component_schema"

        def described(field):
            parts = [described(part) for part in field.sub_fields or []]
            checks = [check.__qualname__ for check in field.validators or []]
            return (field.name, field.alias, field.required, field.allow_none, repr(field.default), field.shape,
                    field._type_display(), checks, parts)

        def models():
            kinds = [kind for kind in vars(sys.modules[name]).values() if isinstance(kind, type)]
            return {kind.__name__: kind for kind in kinds if issubclass(kind, BaseModel) and kind.__module__ == name}

        with light_import():
            from source_squadstack.cli import run
        deferred = models()
        for model in deferred.values():
            model.update_forward_refs()
        del sys.modules[name]
        importlib.import_module(name)
        plain = models()
        assert len(plain) > 100
        for kind, model in plain.items():
            fields = [described(field) for field in model.__fields__.values()]
            assert [described(field) for field in deferred[kind].__fields__.values()] == fields, kind
        assert deferred.keys() == plain.keys()
        """
    )


def test_a_second_light_import_changes_nothing():
    run_in_a_new_interpreter(
        """
        with light_import():
            from source_squadstack.cli import run
        import pydantic.v1.main
        before = pydantic.v1.main.validate_model
        with light_import():
            assert sys.meta_path[0].__class__.__name__ not in ("DeferredModules", "UnusedModules")
        assert pydantic.v1.main.validate_model is before
        """
    )


@pytest.mark.parametrize(
    ("module", "name", "parameters"),
    [
        ("attributes_doc", "get_attributes_doc", ("cls",)),
        ("pydantic.v1.class_validators", "make_generic_validator", ("validator",)),
        ("pydantic.v1.main", "generate_model_signature", ("init", "fields", "config")),
        ("pydantic.v1.main", "resolve_annotations", ("raw_annotations", "module_name")),
        (
            "pydantic.v1.main",
            "update_model_forward_refs",
            ("model", "fields", "json_encoders", "localns", "exc_to_suppress"),
        ),
        (
            "pydantic.v1.schema",
            "get_annotation_from_field_info",
            ("annotation", "field_info", "field_name", "validate_assignment"),
        ),
        (
            "airbyte_cdk.sources.declarative.concurrent_declarative_source",
            "get_declarative_component_schema",
            (),
        ),
    ],
)
def test_the_libraries_have_the_functions_that_the_light_import_replaces(module, name, parameters):
    assert tuple(inspect.signature(getattr(importlib.import_module(module), name)).parameters) == parameters


@pytest.mark.parametrize("name", [name for names in DEFERRED.items() for name in names if name])
def test_what_is_deferred_can_be_imported(name):
    assert importlib.import_module(name)


# --- modules that run later -----------------------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that notes in a list each time that it runs, with a submodule."""
    folder = tmp_path / "package_to_defer"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "import builtins\nbuiltins.runs_of_the_package.append(1)\nfrom .part import part\n__version__ = '2'\n"
    )
    (folder / "part.py").write_text("part = 'a part'\n")
    (folder / "version.py").write_text("__version__ = '1'\n")
    monkeypatch.syspath_prepend(tmp_path)
    runs = []
    monkeypatch.setattr("builtins.runs_of_the_package", runs, raising=False)
    with found_by(DeferredModules({folder.name: f"{folder.name}.version"})):
        imported = importlib.import_module(folder.name)
    yield imported, runs
    for name in [name for name in sys.modules if name.startswith(folder.name)]:
        del sys.modules[name]


def test_a_deferred_package_does_not_run_for_its_submodules_and_for_names_of_the_module_beside_it(package):
    imported, runs = package
    assert importlib.import_module("package_to_defer.version").__version__ == imported.__version__ == "1"
    assert runs == []


def test_a_deferred_package_runs_once_for_the_first_of_its_other_names(package):
    imported, runs = package
    assert (imported.part, imported.__version__) == ("a part", "2")
    with pytest.raises(AttributeError):
        _ = imported.nothing
    assert runs == [1]


def test_a_deferred_package_runs_once_for_several_threads(package):
    imported, runs = package
    found = []
    threads = [threading.Thread(target=lambda: found.append(imported.part)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found, runs) == (["a part"] * 4, [1])


def test_a_class_of_an_unused_library_can_be_extended_and_not_used():
    unused = UnusedModules(["library_that_is_not_there"])
    with found_by(unused):
        library = importlib.import_module("library_that_is_not_there.part")
    unused.forget()
    assert "library_that_is_not_there" not in sys.modules
    assert not isinstance(1, library.Kind)
    extended = type("Extended", (library.Kind,), {})
    with pytest.raises(NotImplementedError, match=r"Extended is left out of this program"):
        extended(1, two=3)


def test_a_replaced_name_has_its_value_again_afterwards_or_none(package):
    version = importlib.import_module("package_to_defer.version")
    with replaced(version.__name__, "__version__", "other"), replaced(version.__name__, "compile", 1):
        assert (version.__version__, version.compile) == ("other", 1)
    assert (version.__version__, hasattr(version, "compile")) == ("1", False)


# --- the manifest ---------------------------------------------------------------------------------------------------


def test_the_manifest_is_valid_by_the_cdks_schema_which_a_sync_does_not_read():
    before = ConcurrentDeclarativeSource(source_config=load_manifest())
    assert before.resolved_manifest["version"] == load_manifest()["version"]
    with without_validation():
        assert importlib.import_module(ConcurrentDeclarativeSource.__module__).get_declarative_component_schema() == {}
    assert importlib.import_module(ConcurrentDeclarativeSource.__module__).get_declarative_component_schema is (
        get_declarative_component_schema
    )


def test_the_specification_is_what_the_cdk_makes_of_the_manifests():
    cdks = ConcurrentDeclarativeSource(source_config=load_manifest())
    ours = SourceSquadstack()
    assert ConnectorSpecificationSerializer.dump(ours.spec(ours.logger)) == ConnectorSpecificationSerializer.dump(
        cdks.spec(cdks.logger)
    )


def test_the_manifest_of_a_sync_is_the_cdks_but_for_the_specification():
    cdks = dict(ConcurrentDeclarativeSource(source_config=load_manifest()).resolved_manifest)
    ours = dict(SourceSquadstack().resolved_manifest)
    assert {**ours["spec"], "connection_specification": cdks["spec"]["connection_specification"]} == cdks["spec"]
    del ours["spec"], cdks["spec"]
    assert ours == cdks
