"""The models of the manifest's components, each prepared when a component of its kind is first read."""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, ForwardRef

from source_squadstack.cdk_fast_path.replaced_names import replaced

MODELS = "airbyte_cdk.sources.declarative.models.declarative_component_schema"


@contextmanager
def deferred_models() -> Iterator[None]:
    """Let the CDK's models be defined, and leave it to the first use of each to look at the types of its fields.

    A manifest has components of some thirty kinds; the CDK has 150.
    """
    main = importlib.import_module("pydantic.v1.main")
    resolve, update, validate = main.resolve_annotations, main.update_model_forward_refs, main.validate_model
    constrain_type = importlib.import_module("pydantic.v1.schema").get_annotation_from_field_info
    prepared: set[type] = set()

    def keep_annotations(annotations: Mapping[str, Any], module: str | None) -> Any:
        """Leave annotations as texts, as pydantic does with those of classes that are yet to come."""
        if module != MODELS:
            return resolve(annotations, module)
        return {name: ForwardRef(text, is_argument=False, is_class=True) for name, text in annotations.items()}

    def constrain(annotation: Any, field_info: Any, name: str, *given: Any) -> Any:
        """Look at the type of a field that has bounds: they become a part of it."""
        if isinstance(annotation, ForwardRef) and field_info.get_constraints():
            annotation = resolve({name: annotation.__forward_arg__}, MODELS)[name]
        return constrain_type(annotation, field_info, name, *given)

    def leave_for_later(model: type, *given: Any) -> None:
        """Look at a model's types, unless that is left for later."""
        if model.__module__ != MODELS:
            update(model, *given)

    def prepare_and_validate(model: Any, *given: Any) -> Any:
        """Prepare a model if it is the first time that one is made, and make it."""
        if model not in prepared and model.__module__ == MODELS:
            model.update_forward_refs()
            prepared.add(model)
        return validate(model, *given)

    vars(main)["validate_model"] = prepare_and_validate
    with ExitStack() as stack:
        stack.enter_context(replaced("pydantic.v1.main", "resolve_annotations", keep_annotations))
        stack.enter_context(replaced("pydantic.v1.schema", "get_annotation_from_field_info", constrain))
        stack.enter_context(replaced("pydantic.v1.main", "update_model_forward_refs", leave_for_later))
        yield
