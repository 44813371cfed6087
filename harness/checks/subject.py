"""What is checked, and the two ways in which a check ends other than well."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import registry
from harness.plugin import Plugin
from harness.registry import KindName


class Broken(Exception):
    """The plug-in does not do what the check asks for; the reason is one sentence."""


class Inapplicable(Exception):
    """There is nothing to check here, and why."""


@dataclass(frozen=True)
class Subject:
    """A plug-in under examination: its spec as given and canonical, and what that builds."""

    kind: KindName
    given: str
    spec: str
    plugin: Any
    kept: dict[str, Any] = field(default_factory=dict, compare=False)  # what several checks look at

    @property
    def cls(self) -> type[Plugin]:
        return type(self.plugin)

    @property
    def builtin(self) -> bool:
        return self.cls.__module__.split(".")[0] == self.kind

    @property
    def page(self) -> Path:
        """The source file; of a package its folder, which bears the name."""
        path = Path(inspect.getfile(self.cls))
        return path.parent if path.name == "__init__.py" else path

    def built_again(self) -> Any:
        return build(self.kind, self.spec)[0]


Check = Callable[[Any], None]
"""A function whose docstring is the sentence that it checks; it gets a Subject."""


def build(kind: KindName, spec: str) -> tuple[Any, str]:
    """Plug-in and canonical spec. Raises UserError."""
    builder: Callable[[str], tuple[Any, str]] = getattr(registry, kind.removesuffix("s"))
    return builder(spec)


def expect(holds: object, reason: str) -> None:
    """Raise Broken with the reason unless it holds."""
    if not holds:
        raise Broken(reason)
