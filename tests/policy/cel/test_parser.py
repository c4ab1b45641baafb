"""Text becomes a tree with spans, and nothing that is written makes it crash or hang."""

from __future__ import annotations

import pytest

from attestation.errors import Misconfigured
from policy.cel import InvalidExpression, compile_condition, conjuncts, parse, walk
from policy.cel.closures import MOST_WORK, WORK
from policy.cel.parser import MAX_CONDITION_CHARACTERS
from policy.cel.syntax import (
    MAX_NESTING,
    Binary,
    Comprehension,
    Literal,
    Logical,
    Message,
    Node,
    Select,
    UInt,
)


def test_every_node_knows_where_it_is_written() -> None:
    text = 'assertion.a == "x" && !has(assertion.b)'
    found = {text[node.span.start : node.span.end] for node, _ in walk(parse(text))}
    assert found == {
        text,
        'assertion.a == "x"',
        "assertion.a",
        "assertion",
        '"x"',
        "!has(assertion.b)",
        "has(assertion.b)",
    }


def test_a_chain_of_and_is_one_node_however_long() -> None:
    tree = parse(" && ".join(["a"] * 585))
    assert isinstance(tree, Logical)
    assert len(tree.operands) == 585
    assert max(depth for _, depth in walk(tree)) == 1


def test_clauses_are_found_through_nested_and_but_not_through_or() -> None:
    text = "a && (b && (c || d && e)) && f"
    clauses = conjuncts(parse(text))
    assert [text[each.span.start : each.span.end] for each in clauses] == ["a", "b", "c || d && e", "f"]


def test_trees_are_equal_when_they_say_the_same() -> None:
    assert parse("a.b==1") == parse("  a . b == 1 // as ever")
    assert parse("1") != parse("1u") != parse("1.0") != parse("true")


def test_operators_bind_as_in_the_specification() -> None:
    assert parse("a || b && c == d + e * -f") == parse("a || (b && (c == (d + (e * (-f)))))")
    assert parse("a - b - c") == parse("(a - b) - c")
    assert parse("a ? b : c ? d : e") == parse("a ? b : (c ? d : e)")
    assert parse("!a.b") == parse("!(a.b)")
    assert parse("a + 1 in b") == parse("(a + 1) in b")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x1F", 31),
        ("-0x1f", -31),
        ("-9223372036854775808", -(2**63)),
        ("- 9223372036854775808", -(2**63)),
        ("007", 7),
        ("5u", UInt(5)),
        ("007u", UInt(7)),
        ("0xFFU", UInt(255)),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.5E-3", 0.0015),
        (r"'\u00e9\x41\101\n\?'", "éAA\n?"),
        (r"'\U0001F600'", "😀"),
        (r"r'\d'", "\\d"),
        ('"""a"b\nc"""', 'a"b\nc'),
        ("'''it's'''", "it's"),
        (r"b'\xff\377é'", b"\xff\xff\xc3\xa9"),
        (r"br'\x'", b"\\x"),
        ("R'''\\'''", "\\"),
        ("null", None),
    ],
)
def test_a_literal_means_what_the_specification_says(text: str, value: object) -> None:
    node = parse(text)
    assert isinstance(node, Literal)
    assert (node.value, type(node.value)) == (value, type(value))


def test_macros_and_selections_are_nodes_of_their_own() -> None:
    assert isinstance(parse("a.all(x, x == 1)"), Comprehension)
    three = parse("a.map(x, x > 1, x * 2)")
    assert isinstance(three, Comprehension)
    assert isinstance(three.predicate, Binary)
    assert isinstance(parse("a.`b-c`"), Select)
    assert isinstance(parse("a.package"), Select)


@pytest.mark.parametrize(
    ("text", "name", "fields"),
    [
        ("Msg{}", "Msg", ()),
        ("a.b.Msg{c: 1, `d-e`: 'f',}", "a.b.Msg", (("c", parse("1")), ("d-e", parse("'f'")))),
        (".a.Msg{c: Msg{}}", ".a.Msg", (("c", parse("Msg{}")),)),
    ],
)
def test_a_message_has_a_name_and_fields(text: str, name: str, fields: tuple[tuple[str, Node], ...]) -> None:
    node = parse(text)
    assert isinstance(node, Message) and node.span == (0, len(text))
    assert (node.name, node.fields) == (name, fields)
    of_message = parse(f"{text}.c")
    assert isinstance(of_message, Select) and of_message.operand == node


@pytest.mark.parametrize(
    ("text", "message", "span"),
    [
        ("", "line 1, column 1: expected an expression, found the end", (0, 0)),
        ("a &&", "line 1, column 5: expected an expression, found the end", (4, 4)),
        ("a = b", "line 1, column 3: unexpected character `=`", (2, 3)),
        ("a & b", "line 1, column 3: unexpected character `&`", (2, 3)),
        ("a\n  == ]", "line 2, column 6: expected an expression, found `]`", (7, 8)),
        ("a b", "line 1, column 3: expected an operator or the end, found `b`", (2, 3)),
        ("(a", "line 1, column 3: expected `)`, found the end", (2, 2)),
        ("a[1", "line 1, column 4: expected `]`, found the end", (3, 3)),
        ("{'a' 1}", "line 1, column 6: expected `:`, found `1`", (5, 6)),
        ("'abc", "line 1, column 1: the string is not closed", (0, 4)),
        ("'a\nb'", "line 1, column 1: the string is not closed", (0, 2)),
        (r"'\z'", "line 1, column 2: not an escape sequence of CEL", (1, 3)),
        (r"'\ud800'", "line 1, column 2: no character has this code point", (1, 7)),
        (r"'\U00110000'", "line 1, column 2: no character has this code point", (1, 11)),
        (r"b'\u0041'", "line 1, column 3: a bytes literal has no `\\u` escape", (2, 8)),
        ("'\ud800'", "line 1, column 2: a lone surrogate is not a character", (1, 2)),
        ("a\x00b", "line 1, column 2: unexpected character `\\x00`", (1, 2)),
        ("9223372036854775808", "line 1, column 1: not a signed 64-bit integer", (0, 19)),
        ("18446744073709551616u", "line 1, column 1: not an unsigned 64-bit integer", (0, 21)),
        ("--9223372036854775808", "line 1, column 3: not a signed 64-bit integer", (2, 21)),
        ("while", "line 1, column 1: `while` is a reserved word", (0, 5)),
        ("a.in", "line 1, column 3: expected a field's name, found `in`", (2, 4)),
        ("has(a)", "line 1, column 1: `has` takes one field behind a dot", (0, 6)),
        ("has(a[0])", "line 1, column 1: `has` takes one field behind a dot", (0, 9)),
        ("a.all(b.c, true)", "line 1, column 7: `all` names its variable first", (6, 9)),
        ("a.exists(x)", "line 1, column 3: `exists` takes a variable and an expression", (2, 8)),
        ("(Msg){}", "line 1, column 6: expected an operator or the end, found `{`", (5, 6)),
        ("Msg{1: 2}", "line 1, column 5: expected a field's name, found `1`", (4, 5)),
        ("Msg{true: 2}", "line 1, column 5: expected a field's name, found `true`", (4, 8)),
        ("Msg{a}", "line 1, column 6: expected `:`, found `}`", (5, 6)),
        ("Msg{a: b", "line 1, column 9: expected `}`, found the end", (8, 8)),
        ("f(1){}", "line 1, column 5: expected an operator or the end, found `{`", (4, 5)),
        ("-!a", "line 1, column 2: expected an expression, found `!`", (1, 2)),
        ("f(a,)", "line 1, column 5: expected an expression, found `)`", (4, 5)),
        ("a ? b ? c : d : e", "line 1, column 7: expected `:`, found `?`", (6, 7)),
        ("`a`", "line 1, column 1: a name in backticks stands only behind a dot", (0, 3)),
    ],
)
def test_what_is_not_cel_is_refused_with_its_place(text: str, message: str, span: tuple[int, int]) -> None:
    with pytest.raises(InvalidExpression) as refusal:
        parse(text)
    assert (refusal.value.message, tuple(refusal.value.span)) == (message, span)
    assert isinstance(refusal.value, Misconfigured)


def test_a_refusal_points_at_the_place() -> None:
    with pytest.raises(InvalidExpression) as refusal:
        parse("a == 1 &&\nb === 'x'\n&& c")
    assert refusal.value.pointer == "b === 'x'\n    ^"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("assertoin.a == 1", "line 1, column 1: the name `assertoin` means nothing here"),
        ("assertion.a.startswith('b')", "line 1, column 1: there is no function `startswith`"),
        ("size(assertion.a, 1) == 1", "line 1, column 1: the function `size` is not called like this"),
        (
            "startsWith(assertion.a, 'b')",
            "line 1, column 1: the function `startsWith` is not called like this",
        ),
        ("timestamp()", "line 1, column 1: the function `timestamp` is not called like this"),
        (".has(assertion.a)", "line 1, column 2: there is no function `has`"),
        ("assertion.a.all(x, y)", "line 1, column 20: the name `y` means nothing here"),
    ],
)
def test_undeclared_names_and_functions_are_refused_when_compiled(text: str, message: str) -> None:
    with pytest.raises(InvalidExpression) as refusal:
        compile_condition(text)
    assert refusal.value.message == message


def test_a_misspelt_name_is_answered_with_the_right_one() -> None:
    with pytest.raises(InvalidExpression) as refusal:
        compile_condition("assertoin.a == 1")
    assert refusal.value.hint == "did you mean `assertion`?"


def test_a_condition_of_4096_characters_is_taken_and_one_of_4097_is_not() -> None:
    longest = "true" + " " * 4092
    assert parse(longest) == parse("true")
    with pytest.raises(InvalidExpression, match=r"4,097 characters, Google's limit is 4,096"):
        parse(longest + " ")


HOSTILE = {
    "10,000 parentheses": "(" * 10_000 + "a" + ")" * 10_000,
    "parentheses up to the limit": "(" * 2_000 + "true" + ")" * 2_000,
    "negations": "!" * 4_000 + "true",
    "minus signs": "-" * 4_000 + "1",
    "open brackets": "[" * 4_000,
    "nested lists": "[" * 2_000 + "]" * 2_000,
    "open braces": "{1:" * 1_300,
    "selections": "assertion" + ".b" * 2_000,
    "indexes": "assertion" + "[0]" * 1_300,
    "method calls": "assertion" + ".size()" * 580,
    "sums": "+".join(["1"] * 2_048),
    "nested conditionals": "true?1:" * 580 + "1",
    "climbing operators": "a||b&&c==d+e*(" * 280,
    "nested macros": "assertion.all(x," * 250,
    "has of has": "has(" * 1_000,
    "a NUL": "assertion.a == '\x00'",
    "a surrogate": "assertion.a == '\udfff'",
    "quotes": '"' * 4_095,
    "backslashes": "'" + "\\" * 4_000,
    "a right-to-left override": "assertion.a == \u202e'x'",
    "digits": "9" * 4_096,
    "exponent": "1e" + "9" * 4_000,
    "a comment": "//" + "x" * 4_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_input_is_an_answer_after_bounded_work_or_a_one_line_error(text: str) -> None:
    try:
        _, frame = compile_condition(text).evaluate({"a": "b"})
    except Misconfigured as refusal:
        assert "\n" not in refusal.message
        assert refusal.message.isprintable()
        assert len(refusal.message) < 200
    else:
        assert frame[WORK] <= MOST_WORK + MAX_CONDITION_CHARACTERS


def test_chains_of_every_length_that_fits_are_decided() -> None:
    for operator, expected in (("&&", True), ("||", True)):
        text = operator.join(["true"] * (4_096 // 6))
        assert compile_condition(text).decide({}) is expected


def test_nesting_is_taken_up_to_the_limit() -> None:
    deepest = MAX_NESTING - 1
    assert compile_condition("!" * (deepest - deepest % 2) + "true").decide({})
    assert compile_condition("(" * (deepest - 1) + "true" + ")" * (deepest - 1)).decide({})
    with pytest.raises(InvalidExpression, match="nested more than 64 deep"):
        parse("!" * (MAX_NESTING + 1) + "true")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("assertion.secboot and true", "write `&&`"),
        ("assertion.secboot AND true", "write `&&`"),
        ("(assertion.secboot or true)", "write `||`"),
        ("not assertion.secboot", "write `!`"),
        ("true && not assertion.secboot", "write `!`"),
        ("assertion.dbgstat is 'x'", "write `==`"),
        ("assertion.dbgstat == \u201cx\u201d", 'write `"`: this is a typographic quotation mark'),
        ("assertion.dbgstat == \u2018x\u2019", "write `'`: this is a typographic quotation mark"),
        ("assertion.secboot\u00a0&& true", "write an ordinary space"),
        ("assertion.dbgstat not in ['x']", "write `!(… in …)`"),
        ("'STABLE' IN assertion.a", "write `in`"),
        ("assertion.dbgstat <> 'x'", "write `!=`"),
        ("assertion.iat \u2265 1", "write `>=`"),
        ("assertion.a = 1", "did you mean `==`?"),
        ("# a comment", "a comment begins with `//`"),
        ("assertion.a ==", ""),
        ("assertion.a assertion.b", ""),
    ],
)
def test_what_another_language_writes_gets_a_hint(text: str, hint: str) -> None:
    with pytest.raises(InvalidExpression) as invalid:
        parse(text)
    assert invalid.value.hint == hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('dbgstat == "x"', "write `assertion.dbgstat`"),
        ('submods.gce.zone == "x"', "write `assertion.submods`"),
        ('image_digest == "x"', "write `assertion.submods.container.image_digest`"),
        ('"STABLE" in support_attributes', "write `assertion.submods.confidential_space.support_attributes`"),
        ('asertion.dbgstat == "x"', "did you mean `assertion`?"),
        ("nonsense == 1", ""),
        ("assertion.secboot == True", "write `true`"),
        ("assertion.secboot != None", "write `null`"),
        ("assertion.swname == CONFIDENTIAL_SPACE", 'a text stands in quotes: `"CONFIDENTIAL_SPACE"`'),
        (
            "assertion.submods.container.env.A-B-C == 'x'",
            'a name with a dash stands in brackets: `["A-B-C"]`',
        ),
        ("len(assertion.aud) == 1", "write `size(…)`"),
        ("assertion.aud.includes('x')", "write `… in …`"),
        ("assertion.sub.lower() == 'x'", "write `.lowerAscii()`"),
        ("assertion.sub.startWith('x')", "did you mean `startsWith`?"),
    ],
)
def test_a_claim_s_name_alone_gets_the_whole_path_as_a_hint(text: str, hint: str) -> None:
    with pytest.raises(InvalidExpression) as invalid:
        compile_condition(text)
    assert invalid.value.hint == hint


def test_a_macro_s_variable_may_be_called_as_a_claim_is() -> None:
    assert compile_condition("assertion.aud.all(dbgstat, dbgstat == 'a')").clauses


@pytest.mark.parametrize(
    "text",
    [
        "!(assertion.a || assertion.b)",
        "-(1) == 2",
        "(assertion.a + 'x') == 'ax'",
        "'ax' == (assertion.a + 'x')",
        "((assertion.a)) == 1",
        "(assertion.a + assertion.b).all(x, x == 1)",
        "(assertion.a)[(0)]",
        "(assertion.a).b",
        "(true ? assertion.b : assertion.c) ? true : (false)",
        "(assertion.a || assertion.b) || (assertion.c)",
        "assertion.a in ([1] + [2])",
    ],
)
def test_a_part_has_the_parentheses_of_what_is_in_it(text: str) -> None:
    (clause,) = compile_condition(f"  {text}  ").clauses
    assert clause.text == text
