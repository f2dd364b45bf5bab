"""The protocol's serializers, each built when it is used."""

from typing import Any

from serpyco_rs import Serializer


class LazySerializer:
    """A serializer that is built when it is first used: a command uses three of the CDK's eight."""

    def __init__(self, *given: Any, **settings: Any) -> None:
        self._given = given
        self._settings = settings

    def __class_getitem__(cls, _: Any) -> type["LazySerializer"]:
        """Return the class, whatever it is said to serialize."""
        return cls

    def __getattr__(self, name: str) -> Any:
        """Build the serializer, and take over what it can do."""
        if name.startswith("__"):
            raise AttributeError(name)
        built: Serializer[Any] = Serializer(*self._given, **self._settings)
        self.dump, self.load = built.dump, built.load
        return getattr(built, name)
