"""Studies: what is measured beside the benchmarks. One file each: plan in, rows out, kept in the store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from harness import registry
from harness.record import SCHEMA_VERSION
from harness.store import Store

Rows = list[dict[str, Any]]


def kept(store: Store, study: str, plan: Mapping[str, Any], run: Callable[[], Rows], *, fresh: bool = False) -> Rows:
    """The rows of a study under this plan: from the store, else (or with `fresh`) from `run`, and stored.

    `plan` is plain JSON and holds everything that decides the rows, specs in their canonical form; with it and the
    sources of harness and built-in plug-ins the rows are found again.
    """
    key = study_key(study, plan)
    known = None if fresh else store.study(key)
    if known is not None:
        return known
    rows = run()
    store.add_study(key, study, plan, rows)
    return rows


def study_key(study: str, plan: Mapping[str, Any]) -> str:
    """Where `kept` keeps the rows of a study under this plan."""
    sources = [registry.harness_sources(), registry.built_in_sources()]
    identity = json.dumps([SCHEMA_VERSION, study, plan, sources], sort_keys=True)
    return hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()
