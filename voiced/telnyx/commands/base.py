"""What all commands share: where they go, what they are called, and how they become JSON."""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Protocol, runtime_checkable
from urllib.parse import quote

from voiced.telnyx.commands.limits import State, check_fields, require
from voiced.telnyx.ids import CallControlId, CommandId

_NAMESPACE = uuid.UUID("5f3f2c2e-6d0b-4c0e-9d53-1f5f0d7c8a41")


def command_id(scope: str, purpose: str) -> CommandId:
    """Return the id of the command that serves `purpose` within `scope` (a call, a connection)."""
    return CommandId(str(uuid.uuid5(_NAMESPACE, f"{scope}\n{purpose}")))


@runtime_checkable
class Options(Protocol):
    """A group of a command's keys that several commands share."""

    def render(self, action: str) -> dict[str, Any]:
        """Return the keys, as `action` takes them."""
        ...


UNSENT: Mapping[str, Any] = {"sent": False}
"""Metadata of a field that is not in the body."""


def sent_as(key: str) -> Mapping[str, Any]:
    """Return the metadata of a field whose name is not Telnyx's."""
    return {"key": key}


def joined(value: tuple[str, ...]) -> str:
    """Write a list as Telnyx's commas."""
    return ",".join(value)


def sent_by(render: Callable[[Any], Any]) -> Mapping[str, Any]:
    """Return the metadata of a field that `render` turns into JSON."""
    return {"render": render}


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseCommand(ABC):
    """A command; a subclass adds its fields, and `_check` where fields depend on each other."""

    action: ClassVar[str]
    method: ClassVar[str] = "POST"

    purpose: str = field(default="", metadata=UNSENT)
    """What the command is for, once per call; "" stands for the action's name."""
    client_state: State | None = field(default=None, repr=False)
    """Base64; comes back in later webhooks and is replaced by the next command that has one."""

    @property
    @abstractmethod
    def path(self) -> str:
        """Where to send it, below the API's base."""

    @property
    @abstractmethod
    def _scope(self) -> str:
        """Within what the purpose is unique."""

    @property
    def command_id(self) -> CommandId:
        """The same for the same call and purpose."""
        return command_id(self._scope, self.purpose or self.action)

    def __post_init__(self) -> None:
        # A path of dots alone would be folded away and address something else.
        require(bool(self._scope.strip(".")), f"{self.action}: has no id to address")
        check_fields(self, lambda name: name.rstrip("_"))
        self._check()
        self.body()  # options refuse what this action cannot carry

    def _check(self) -> None:  # noqa: B027 - most commands have nothing more to check
        """Refuse fields that do not go together."""

    def body(self) -> dict[str, Any]:
        """Return the JSON object to send; what was not given is not in it."""
        return {"command_id": self.command_id, **self._given()}

    def _given(self) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if value is None or not item.metadata.get("sent", True):
                continue
            if isinstance(value, Options):
                body |= value.render(self.action)
            else:
                key = item.metadata.get("key", item.name.rstrip("_"))
                body[key] = item.metadata.get("render", to_json)(value)
        return body


def to_json(value: Any) -> Any:
    """Write a field's value as Telnyx does: mappings as lists of pairs, tuples as lists."""
    if isinstance(value, Mapping):
        return [{"name": name, "value": text} for name, text in value.items()]
    return list(value) if isinstance(value, tuple) else value


def given_fields(record: Any) -> dict[str, Any]:
    """Return the fields of a dataclass instance that are not None, by name."""
    values = {item.name: getattr(record, item.name) for item in fields(record)}
    return {name: value for name, value in values.items() if value is not None}


def leg_path(call_control_id: CallControlId, action: str) -> str:
    """Return where to send an action on one leg; whatever the id holds, it stays one part."""
    return f"/calls/{quote(call_control_id, safe='')}/actions/{action}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LegCommand(BaseCommand):
    """A command to one leg."""

    call_control_id: CallControlId = field(metadata=UNSENT)

    @property
    def path(self) -> str:
        """Where to send it, below the API's base."""
        return leg_path(self.call_control_id, self.action)

    @property
    def _scope(self) -> str:
        return self.call_control_id
