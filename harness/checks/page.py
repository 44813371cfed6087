"""The form of a page, and its parameters: what every kind of plug-in has to be."""

from __future__ import annotations

import dataclasses
import inspect
import pickle

from harness import specs
from harness.checks.subject import Check, Subject, build, expect
from harness.errors import ParameterError

LINES = 130  # two screens


def _fields(subject: Subject) -> tuple[dataclasses.Field[object], ...]:
    return dataclasses.fields(subject.plugin)


def is_frozen(subject: Subject) -> None:
    """The class is a frozen dataclass with keyword-only parameters."""
    cls = subject.cls
    expect("__dataclass_fields__" in vars(cls), f"{cls.__name__} is not decorated with @dataclass.")
    parameters = cls.__dataclass_params__  # type: ignore[attr-defined]
    expect(parameters.frozen, f"{cls.__name__} is not frozen.")
    for field in _fields(subject):
        expect(field.kw_only, f"The parameter {field.name} is not keyword-only.")


def is_named_after_its_file(subject: Subject) -> None:
    """The class has the name of its file."""
    name = subject.page.stem.replace("-", "_")
    expect(subject.cls.__name__ == name, f"The class is called {subject.cls.__name__}, its file {subject.page.name}.")


def is_documented(subject: Subject) -> None:
    """The docstring opens with a sentence; a built-in page names its source and fits on two screens."""
    doc = subject.cls.__dict__.get("__doc__") or ""
    expect(doc and not doc.startswith(f"{subject.cls.__name__}("), "The class has no docstring of its own.")
    first = inspect.cleandoc(doc).split("\n\n")[0].strip()
    expect(first.endswith((".", ":", "?", "!")), f"The docstring opens with {first!r}, which is no sentence.")
    if subject.builtin:
        expect("Source:" in doc, "The docstring has no line that starts with Source:.")
        lines = inspect.getsource(inspect.getmodule(subject.cls) or subject.cls).count("\n")
        expect(lines <= LINES, f"The page has {lines} lines; what is longer than {LINES} moves to a helper beside it.")


def parameters_are_documented(subject: Subject) -> None:
    """Every parameter says what it does."""
    for field in _fields(subject):
        expect(field.metadata.get("doc"), f"The parameter {field.name} is not made by param() with a text.")


def builds_from_its_canonical_spec(subject: Subject) -> None:
    """The canonical spec holds all parameters, and building from it gives the same."""
    expect(specs.canonical(specs.parse(subject.spec)) == subject.spec, f"{subject.spec} does not parse back.")
    again, spec = build(subject.kind, subject.spec)
    expect((again, spec) == (subject.plugin, subject.spec), f"{subject.spec} builds {spec}.")
    for field in _fields(subject):
        expect(f"{field.name}=" in subject.spec, f"{subject.spec} does not name {field.name}.")


def refuses_wrong_parameters(subject: Subject) -> None:
    """A value that a parameter cannot have is refused with a sentence that names the parameter."""
    for field in _fields(subject):
        low, high = (field.metadata.get(end) for end in ("low", "high"))
        wrong: list[object] = [{"no": "such"}]
        wrong += [low - 1] if low is not None else []
        wrong += [high + 1] if high is not None else []
        for value in wrong:
            try:
                subject.cls(**{field.name: value})
            except ParameterError as error:
                expect(field.name in str(error), f"The refusal of {field.name}={value!r} does not name it: {error}")
            else:
                expect(False, f"{field.name}={value!r} is accepted.")


def can_be_copied(subject: Subject) -> None:
    """It survives pickling, so that it can be sent to a worker."""
    expect(pickle.loads(pickle.dumps(subject.plugin)) == subject.plugin, "The copy differs from the original.")


CHECKS: tuple[Check, ...] = (
    is_frozen,
    is_named_after_its_file,
    is_documented,
    parameters_are_documented,
    builds_from_its_canonical_spec,
    refuses_wrong_parameters,
    can_be_copied,
)
