"""The text that names a defense, an attack or a dataset together with its parameters.

    spec  = part {'+' part}
    part  = ref [':' name '=' value {',' name '=' value}]
    ref   = registry name | path | "quoted"     a path contains '/' or ends in .py, .csv or .parquet
    value = true | false | null | number | word | "quoted" | '[' [value {',' value}] ']'

- Separators inside quotes or brackets do not count.
- A '+' separates only before a letter, '.', '/' or '"', so 1e+5 stays a number.
- Parameters start at the first ':' that is followed by `name=`, so C:/x.csv is a path.
- A registry name is a letter, then letters, digits, '-' and '_'; a parameter name is an ASCII identifier.
- A word holds no white space, quote, bracket or ',', and outside a list no '='; nan, inf and 1_000 are words.
- Control characters need quotes, and so does a '+' or ':' that ends a path or a word outside a list.
- Quoted text knows the escapes \\" \\\\ \\n \\r \\t and \\uXXXX.
- White space around tokens is ignored, within a path it counts. Lists nest up to 20 deep.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from harness.errors import SpecError

Value: TypeAlias = bool | int | float | str | tuple["Value", ...] | None

_CONSTANTS: dict[str, Value] = {"true": True, "false": False, "null": None}
_ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "r": "\r", "t": "\t"}
_ESCAPE_OF = {char: f"\\{letter}" for letter, char in _ESCAPES.items()}
_DEEPEST_LIST = 20

# Lone surrogates (undecodable bytes of a command line) cannot be hashed as UTF-8, the others break lines.
_UNSAFE = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
_ASSIGN = r"([A-Za-z_][A-Za-z0-9_]*)\s*="
_START = r"(?:[^\W\d_]|[./\"])"
_INNER_PLUS = rf"\+(?!\s*{_START})"

_PLUS = re.compile(rf"\+(?=\s*{_START})")
_COLON = re.compile(rf":(?=\s*{_ASSIGN})")
_NAME = re.compile(r"[^\W\d_][\w-]*")
_BRACKETS = rf'\[[^"\[\]{_UNSAFE}]*\]'
_REF = re.compile(rf'(?:[^"\[\]+:{_UNSAFE}]|{_BRACKETS}|{_INNER_PLUS}|:(?!\s*{_ASSIGN}))+(?<![+:\s])')
_WORD = re.compile(rf'(?:[^\s"\[\],=+{_UNSAFE}]|{_INNER_PLUS})+(?<![+:])')
_LIST_WORD = re.compile(rf'[^\s"\[\],{_UNSAFE}]+')
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class Part:
    """One plug-in with its parameters, sorted by name.

    Where 1, 1.0 and true must differ, compare the `canonical` text: to Python they are equal.
    Raises SpecError for an empty ref and for parameter names that repeat or are no ASCII identifiers.
    """

    ref: str
    params: tuple[tuple[str, Value], ...] = ()

    def __post_init__(self) -> None:
        names = [name for name, _ in self.params]
        if not self.ref:
            raise SpecError("A part of a spec has an empty ref; give the name or the path of a plug-in.")
        for name in names:
            if not (name.isascii() and name.isidentifier()) or names.count(name) > 1:
                raise SpecError(f"The parameter {name!r} is repeated or no identifier; give it another name.")
        object.__setattr__(self, "params", tuple(sorted(self.params, key=lambda param: param[0])))

    @property
    def is_path(self) -> bool:
        """Whether `ref` names a file and not an entry of the registry."""
        return "/" in self.ref or self.ref.endswith((".py", ".csv", ".parquet"))


def parse(text: str) -> tuple[Part, ...]:
    """The parts of a spec in their order, at least one; the grammar stands at the top of this file.

    Raises SpecError, one sentence with the spec and the place, for what the grammar does not allow: a missing
    name, parameter or value, a repeated parameter, an open quote or bracket, an unknown escape, too large a
    number.
    """
    scanner = _Scanner(text)
    parts = [scanner.part()]
    while scanner.match(_PLUS):
        parts.append(scanner.part())
    return tuple(parts)


def parse_one(text: str, what: str) -> Part:
    """The only part of a spec of a kind that cannot be combined; `what` is that kind, "attack" or "dataset".

    Raises SpecError as `parse` does, and for a second part.
    """
    scanner = _Scanner(text)
    part = scanner.part()
    if _PLUS.match(text, scanner.at):
        scanner.fail("adds a second part", f"name one {what} only, in double quotes if it holds a '+'")
    return part


def canonical(parts: Iterable[Part]) -> str:
    """The one text of these parts, a single line: parameters sorted, quotes only where a spec needs them.

    The text of a part does not depend on its neighbours, so canonical texts may be joined with '+'.
    Raises SpecError for no parts and for values outside the grammar (nan, infinite numbers, other types).
    """
    texts = [_part_text(part) for part in parts]
    if not texts:
        raise SpecError("A spec needs at least one part; give the name or the path of a plug-in.")
    return "+".join(texts)


class _Scanner:
    """A place in the text; each method reads one thing there and moves on to the next token."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = len(text) - len(text.lstrip())

    def fail(self, problem: str, advice: str, at: int | None = None) -> NoReturn:
        place = self.at if at is None else at
        raise SpecError(f"The spec {self.text!r} {problem} at character {place + 1}; {advice}.")

    def match(self, token: re.Pattern[str] | str) -> re.Match[str] | None:
        found = re.compile(token).match(self.text, self.at)
        if found:
            self.at = found.end()
            while self.text[self.at : self.at + 1].isspace():
                self.at += 1
        return found

    def part(self) -> Part:
        ref = self.ref()
        params: dict[str, Value] = {}
        if self.match(_COLON):
            self.parameter(params)
            while self.match(","):
                self.parameter(params)
        if self.at < len(self.text) and not _PLUS.match(self.text, self.at):
            advice = "join parts as a+b, write parameters as a:x=1,y=2 and put other text in double quotes"
            self.fail(f"has an unexpected {self.text[self.at]!r}", advice)
        return Part(ref, tuple(params.items()))

    def ref(self) -> str:
        start = self.at
        advice = "give the name or the path of a plug-in, in double quotes if it is an odd one"
        if self.text.startswith('"', start):
            return self.quoted() or self.fail("has an empty name", advice, start)
        found = self.match(_REF)
        if not found:
            self.fail("lacks a name or path", advice)
        if not (_NAME.fullmatch(found[0]) or Part(found[0]).is_path):
            advice = "parameters are written name=value, a path has a '/' or ends in .py, .csv or .parquet, "
            advice += "and an odd name stands in double quotes"
            self.fail(f"has {found[0]!r}, which is neither a name nor a path,", advice, start)
        return found[0]

    def parameter(self, params: dict[str, Value]) -> None:
        start = self.at
        found = self.match(_ASSIGN)
        if not found:
            self.fail("lacks a parameter", "write name=value behind the ',' or leave the ',' out")
        if found[1] in params:
            self.fail(f"repeats the parameter {found[1]!r}", "give it once", start)
        params[found[1]] = self.value()

    def value(self, depth: int = 0) -> Value:
        start = self.at
        if self.text.startswith('"', start):
            return self.quoted()
        if self.text.startswith("[", start):
            return self.items(depth + 1)
        found = self.match(_LIST_WORD if depth else _WORD)
        if not found:
            self.fail("lacks a value", 'write one, "" for empty text, double quotes around odd characters')
        if found[0] in _CONSTANTS:
            return _CONSTANTS[found[0]]
        return self.number(found[0], start) if _NUMBER.fullmatch(found[0]) else found[0]

    def items(self, depth: int) -> tuple[Value, ...]:
        start = self.at
        if depth > _DEEPEST_LIST:
            self.fail(f"nests lists more than {_DEEPEST_LIST} deep", "flatten them")
        values: list[Value] = []
        self.match(r"\[")
        while not self.match(r"\]"):
            if self.at == len(self.text) or (values and not self.match(",")):
                self.fail("has an unclosed '['", "put ',' between its values and ']' behind them", start)
            values.append(self.value(depth))
        return tuple(values)

    def number(self, word: str, start: int) -> int | float:
        try:
            number = int(word) if _INTEGER.fullmatch(word) else float(word)
        except ValueError:  # Python reads no integer of more than some thousand digits
            number = float("inf")
        if not _is_finite(number):
            self.fail("has too large a number", "write a smaller one, or text in double quotes", start)
        return number

    def quoted(self) -> str:
        start = self.at
        found = self.match(_QUOTED)
        if not found:
            self.fail("has an unclosed '\"'", "end the text with '\"' and write \\\" for a quote within it")

        def unescape(escape: re.Match[str]) -> str:
            code = escape[1]
            if len(code) == 1 and code not in _ESCAPES:
                advice = 'write \\\\ for a backslash, the other escapes are \\" \\n \\r \\t and \\uXXXX'
                self.fail(f"has an unknown escape {escape[0]!r}", advice, start + 1 + escape.start())
            return _ESCAPES[code] if len(code) == 1 else chr(int(code[1:], 16))

        return _ESCAPE.sub(unescape, found[1])


def _is_finite(number: int | float) -> bool:
    return abs(number) <= sys.float_info.max


def _part_text(part: Part) -> str:
    is_bare = part.is_path and _REF.fullmatch(part.ref) and re.match(_START, part.ref)
    ref = part.ref if is_bare or _NAME.fullmatch(part.ref) else _quote(part.ref)
    params = ",".join(f"{name}={_value_text(value)}" for name, value in part.params)
    return f"{ref}:{params}" if params else ref


def _value_text(value: Value, depth: int = 0) -> str:
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case int() if _is_finite(value):
            return int.__repr__(value)
        case float() if _is_finite(value):
            return float.__repr__(value)  # NumPy's float is one too and writes itself as np.float64(…)
        case str():
            is_word = (_LIST_WORD if depth else _WORD).fullmatch(value)
            reads_otherwise = value in _CONSTANTS or _NUMBER.fullmatch(value)
            return value if is_word and not reads_otherwise else _quote(value)
        case tuple() if depth < _DEEPEST_LIST:
            return f"[{','.join(_value_text(item, depth + 1) for item in value)}]"
    allowed = f"text, finite numbers, true, false, null and lists of these, {_DEEPEST_LIST} deep at most"
    raise SpecError(f"A spec cannot hold this value of type {type(value).__name__!r}; it holds {allowed}.")


def _quote(text: str) -> str:
    def escape(odd: re.Match[str]) -> str:
        return _ESCAPE_OF.get(odd[0], f"\\u{ord(odd[0]):04x}")

    return '"' + re.sub(rf'["\\{_UNSAFE}]', escape, text) + '"'
