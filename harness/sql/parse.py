"""Text to syntax tree: one statement, of bounded length and depth, or a refusal."""

from __future__ import annotations

import re

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from harness.errors import QueryRefused

MAX_CHARACTERS = 262_144
MAX_DEPTH = 32

_OPENING = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE}
_CLOSING = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END}
_PREFIX = {TokenType.NOT, TokenType.DASH, TokenType.PLUS, TokenType.TILDE}

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

_dialect = DuckDB()


def parse(text: str) -> exp.Expr:
    """The tree of the single statement in `text`. Raises QueryRefused (rules: empty, too-long, too-deep, syntax,
    several-statements)."""
    if len(text) > MAX_CHARACTERS:
        raise QueryRefused("too-long", f"The query has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read.")
    if _CONTROL.search(text):
        raise QueryRefused("syntax", "The query holds a control character; write it as plain text.")
    try:
        tokens = _dialect.tokenize(text)
        _check_depth([token.token_type for token in tokens])
        trees = [tree for tree in _dialect.parser().parse(tokens, text) if tree is not None]
    except (SqlglotError, ValueError) as error:
        raise QueryRefused("syntax", f"The query is not SQL that can be read{_position(error)}.") from None
    except RecursionError:
        raise QueryRefused("too-deep", "The query is nested too deeply; write it flatter.") from None
    if not trees:
        raise QueryRefused("empty", "The query is empty; write one SELECT statement.")
    if len(trees) > 1:
        raise QueryRefused("several-statements", f"There are {len(trees)} statements; send one SELECT at a time.")
    return trees[0]


def only(node: exp.Expr, *allowed: str) -> None:
    """Refuse `node` when any argument but the allowed ones is set."""
    for name, value in node.args.items():
        if name not in allowed and value not in (None, False, []):
            what = f"{name.rstrip('_')} in {node.key}".replace("_", " ")
            raise QueryRefused("not-supported", f"This part of SQL is not answered: {what}.")


def _check_depth(types: list[TokenType]) -> None:
    depth = run = 0
    for token in types:
        depth += (token in _OPENING) - (token in _CLOSING)
        run = run + 1 if token in _PREFIX else 0
        if depth > MAX_DEPTH or run > MAX_DEPTH:
            raise QueryRefused("too-deep", f"The query is nested more than {MAX_DEPTH} levels deep; write it flatter.")


def _position(error: Exception) -> str:
    details = getattr(error, "errors", None)
    if details and details[0].get("line"):
        return f" (line {details[0]['line']}, column {details[0]['col']})"
    return ""
