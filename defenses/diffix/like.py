"""The wildcards of a LIKE pattern by normalised positions, so that idle ones change nothing of the others (§6.11)."""

from __future__ import annotations

from itertools import groupby

from harness.sql.query import Like

Wildcard = tuple[int, int, str]  # characters besides %, position, symbol


def text_of(like: Like) -> str | None:
    """The text that a pattern without wildcards stands for, else None."""
    parts = _parts(like)
    return None if any(wild for _, wild in parts) else "".join(character for character, _ in parts)


def wildcards(like: Like) -> tuple[Wildcard, ...]:
    """Each wildcard of the normalised pattern, equal ones once."""
    normalised: list[tuple[str, bool]] = []
    for wild, run in groupby(_parts(like), key=lambda part: part[1]):
        part = list(run)
        if wild:
            underscores = [one for one in part if one[0] == "_"]
            part = [("%", True)] * (len(underscores) < len(part)) + underscores
        normalised += part
    number = sum(one != ("%", True) for one in normalised)
    found, position = [], 0
    for one in normalised:
        if one == ("%", True):
            found.append((number, position, "%"))
            continue
        position += 1
        if one == ("_", True):
            found.append((number, position, "_"))
    return tuple(dict.fromkeys(found))


def _parts(like: Like) -> list[tuple[str, bool]]:
    """The characters of the pattern, and whether each is a wildcard."""
    parts, escaped = [], False
    for character in like.pattern:
        if not escaped and character == like.escape:
            escaped = True
            continue
        parts.append((character, character in "%_" and not escaped))
        escaped = False
    return parts
