"""What there is to choose from, and on what it runs."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import inspect
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from harness import __version__, registry
from harness.errors import UserError
from harness.model import Schema
from harness.plugin import Attack, Dataset, Defense, Plugin
from harness.report.properties import sentence, shipped
from harness.report.tables import console
from harness.seeds import generator

_BASES: dict[str, type[Plugin]] = {"attacks": Attack, "defenses": Defense, "datasets": Dataset}
_LIBRARIES = ("duckdb", "sqlglot", "numpy", "pandas", "scipy", "sqlalchemy", "joblib", "matplotlib")


def catalogue(kinds: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """By kind, every registered plug-in: name, description, parameters, what datasets say of themselves, and of
    defenses the measured properties (None where nobody measured these), of attacks by what they ask more and where they
    are at home."""
    found: dict[str, list[dict[str, Any]]] = {}
    for kind in kinds:
        base = _BASES[kind]
        found[kind] = [_entry(name, registry.plugin_class(base, name)) for name in sorted(registry.names(kind))]
    return found


def _entry(name: str, cls: type[Plugin]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": name,
        "doc": inspect.cleandoc(cls.__doc__ or ""),
        "parameters": [_parameter(field) for field in dataclasses.fields(cls)],
    }
    if issubclass(cls, Defense):
        entry["properties"] = shipped().get(registry.defense(name)[1])
    if issubclass(cls, Attack):
        entry |= {"claims": cls.claims, "updates": cls.updates, "needs_accomplices": cls.needs_accomplices}
        entry |= {"effort": list(cls.effort) if cls.effort else None, "home": cls.home}
    if issubclass(cls, Dataset):
        entry |= {"licence": cls.licence, "source": cls.source, **_roles(name, cls)}
    return entry


def _roles(name: str, cls: type[Dataset]) -> dict[str, Any]:
    """What is known of the columns without parameters: nothing where the dataset needs some."""
    try:
        schema = cls().load(generator("catalogue", name)).schema
    except UserError:
        return {"uid": None, "table": None, "columns": {}, "secrets": [], "others": []}
    return {
        **_columns(schema),
        "secrets": list(schema.secrets),
        "others": [_columns(other) for other in schema.others],
    }


def _columns(schema: Schema) -> dict[str, Any]:
    return {
        "table": schema.table,
        "uid": schema.uid or None,
        "columns": {column.name: str(column.kind) for column in schema.columns},
    }


def _parameter(field: dataclasses.Field[Any]) -> dict[str, Any]:
    known = field.metadata
    return {
        "name": field.name,
        "default": list(field.default) if isinstance(field.default, tuple) else field.default,
        "doc": known.get("doc", ""),
        "unit": known.get("unit", ""),
        "low": known.get("low"),
        "high": known.get("high"),
        "choices": list(known.get("choices", ())),
    }


def print_catalogue(found: dict[str, list[dict[str, Any]]]) -> None:
    """Each plug-in with its text and parameters."""
    out = console()
    for kind, entries in found.items():
        out.print(f"\n{kind.upper()}", style="bold")
        for entry in entries:
            out.print(f"\n{entry['name']}", style="bold cyan")
            out.print(_indented(entry["doc"]), markup=False, soft_wrap=True)
            for parameter in entry["parameters"]:
                out.print(f"    {_parameter_line(parameter)}", markup=False)
            if entry.get("effort"):
                knob, values = entry["effort"]
                out.print(f"    asks more by {knob}: {', '.join(map(str, values))}", markup=False)
            if entry.get("properties"):
                out.print(f"    properties: {sentence(entry['properties'])}", markup=False, soft_wrap=True)
            if entry.get("updates"):
                out.print("    needs an owner of the data who deletes users on request", markup=False)
            if entry.get("needs_accomplices"):
                out.print(f"    needs accomplices: {entry['needs_accomplices']} or more", markup=False)
            if entry.get("columns"):
                named = f" of {entry['table']}" if entry["others"] else ""
                out.print(f"    columns{named}: {_listed(entry['columns'])}", markup=False)
                out.print(f"    uid: {entry['uid']}; secrets: {', '.join(entry['secrets'])}", markup=False)
            for other in entry.get("others", ()):
                out.print(f"    columns of {other['table']}: {_listed(other['columns'])}", markup=False)
                out.print(f"    uid: {other['uid'] or 'none, its rows are not of users'}", markup=False)
            if "licence" in entry:
                out.print(f"    licence: {entry['licence']}; source: {entry['source']}", markup=False)


def _listed(columns: dict[str, str]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in columns.items())


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.splitlines())


def _parameter_line(parameter: dict[str, Any]) -> str:
    details = [parameter["unit"]] if parameter["unit"] else []
    if parameter["choices"]:
        details.append("one of " + ", ".join(parameter["choices"]))
    bounds = [
        f"{word} {parameter[end]:g}" for word, end in (("from", "low"), ("to", "high")) if parameter[end] is not None
    ]
    if bounds:
        details.append(" ".join(bounds))
    default = "null" if parameter["default"] is None else str(parameter["default"])
    inside = f" ({'; '.join(details)})" if details else ""
    return f"{parameter['name']}={default}: {parameter['doc']}{inside}"


def doctor() -> dict[str, str]:
    """What SnoopBench runs on. Raises UserError where something that it needs is missing."""
    import sqlglot.parser

    versions = {}
    for library in _LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            raise UserError(f"The package {library} is missing; install SnoopBench again.") from None
    folder = tempfile.gettempdir()
    return {
        "snoopbench": __version__,
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "environment": "a virtual environment" if sys.prefix != sys.base_prefix else "no virtual environment",
        "cores": str(os.cpu_count()),
        "threads": "1 per trial, trials in parallel",
        "temporary space": f"{shutil.disk_usage(folder).free / 2**30:,.0f} GiB free in {folder}",
        "SQL parser": "plain Python (install the extra 'fast')"
        if (sqlglot.parser.__file__ or "").endswith(".py")
        else "compiled",
        **versions,
    }
