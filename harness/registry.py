"""Plug-ins by name, entry point or path, and the canonical text of what was built."""

from __future__ import annotations

import ast
import copy
import dataclasses
import difflib
import hashlib
import importlib
import importlib.util
import inspect
import sys
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar, cast

from harness import specs
from harness.errors import ParameterError, UnknownPlugin, UserError
from harness.model import Delta, Schema, Table
from harness.plugin import (
    Attack,
    Dataset,
    Defense,
    Log,
    Plugin,
    Refining,
    Rows,
)
from harness.sql import Buckets, Query
from harness.stages import answered_by_all, planned_by_all, refined_by_all, updated

KindName = Literal["attacks", "defenses", "datasets"]
P = TypeVar("P", bound=Plugin)

KINDS: tuple[KindName, ...] = ("attacks", "defenses", "datasets")
_BASES: dict[KindName, type[Plugin]] = {"attacks": Attack, "defenses": Defense, "datasets": Dataset}
_KINDS: dict[type[Plugin], KindName] = {base: kind for kind, base in _BASES.items()}


@dataclass(frozen=True, kw_only=True)
class Hybrid(Defense):
    """Several defenses in a row, each working on what the one before lets through."""

    computes = True  # these four where every part does
    reports_noise = True
    shows_rows = True
    joins = True

    parts: tuple[Defense, ...]

    def __post_init__(self) -> None:
        """The parts were checked when they were built. Raises ParameterError for parts that cannot work together."""
        for i, part in enumerate(self.parts):
            if reason := part.clash(self.parts[:i], self.parts[i + 1 :]):
                raise ParameterError(f"{part.label()} cannot stand there: {reason}")

    def protect(self, table: Table, rng: Any) -> Table:
        """A stored version that a part leaves beside the table goes the same way through the parts after it, or these
        would be got round by whatever is answered from it."""
        for part in self.parts:
            second, again = table.stored, copy.deepcopy(rng)
            table = part.protect(table, rng)
            if second is not None and table.stored is second:
                table = replace(table, stored=part.protect(Table(table.schema, second), again).frame)
        return table

    def plan(self, query: Query, log: Log) -> Any:
        return planned_by_all(self.parts, query, log)

    def refine(self, buckets: Buckets) -> Refining:
        return refined_by_all(self.parts, buckets)

    def answer(self, buckets: Buckets, rng: Any) -> Buckets:
        return answered_by_all(self.parts, buckets, rng)

    def update(self, delta: Delta, engine: Any, log: Log, rng: Any) -> Any:
        for part in self.parts:
            said = updated(part, delta, engine, log, rng)
            if not isinstance(said, Delta):
                return said
            delta = said
        return delta

    def explain(self, buckets: Buckets) -> dict[str, Rows]:
        """Of the first part that has something to explain: later parts get other buckets than these."""
        return next((tables for part in self.parts if (tables := part.explain(buckets))), {})

    def skip(self, schema: Schema) -> str | None:
        return next((reason for part in self.parts if (reason := part.skip(schema))), None)


@cache
def names(kind: KindName) -> dict[str, str]:
    """Registered plug-ins of a kind: name -> `module:Class`, built-in ones first, then those of entry points."""
    builtin: dict[str, str] = importlib.import_module(kind).BUILTIN
    found = {name: f"{module}:{name.replace('-', '_')}" for name, module in builtin.items()}
    for point in entry_points(group=f"snoopbench.{kind}"):
        found.setdefault(point.name, point.value)
    return found


def defense(spec: str) -> tuple[Defense, str]:
    """The defense that a spec names and its canonical spec. Raises UserError."""
    built = [_build(Defense, part) for part in specs.parse(spec)]
    parts = tuple(made for made, _ in built)
    text = specs.canonical(tuple(part for _, part in built))
    return (parts[0] if len(parts) == 1 else Hybrid(parts=parts)), text


def attack(spec: str) -> tuple[Attack, str]:
    """The attack that a spec names and its canonical spec. Raises UserError."""
    return _one(Attack, specs.parse_one(spec, "attack"))  # type: ignore[type-abstract]


def attack_named(spec: str) -> tuple[str, str]:
    """The canonical spec of the attack and the sort of its claims. Raises UserError."""
    page, canonical = attack(spec)
    return canonical, page.claims


def dataset(spec: str) -> tuple[Dataset, str]:
    """The dataset that a spec names and its canonical spec; the path of a .csv or .parquet stands for the dataset
    `file` with that path. Raises UserError."""
    part = specs.parse_one(spec, "dataset")
    if part.ref.lower().endswith((".csv", ".parquet")):
        part = specs.Part("file", (("path", part.ref), *part.params))
    return _one(Dataset, part)  # type: ignore[type-abstract]


def short(kind: KindName, spec: str) -> str:
    """A canonical spec without the parameters that have their defaults: for tables. Where the plug-in is not here,
    or is a page that this process has not run (none is run for a table's sake), the spec as it is."""
    parts = []
    for part in specs.parse(spec):
        try:
            if part.is_path and not _is_loaded(Path(part.ref)):
                return spec
            fields = dataclasses.fields(cast(Any, plugin_class(_BASES[kind], part.ref)))
        except UserError:
            return spec
        usual = {entry.name: entry.default for entry in fields}
        parts.append(specs.Part(part.ref, tuple((n, v) for n, v in part.params if usual.get(n, ...) != v)))
    return specs.canonical(tuple(parts))


def effort(spec: str) -> tuple[str, tuple[int, ...]] | None:
    """The parameter by which an attack asks more and the values to try, as its page declares; None where it declares
    none, or is not here (as in `short`)."""
    part = specs.parse_one(spec, "attack")
    try:
        if part.is_path and not _is_loaded(Path(part.ref)):
            return None
        return cast(type[Attack], plugin_class(_BASES["attacks"], part.ref)).effort
    except UserError:
        return None


def plugin_class(base: type[P], ref: str) -> type[P]:
    """The class behind a registry name or a path. Raises UnknownPlugin."""
    kind = _KINDS[base]
    known = names(kind)
    if specs.Part(ref, ()).is_path:
        return _from_file(base, ref)
    if ref not in known:
        near = difflib.get_close_matches(ref, known, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(sorted(known))}."
        raise UnknownPlugin(f"There is no {kind[:-1]} called {ref!r}. {hint}")
    module, _, name = known[ref].partition(":")
    return cast(type[P], getattr(importlib.import_module(module), name))


def kinds(ref: str) -> list[KindName]:
    """The kinds of plug-in that a registry name stands for, or that a page has a class of. Raises UnknownPlugin."""
    if not specs.Part(ref).is_path:
        return [kind for kind in _BASES if ref in names(kind)]
    module = _loaded(ref, "plug-in")
    return [kind for kind, base in _BASES.items() if _own(module, base)]


def sources(plugin: Plugin) -> str:
    """A digest of the source files that make a plug-in: its module, and what that imports from plug-in folders."""
    parts = plugin.parts if isinstance(plugin, Hybrid) else (plugin,)
    files: set[Path] = set()
    for part in parts:
        _follow(Path(inspect.getfile(type(part))), files)
    return _digest(files)


def attack_sources(spec: str) -> str:
    """The same of the attack that a spec names. A page is read for it, not run: it may be one that is not trusted."""
    ref = specs.parse_one(spec, "attack").ref
    if not specs.Part(ref).is_path:
        return sources(attack(spec)[0])
    files: set[Path] = set()
    _follow(Path(ref).resolve(), files)
    return _digest(files)


@cache
def harness_sources() -> str:
    """A digest of all source files of the harness."""
    return _digest(set(Path(__file__).parent.rglob("*.py")))


@cache
def built_in_sources() -> str:
    """A digest of all source files of the plug-ins that come with SnoopBench."""
    house = Path(__file__).parent.parent
    return _digest({file for kind in KINDS for file in (house / kind).rglob("*.py")})


def _one(base: type[P], part: specs.Part) -> tuple[P, str]:
    plugin, built = _build(base, part)
    return plugin, specs.canonical((built,))


def _build(base: type[P], part: specs.Part) -> tuple[P, specs.Part]:
    cls = plugin_class(base, part.ref)
    known = [entry.name for entry in dataclasses.fields(cast(Any, cls))]
    for name, _ in part.params:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            takes = f"it takes {', '.join(known)}" if known else "it takes no parameters"
            hint = f"did you mean {near[0]}?" if near else f"{takes}."
            raise ParameterError(f"{part.ref} has no parameter {name!r}; {hint}")
    plugin = cls(**dict(part.params))
    params = tuple(sorted((name, getattr(plugin, name)) for name in known))
    return plugin, specs.Part(part.ref, params)


def _from_file(base: type[P], ref: str) -> type[P]:
    kind = _KINDS[base][:-1]
    own = _own(_loaded(ref, kind), base)
    if len(own) != 1:
        raise UnknownPlugin(
            f"{ref} must define exactly one {kind} class, a subclass of {base.__name__}; it has {len(own)}."
        )
    return own[0]


def _loaded(ref: str, kind: str) -> ModuleType:
    path = Path(ref)
    if path.suffix != ".py":
        kinds = "a .py page, a .csv or a .parquet" if kind == "dataset" else "a .py page"
        raise UnknownPlugin(f"{ref} is not a Python file; your own {kind} is {kinds} (see README).")
    if not path.is_file():
        raise UnknownPlugin(f"There is no file {ref}.")
    return _module(path.resolve(), _digest({path}))


def _own(module: ModuleType, base: type[P]) -> list[type[P]]:
    """The classes of a kind that a page defines, those that it imports left out."""
    found = vars(module).values()
    return [c for c in found if isinstance(c, type) and issubclass(c, base) and c.__module__ == module.__name__]


@cache
def _module(path: Path, digest: str) -> ModuleType:
    """The page at `path` with the content of that digest: an edited page is another module."""
    name = _module_name(path, digest)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UnknownPlugin(f"{path} cannot be read as a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UnknownPlugin(f"{path.name} cannot be loaded: {type(error).__name__}: {error}") from error
    return module


def _module_name(path: Path, digest: str) -> str:
    return f"snoopbench_page_{hashlib.blake2b(f'{path} {digest}'.encode(), digest_size=8).hexdigest()}"


def _is_loaded(path: Path) -> bool:
    return path.is_file() and _module_name(path.resolve(), _digest({path})) in sys.modules


def _follow(path: Path, files: set[Path]) -> None:
    """Add `path`, and the modules of plug-in folders that it imports, theirs included."""
    if path in files:
        return
    files.add(path)
    house = Path(__file__).parent.parent
    for name in _imported(path.read_bytes()):
        stem = house.joinpath(*name.split("."))
        for candidate in (stem.with_suffix(".py"), stem / "__init__.py"):
            if candidate.is_file():
                _follow(candidate, files)


@lru_cache(maxsize=256)
def _imported(source: bytes) -> tuple[str, ...]:
    """The names under the plug-in folders that a file of this content imports."""
    found: dict[str, None] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= dict.fromkeys([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
        elif isinstance(node, ast.Import):
            found |= dict.fromkeys(alias.name for alias in node.names)
    return tuple(name for name in found if name.split(".")[0] in _BASES)


def _digest(files: set[Path]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(files, key=lambda p: (p.name, str(p))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


__all__ = [
    "Hybrid",
    "attack",
    "attack_sources",
    "dataset",
    "defense",
    "effort",
    "harness_sources",
    "kinds",
    "names",
    "plugin_class",
    "sources",
]
