"""The conformance suite: what a plug-in must be, as one table of small functions. A function's docstring is the
sentence that it checks.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
import traceback
from dataclasses import dataclass
from typing import Literal

from harness import registry, specs
from harness.checks import attack, dataset, defense, page
from harness.checks.subject import Broken, Check, Inapplicable, Subject, build
from harness.errors import PluginError, SnoopBenchError, UnknownPlugin
from harness.registry import KindName

CHECKS: dict[KindName, tuple[Check, ...]] = {
    "attacks": page.CHECKS + attack.CHECKS,
    "defenses": page.CHECKS + defense.CHECKS,
    "datasets": page.CHECKS + dataset.CHECKS,
}
HYBRID = (page.can_be_copied, *defense.CHECKS)


@dataclass(frozen=True)
class Finding:
    """How one check ended; `reason` says why it did not end well."""

    check: str
    status: Literal["ok", "failed", "skipped"]
    reason: str | None = None


def subject_of(spec: str, kind: KindName | None = None) -> Subject:
    """What a spec names. Raises UserError where there is no such plug-in, it cannot be built, or `kind` must say
    which one is meant."""
    parts = specs.parse(spec)
    if len(parts) > 1 and kind not in (None, "defenses"):
        raise UnknownPlugin(f"{spec} names several plug-ins; only defenses can be checked together.")
    if len(parts) > 1:
        plugin, canonical = build("defenses", spec)
        return Subject("defenses", spec, canonical, plugin)
    with contextlib.redirect_stdout(sys.stderr):  # what a page prints is no finding
        kinds = registry.kinds(parts[0].ref)
    if kind is None and len(kinds) > 1:
        found = " and ".join(k.removesuffix("s") for k in kinds)
        raise UnknownPlugin(f"{parts[0].ref} names more than one plug-in ({found}); say which with --kind.")
    if kind is None and not kinds:
        what = "defines no attack, defense or dataset" if parts[0].is_path else "is no attack, defense or dataset"
        raise UnknownPlugin(f"{parts[0].ref} {what}.")
    kind = kind or kinds[0]
    plugin, canonical = build(kind, spec)
    return Subject(kind, spec, canonical, plugin)


def examine(subject: Subject, debug: bool = False) -> list[Finding]:
    """All checks of the subject's kind, in the order of the table; of a hybrid those that are not about a page. With
    `debug` the traceback of each failure goes to standard error."""
    with contextlib.redirect_stdout(sys.stderr):
        checks = HYBRID if isinstance(subject.plugin, registry.Hybrid) else CHECKS[subject.kind]
        return [_finding(check, subject, debug) for check in checks]


def sentence(check: Check) -> str:
    """What a check asks for."""
    return " ".join(inspect.cleandoc(check.__doc__ or "").split())


def _finding(check: Check, subject: Subject, debug: bool) -> Finding:
    try:
        check(subject)
    except Inapplicable as reason:
        return Finding(sentence(check), "skipped", str(reason))
    except Exception as error:
        if debug:
            traceback.print_exc()
        return Finding(sentence(check), "failed", _reason(error))
    return Finding(sentence(check), "ok")


def _reason(error: Exception) -> str:
    """One line. An attack that fails comes with its traceback, whose last line says why."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    if isinstance(error, Broken):
        return " ".join(lines)
    if isinstance(error, PluginError) and lines:
        return lines[-1]
    if isinstance(error, SnoopBenchError) and lines:
        return lines[0]
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
