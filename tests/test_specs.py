"""The spec grammar: what is read, written and refused, and that reading undoes writing.

Parts are compared by repr: to Python 1, 1.0 and True are equal, and so are 0.0 and -0.0.
"""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.errors import SpecError, UserError
from harness.specs import Part, Value, canonical, parse, parse_one


def part(ref: str, **params: Value) -> Part:
    return Part(ref, tuple(params.items()))


def nested(levels: int) -> Value:
    return (nested(levels - 1),) if levels > 1 else ()


CANONICAL: dict[str, list[Part]] = {
    # names and paths
    "none": [part("none")],
    "./mine.py": [part("./mine.py")],
    "../a/b": [part("../a/b")],
    "mine.py": [part("mine.py")],
    "staff.csv": [part("staff.csv")],
    "C:/x": [part("C:/x")],
    "C:/x.csv:uid=id": [part("C:/x.csv", uid="id")],
    "./a:b:uid=id:x": [part("./a:b", uid="id:x")],
    "./my data.csv:uid=id": [part("./my data.csv", uid="id")],
    "./a,b=c.csv": [part("./a,b=c.csv")],
    "./a+1.csv": [part("./a+1.csv")],
    "./[a+b:c=1].csv+d": [part("./[a+b:c=1].csv"), part("d")],
    "größe": [part("größe")],
    '"odd name+x.csv":uid="a,b"': [part("odd name+x.csv", uid="a,b")],
    '"two words"': [part("two words")],
    '"x:k=1"': [part("x:k=1")],
    '"./x:"': [part("./x:")],
    '"./x+"': [part("./x+")],
    '"./x "': [part("./x ")],
    '" "': [part(" ")],
    # parameters and several parts
    "k-threshold:k=5": [part("k-threshold", k=5)],
    "diffix:dynamic=false": [part("diffix", dynamic=False)],
    "staff.parquet:uid=id": [part("staff.parquet", uid="id")],
    "k-threshold:k=5+rounding:base=5": [part("k-threshold", k=5), part("rounding", base=5)],
    "a:x=1,y=null,z_2=true": [part("a", x=1, y=None, z_2=True)],
    "a+./b.py+.hidden/c+/d": [part("a"), part("./b.py"), part(".hidden/c"), part("/d")],
    "a:x=u+/b": [part("a", x="u"), part("/b")],
    'a:x=1+"b c":y=2': [part("a", x=1), part("b c", y=2)],
    "a+éa": [part("a"), part("éa")],
    # numbers
    "a:x=-3": [part("a", x=-3)],
    "a:x=12345678901234567890": [part("a", x=12345678901234567890)],
    "a:x=0.5": [part("a", x=0.5)],
    "a:x=-0.0": [part("a", x=-0.0)],
    "a:x=5.0": [part("a", x=5.0)],
    "a:x=1e+300": [part("a", x=1e300)],
    "a:x=-1e-07": [part("a", x=-1e-7)],
    # words
    "a:x=True,y=None": [part("a", x="True", y="None")],
    "a:x=nan,y=-inf,z=Infinity": [part("a", x="nan", y="-inf", z="Infinity")],
    "a:x=1_000,y=١٢,z=0x10": [part("a", x="1_000", y="١٢", z="0x10")],
    "a:x=12:30,y=C:/x": [part("a", x="12:30", y="C:/x")],
    "a:x=5+2": [part("a", x="5+2")],
    "a:x=Zürich": [part("a", x="Zürich")],
    # quoted text
    'a:x="true",y="12",z="1e+5"': [part("a", x="true", y="12", z="1e+5")],
    'a:x=""': [part("a", x="")],
    'a:x="a+b",y="c++",z="u=v"': [part("a", x="a+b", y="c++", z="u=v")],
    r'a:x="\"\\"': [part("a", x='"\\')],
    r'a:x="\n\r\t\u0000\u0085\u2028"': [part("a", x="\n\r\t\0\x85\u2028")],
    r'a:x="\ud83d\ude00\udce9"': [part("a", x="\ud83d\ude00\udce9")],
    'a:x="日本 😀"': [part("a", x="日本 😀")],
    # lists
    "a:x=[]": [part("a", x=())],
    "a:x=[1,2.5,true,null,word]": [part("a", x=(1, 2.5, True, None, "word"))],
    "a:x=[[1,[]],[2]]": [part("a", x=((1, ()), (2,)))],
    'a:x=["b,c]",d]+e': [part("a", x=("b,c]", "d")), part("e")],
    "a:x=[b+c=d,c++]": [part("a", x=("b+c=d", "c++"))],
    'a:x=["1","b c",""]': [part("a", x=("1", "b c", ""))],
    f"a:x={20 * '['}{20 * ']'}": [part("a", x=nested(20))],
}

OTHERWISE_WRITTEN = {
    # white space
    "\n a\t:  x = 1 ,\ny = [ 1 , two ]  + b ": "a:x=1,y=[1,two]+b",
    "./my data.csv : uid = id": "./my data.csv:uid=id",
    "a:x=[ ]": "a:x=[]",
    "a + ./b\t+ c:x=u + d": "a+./b+c:x=u+d",
    # order and quotes
    "a:z=1,b=2": "a:b=2,z=1",
    '"none":x="word"': "none:x=word",
    'a:x=["b+c"]': "a:x=[b+c]",
    "2024.csv": '"2024.csv"',
    "~/x:k=1": '"~/x":k=1',
    # numbers
    "a:x=+3": "a:x=3",
    "a:x=007": "a:x=7",
    "a:x=-0": "a:x=0",
    "a:x=.5": "a:x=0.5",
    "a:x=-5.": "a:x=-5.0",
    "a:x=1e+5": "a:x=100000.0",
    "a:x=1E5+b": "a:x=100000.0+b",
    "a:x=1e-999": "a:x=0.0",
    # escapes
    r'a:x="\u00e9\u005C\u0020"': r'a:x="é\\ "',
    'a:x="\n\u2028"': r'a:x="\n\u2028"',
}

MALFORMED = {
    # names and paths
    "": "lacks a name or path at character 1",
    " \n": "lacks a name or path at character 3",
    ":k=5": "lacks a name or path at character 1",
    "+a": "lacks a name or path at character 1",
    "a+:k=5": "unexpected '+' at character 2",
    '""': "has an empty name at character 1",
    'a+ "":k=1': "has an empty name at character 4",
    "two words": "'two words', which is neither a name nor a path, at character 1",
    "a+b c": "'b c', which is neither a name nor a path, at character 3",
    "a,b": "'a,b', which is neither a name nor a path, at character 1",
    "5": "'5', which is neither a name nor a path, at character 1",
    "diffix:dynamic": "parameters are written name=value",
    "k-threshold:5": "parameters are written name=value",
    "k-threshold k=5": "parameters are written name=value",
    "staff.csv uid=id": "parameters are written name=value",
    "staff.json": "a path has a '/' or ends in .py, .csv or .parquet",
    "a:größe=5": "neither a name nor a path",
    "./a[1": "unexpected '[' at character 4",
    './a["b"]': "unexpected '[' at character 4",
    "./a[\0]": "unexpected '[' at character 4",
    "./a]": "unexpected ']' at character 4",
    "./a\tb": "unexpected 'b' at character 5",
    "./a\0": "unexpected '\\x00' at character 4",
    './a"b"': "unexpected '\"' at character 4",
    '"a"b': "unexpected 'b' at character 4",
    '"a":b': "unexpected ':' at character 4",
    # separators that lead nowhere
    "a+": "unexpected '+' at character 2",
    "a+ ": "unexpected '+' at character 2",
    "a++b": "unexpected '+' at character 2",
    "./a++b": "unexpected '+' at character 4",
    "a:": "unexpected ':' at character 2",
    "./a.py:": "unexpected ':' at character 7",
    "a:k=5+": "unexpected '+' at character 6",
    "a:k=5:": "unexpected ':' at character 6",
    "a:k=5,": "lacks a parameter at character 7",
    "a:k=5,,j=6": "lacks a parameter at character 7",
    "a:k=5,j": "lacks a parameter at character 7",
    "a:k=5,6=j": "lacks a parameter at character 7",
    # parameters and values
    "a:k=1,j=2,k=3": "repeats the parameter 'k' at character 11",
    "a:k=": "lacks a value at character 5",
    "a:k= ,j=1": "lacks a value at character 6",
    "a:k==5": "lacks a value at character 5",
    "a:k=+b": "lacks a value at character 5",
    "a:k=]": "lacks a value at character 5",
    "a:k=\0": "lacks a value at character 5",
    "a:k=b=c": "unexpected '=' at character 6",
    "a:k=5:j=6": "unexpected '=' at character 8",
    "a:k=5 j=6": "unexpected 'j' at character 7",
    "a:k=two words": "unexpected 'w' at character 9",
    "a:k=5]": "unexpected ']' at character 6",
    "a:k=b[1]": "unexpected '[' at character 6",
    'a:k=b"c"': "unexpected '\"' at character 6",
    'a:k="b"c': "unexpected 'c' at character 8",
    "a:k=1e999": "has too large a number at character 5",
    "a:k=-1e999": "has too large a number at character 5",
    f"a:k=[0,{5000 * '9'}]": "has too large a number at character 8",
    f"a:k={5000 * '0'}1": "has too large a number at character 5",
    # quotes and brackets
    '"a': "unclosed '\"' at character 1",
    'a:k="b': "unclosed '\"' at character 5",
    'a:k="b\\"': "unclosed '\"' at character 5",
    r'a:k="b\d"': r"unknown escape '\\d' at character 7",
    'a:k="\\\n"': r"unknown escape '\\\n' at character 6",
    r'a:k="\u12"': r"unknown escape '\\u' at character 6",
    "a:k=[": "unclosed '[' at character 5",
    "a:k=[1": "unclosed '[' at character 5",
    "a:k=[1 2]": "unclosed '[' at character 5",
    "a:k=[b[1]]": "unclosed '[' at character 5",
    "a:k=[1,[2]": "unclosed '[' at character 5",
    "a:k=[1,": "lacks a value at character 8",
    "a:k=[1,]": "lacks a value at character 8",
    "a:k=[,1]": "lacks a value at character 6",
    "a:k=[1]]": "unexpected ']' at character 8",
    f"a:k={21 * '['}{21 * ']'}": "nests lists more than 20 deep at character 25",
    f"a:k={100_000 * '['}": "nests lists more than 20 deep",
}

INEXPRESSIBLE = [float("nan"), -float("inf"), 10**400, 10**5000, b"x", [1], nested(21), (1, {}), np.ones(2)]

ODD_WORDS = ["true", "1e+5", "-0", ".5", "+5", "x.py", "c++", "a+b", "a + b", "./a:k=5", "./a: k =", "./a "]
SPEC_PIECES = [*'+:=,[]"\\ \n\0./a1-', "a:", "k=", "1e+5", "x.csv", "true", "é", '"b"', '"b\\', "\\u00"]

finite_floats = st.floats(allow_nan=False, allow_infinity=False)
any_text = st.text(st.characters(), max_size=8)  # characters() has lone surrogates, text() alone has none
odd_text = st.text(st.sampled_from('ab1e.:/+-=,[]"\\ \n_é\ud83dnul'), max_size=8) | st.sampled_from(ODD_WORDS)
texts = any_text | odd_text
values: st.SearchStrategy[Value] = st.recursive(
    st.none() | st.booleans() | st.integers() | finite_floats | texts,
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,3}", fullmatch=True)
refs = texts.filter(bool) | st.sampled_from(["none", "k-threshold", "./mine.py", "x.csv", "~/x", "C:/x"])
params = st.dictionaries(names, values, max_size=3).map(lambda by_name: tuple(by_name.items()))
parts = st.builds(Part, refs, params)
spec_like = st.lists(st.sampled_from(SPEC_PIECES), max_size=16).map("".join)


def shown(text: str) -> str:
    return ascii(text)[:40]


@pytest.mark.parametrize("text", CANONICAL, ids=shown)
def test_a_canonical_spec_is_read_and_written_unchanged(text: str) -> None:
    assert repr(parse(text)) == repr(tuple(CANONICAL[text]))
    assert canonical(parse(text)) == text


@pytest.mark.parametrize("text", OTHERWISE_WRITTEN, ids=shown)
def test_specs_of_one_meaning_have_one_canonical_form(text: str) -> None:
    assert canonical(parse(text)) == OTHERWISE_WRITTEN[text]
    assert repr(parse(OTHERWISE_WRITTEN[text])) == repr(parse(text))


@pytest.mark.parametrize("text", MALFORMED, ids=shown)
def test_a_malformed_spec_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(SpecError) as error:
        parse(text)
    message = str(error.value)
    assert MALFORMED[text] in message
    assert_is_sentence(message, text)


@settings(deadline=None)
@given(st.lists(parts, min_size=1, max_size=3).map(tuple))
def test_reading_undoes_writing(given_parts: tuple[Part, ...]) -> None:
    text = canonical(given_parts)
    assert repr(parse(text)) == repr(given_parts)
    assert canonical(parse(text)) == text
    assert text == "+".join(canonical([one]) for one in given_parts)
    assert text.splitlines() == [text]
    text.encode()


@settings(deadline=None)
@given(spec_like | st.text(st.characters()))
@example("./a:" + 5000 * "+ :[")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except SpecError as error:
        assert_is_sentence(str(error), text)
    else:
        assert repr(parse(canonical(found))) == repr(found)


def assert_is_sentence(message: str, text: str) -> None:
    assert message.startswith(f"The spec {text!r} ")
    assert " at character " in message
    assert "; " in message
    assert message.endswith(".")
    assert message.isprintable()


@pytest.mark.parametrize("value", INEXPRESSIBLE, ids=lambda value: type(value).__name__)
def test_what_no_spec_can_hold_is_not_written(value: Value) -> None:
    with pytest.raises(SpecError, match=r"cannot hold this value of type '\w+'"):
        canonical([part("a", x=value)])


def test_numpy_numbers_and_text_are_written_like_those_of_python() -> None:
    assert canonical([part("a", x=np.float64(0.1), y=np.str_("b"))]) == "a:x=0.1,y=b"


def test_no_parts_have_no_text() -> None:
    with pytest.raises(SpecError, match="at least one part"):
        canonical([])


def test_parameters_are_sorted_by_name() -> None:
    assert Part("a", (("z", 1), ("b", 2))) == Part("a", (("b", 2), ("z", 1)))
    assert parse("a:z=1,b=2")[0].params == (("b", 2), ("z", 1))


@pytest.mark.parametrize("name", ["", "k ", "1k", "k-1", "größe", "k=5"])
def test_a_parameter_name_is_an_identifier(name: str) -> None:
    with pytest.raises(SpecError, match="no identifier"):
        Part("a", ((name, 1),))


def test_a_part_has_a_ref_and_each_parameter_once() -> None:
    with pytest.raises(SpecError, match="empty ref"):
        Part("")
    with pytest.raises(SpecError, match="'k' is repeated"):
        Part("a", (("k", 1), ("j", 1), ("k", 1)))


@pytest.mark.parametrize("text", ["./mine.py", "a/b", "x.py", "x.csv", "x.parquet", '"a b.csv"'])
def test_a_path_has_a_slash_or_a_known_ending(text: str) -> None:
    assert parse(text)[0].is_path


@pytest.mark.parametrize("text", ["none", '"x.json"', '"a.csv "'])
def test_anything_else_is_a_name(text: str) -> None:
    assert not parse(text)[0].is_path


def test_parse_one_reads_the_only_part() -> None:
    assert parse_one(" staff.csv:uid=id ", "dataset") == part("staff.csv", uid="id")


def test_parse_one_refuses_a_second_part() -> None:
    with pytest.raises(UserError, match=r"^The spec 'a:k=1 \+ b' .* at character 7; name one attack only.*\.$"):
        parse_one("a:k=1 + b", "attack")
    with pytest.raises(SpecError, match="unexpected '\\+' at character 2"):
        parse_one("a+", "attack")
