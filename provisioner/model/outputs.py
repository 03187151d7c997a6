"""What kinds publish and how others refer to it, so that a type checker finds a misspelt output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

KNOWN_AFTER_APPLY = "(known after apply)"

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, order=True)
class Address:
    """The address of a resource in an environment: `kind/name`."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, repr=False)
class Ref(Generic[T_co]):
    """A value that another resource publishes, perhaps only once it is created. Created by `Output.of`."""

    address: Address
    output: str
    secret: bool = False

    def __repr__(self) -> str:
        """As plans show it, also inside a mapping."""
        return KNOWN_AFTER_APPLY


class Output(Generic[T]):
    """One output of a kind, a field of its `Outputs`: `uri: Output[str] = Output()`.

    Its value in such a record is None while it is not known. secret: it is never published; it exists where
    `create` or `rotate` made it, or where a holder reveals it.
    """

    def __init__(self, *, secret: bool = False) -> None:
        self.name, self.secret = "", secret

    def __set_name__(self, _owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Output[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T | None: ...
    def __get__(self, instance: object | None, owner: type) -> Output[T] | T | None:
        return self if instance is None else vars(instance)[self.name]

    def __set__(self, instance: object, value: T | None) -> None:
        vars(instance)[self.name] = None if value is self else value

    def of(self, address: Address) -> Ref[T]:
        """A reference to this output of the resource there."""
        return Ref(address, self.name, secret=self.secret)


@dataclass(frozen=True, kw_only=True)
class Published:
    """What a kind publishes: the base of each kind's `Outputs`, and what a kind without outputs returns."""

    def known(self) -> dict[str, Any]:
        """The values by name, without those that are not known."""
        return {name: value for name, value in vars(self).items() if value is not None}
