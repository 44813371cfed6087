"""Text to syntax tree: one SELECT in few enough words, of bounded length and depth, or a refusal.

The tokens are checked before the parser sees them. Its grammar is far larger than ours, and in the rest of it some
short texts take exponential time (twenty JOINs, DATE (DATE ( …) or overrun the C stack of its compiled form.
"""

from __future__ import annotations

import re
from itertools import pairwise

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.tokenizer_core import Token, TokenType

from harness.errors import QueryRefused

MAX_CHARACTERS = 262_144
MAX_TOKENS = 65_536
MAX_DEPTH = 32
MAX_SUB_QUERIES = 8
MAX_OPERATORS = 64  # each is a level of the tree
MAX_JOINS = 3


def _types(names: str) -> set[TokenType]:
    return {TokenType[name] for name in names.split()}


_TIMES = _types("DATE TIMESTAMP TIMESTAMPNTZ")
_PREFIX = _types("NOT DASH PLUS")
_SIGNS = _types("DASH PLUS STAR SLASH CARET MOD")
_GRAMMAR = (
    _types("SELECT DISTINCT ALL ALIAS FROM WHERE GROUP_BY HAVING ORDER_BY ASC DESC LIMIT OFFSET AND OR FOR")
    | _types("IN BETWEEN LIKE ILIKE ESCAPE IS ISNULL NOTNULL EQ NEQ LT LTE GT GTE")
    | _SIGNS
    | _types("L_PAREN R_PAREN COMMA DOT STAR DCOLON VAR IDENTIFIER STRING NUMBER TRUE FALSE NULL")
    | (_TIMES | _PREFIX)
)
_SUB_QUERY = (TokenType.FROM, TokenType.L_PAREN, TokenType.SELECT)
_KEYWORD_FUNCTIONS = _types("LEFT RIGHT DIV")
_BEFORE_JOIN = _types("INNER CROSS LEFT RIGHT OUTER")
_SIDES = _types("LEFT RIGHT")
_JOINING = _types("JOIN ON USING") | _BEFORE_JOIN
_OTHER_JOINS = {"NATURAL", "FULL", "SEMI", "ANTI", "ASOF", "POSITIONAL", "LATERAL"}  # elsewhere some of them are names
_BEFORE_NOT = _types("WHERE HAVING ON AND OR NOT L_PAREN IS")
_OPERANDS = _types("VAR IDENTIFIER STRING NUMBER R_PAREN TRUE FALSE NULL")
_WITH_FROM = {"EXTRACT", "TRIM", "SUBSTRING"}
_AFTER_NOT = _types("IN BETWEEN LIKE ILIKE NULL")

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

_dialect = DuckDB()
_CAN_BE_NAMES = _dialect.parser_class.ID_VAR_TOKENS
_BARE_FUNCTIONS = set(_dialect.parser_class.NO_PAREN_FUNCTION_PARSERS)


def parse(text: str) -> exp.Expr:
    """The tree of the single statement in `text`. Raises QueryRefused (rules: empty, too-long, too-deep, syntax,
    several-statements, not-a-select, not-supported)."""
    if len(text) > MAX_CHARACTERS:
        raise QueryRefused("too-long", f"The query has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read.")
    if _CONTROL.search(text):
        raise QueryRefused("syntax", "The query holds a control character; write it as plain text.")
    try:
        tokens = _statement(_dialect.tokenize(text))
        if len(tokens) > MAX_TOKENS:
            raise QueryRefused("too-long", f"The query has {len(tokens):,} words; at most {MAX_TOKENS:,} are read.")
        _check_depth([token.token_type for token in tokens])
        _check_words(tokens)
        tree = _dialect.parser().parse(tokens, text)[0]
        assert tree is not None
    except QueryRefused:
        raise
    except RecursionError:
        raise QueryRefused("too-deep", "The query is nested too deeply; write it flatter.") from None
    except Exception as error:  # over odd texts sqlglot stumbles with errors that are not its own
        raise QueryRefused("syntax", f"The query is not SQL that can be read{_position(error)}.") from None
    return tree


def statements(text: str) -> list[str]:
    """The statements of `text` in order, each without its semicolon, those without a word left out; the whole text
    where its words cannot be told apart, as inside quotes that are never closed."""
    try:
        tokens = _dialect.tokenize(text)
    except Exception:  # as in parse
        return [text]
    found, start, words = [], 0, 0
    for token in tokens:
        if token.token_type is not TokenType.SEMICOLON:
            words += 1
            continue
        if words:
            found.append(text[start : token.start])
        start, words = token.end + 1, 0
    return [*found, text[start:]] if words else found


def keywords() -> list[str]:
    """The keywords that can stand in a query, in capitals and sorted."""
    known = _dialect.tokenizer_class.KEYWORDS.items()
    return sorted(word for word, kind in known if kind in _GRAMMAR | _JOINING and word.replace(" ", "").isalpha())


def only(node: exp.Expr, *allowed: str) -> None:
    """Refuse `node` when any argument but the allowed ones is set."""
    for name, value in node.args.items():
        if name not in allowed and value not in (None, False, []):
            raise _not_supported(f"{name.rstrip('_')} in {node.key}".replace("_", " "))


def bare(node: exp.Expr) -> exp.Expr:
    """The node without the parentheses around it."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def _statement(tokens: list[Token]) -> list[Token]:
    """The tokens of the one statement, without semicolons."""
    found: list[list[Token]] = [[]]
    for token in tokens:
        if token.token_type is TokenType.SEMICOLON:
            found.append([])
        else:
            found[-1].append(token)
    if not (found := [statement for statement in found if statement]):
        raise QueryRefused("empty", "The query is empty; write one SELECT statement.")
    if len(found) > 1:
        raise QueryRefused("several-statements", f"There are {len(found)} statements; send one SELECT at a time.")
    if found[0][0].token_type is not TokenType.SELECT:
        raise QueryRefused("not-a-select", "Only one plain SELECT statement is answered.")
    return found[0]


def _check_depth(types: list[TokenType]) -> None:
    """Parentheses nest, and so do the NOTs and signs in a row."""
    levels, run = [0], 0
    for kind in types:
        run = run + 1 if kind in _PREFIX else run
        if kind is TokenType.L_PAREN:
            levels.append(levels[-1] + run + 1)
        elif kind is TokenType.R_PAREN and len(levels) > 1:
            levels.pop()
        run = run if kind in _PREFIX else 0
        if levels[-1] + run > MAX_DEPTH:
            raise QueryRefused("too-deep", f"The query is nested more than {MAX_DEPTH} levels deep; write it flatter.")


def _check_words(tokens: list[Token]) -> None:
    """Refuse what is not of the grammar. A keyword that other SQL gives a meaning and ours does not is a name."""
    _name_functions(tokens)
    joins = _check_joins(tokens)
    kinds = [TokenType.SEMICOLON, *(token.token_type for token in tokens), TokenType.SEMICOLON]
    for at, (before, kind, after, token) in enumerate(zip(kinds, kinds[1:], kinds[2:], tokens, strict=False)):
        if at in joins:
            continue
        if kind is TokenType.NOT:
            # elsewhere it binds loosely: `a = NOT b = NOT c = …` nests without a parenthesis
            if before not in _BEFORE_NOT and after not in _AFTER_NOT:
                raise _not_supported("NOT inside an expression")
        elif kind in _TIMES and after is not TokenType.L_PAREN:
            if after is not TokenType.STRING and before not in (TokenType.DCOLON, TokenType.ALIAS):
                token.token_type = TokenType.VAR
        elif kind in _TIMES or kind not in _GRAMMAR:
            if kind not in _CAN_BE_NAMES or after is TokenType.L_PAREN:
                raise _not_supported(_word(token))
            token.token_type = TokenType.VAR
        if token.token_type is TokenType.VAR and token.text.upper() in _BARE_FUNCTIONS:
            raise _not_supported(token.text.lower())
    casts = kinds.count(TokenType.DCOLON)  # what stands before one can be a type, too: x::text::date
    operators = casts + sum(kind in _SIGNS and before in _OPERANDS for before, kind in pairwise(kinds))
    if operators > MAX_OPERATORS:
        raise QueryRefused("too-many-operators", f"A query can have at most {MAX_OPERATORS} operators and casts.")
    inner = sum(trio == _SUB_QUERY for trio in zip(kinds, kinds[1:], kinds[2:], strict=False))
    if kinds.count(TokenType.SELECT) > 1 + inner or inner > MAX_SUB_QUERIES:
        raise QueryRefused(
            "sub-query", f"A query stands inside another one as FROM (SELECT …), at most {MAX_SUB_QUERIES} deep."
        )
    if kinds.count(TokenType.FROM) - _inner_froms(tokens) > 1 + inner:
        raise _not_supported("a second FROM")


def _name_functions(tokens: list[Token]) -> None:
    """LEFT, RIGHT and DIV are keywords elsewhere in SQL; before a parenthesis they are functions here."""
    for token, after in pairwise(tokens):
        if token.token_type in _KEYWORD_FUNCTIONS and after.token_type is TokenType.L_PAREN:
            token.token_type = TokenType.VAR


def _check_joins(tokens: list[Token]) -> set[int]:
    """The positions of the words of joins: JOIN, what stands before it, ON and USING. Refused is what makes the parser
    try again and again, and what it would read as the alias of a table."""
    kinds = [token.token_type for token in tokens]
    joins = [at for at, kind in enumerate(kinds) if kind is TokenType.JOIN]
    if len(joins) > MAX_JOINS:
        raise QueryRefused("join", f"A query joins at most {MAX_JOINS + 1} tables.")
    found = {at for at, kind in enumerate(kinds) if kind in (TokenType.ON, TokenType.USING)} if joins else set()
    if len(found) + sum(kinds[at - 1] is TokenType.CROSS for at in joins) != len(joins):
        raise QueryRefused("join", "JOIN has an ON or a USING, CROSS JOIN has none.")
    for at in joins:
        outer = kinds[at - 1] is TokenType.OUTER
        if tokens[at - 1 - outer].text.upper() in _OTHER_JOINS or (outer and kinds[at - 2] not in _SIDES):
            raise QueryRefused("join", "Tables are joined by [INNER] JOIN, LEFT JOIN, RIGHT JOIN and CROSS JOIN.")
        if kinds[at + 1 : at + 2] == [TokenType.L_PAREN]:
            raise QueryRefused("join", "Beside JOIN stands a table, without parentheses and no query.")
        found |= {at, *([at - 1] if kinds[at - 1] in _BEFORE_JOIN else []), *([at - 2] if outer else [])}
    return found


def _inner_froms(tokens: list[Token]) -> int:
    """How many FROM belong to extract(… from …), trim(… from …) or substring(… from …), not inside another bracket."""
    stack: list[bool] = []
    found, before = 0, ""
    for token in tokens:
        if token.token_type is TokenType.L_PAREN:
            stack.append(before in _WITH_FROM)
        elif token.token_type is TokenType.R_PAREN and stack:
            stack.pop()
        elif token.token_type is TokenType.FROM and stack and stack[-1]:
            found, stack[-1] = found + 1, False
        before = token.text.upper()
    return found


def _word(token: Token) -> str:
    """The keyword or operator that the token is."""
    text = token.text
    return text if len(text) <= 3 and not text.isalnum() else token.token_type.name.lower().replace("_", " ")


def _not_supported(what: str) -> QueryRefused:
    return QueryRefused("not-supported", f"This part of SQL is not answered: {what}.")


def _position(error: Exception) -> str:
    details = getattr(error, "errors", None)
    if details and details[0].get("line"):
        return f" (line {details[0]['line']}, column {details[0]['col']})"
    return ""
