"""The smallest pieces of an SQL tree."""

from __future__ import annotations

from sqlglot import exp


def quoted(name: str) -> exp.Expr:
    return exp.column(name, quoted=True)


def call(name: str, *args: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(args))


def named(node: exp.Expr, name: str) -> exp.Expr:
    return exp.alias_(node, name, quoted=True, copy=False)
