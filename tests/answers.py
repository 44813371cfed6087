"""What tests do with answers."""

from __future__ import annotations

from typing import Any

from harness.model import Answer, Refused
from harness.plugin import Session


def answer(interface: Session, sql: str) -> Answer:
    """The answer to a query that must not be refused."""
    found = interface.query(sql)
    assert isinstance(found, Answer), (sql, found)
    return found


def by_key(interface: Session, sql: str) -> dict[Any, Any]:
    """First column -> last column."""
    return {row[0]: row[-1] for row in answer(interface, sql)}


def plain(found: Answer | Refused) -> Any:
    """What can be compared: NaN is equal to NaN, every bit counts."""
    if isinstance(found, Refused):
        return found
    bits = [a.tolist() if a.dtype == object else (str(a.dtype), a.tobytes()) for a in found.data]
    return found.columns, found.kinds, bits, found.notices
