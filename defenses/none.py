"""No defense: exact answers."""

from dataclasses import dataclass

from harness.plugin import Defense


@dataclass(frozen=True, kw_only=True)
class none(Defense):
    """No defense: exact answers to every query that the interface takes.

    What an attack cannot do here, it cannot do at all; every other defense is replayed against this one.

    Source: none needed.
    """
