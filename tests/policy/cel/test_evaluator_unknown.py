"""What no document says of Google's evaluation, and what takes too long: neither computed nor admitted."""

from __future__ import annotations

import pytest

from policy.cel import ErrorValue, Expression, compile_condition
from policy.cel.values import is_unknown
from tests.policy.cel.claims import CLAIMS


@pytest.mark.parametrize(
    "text",
    [
        "assertion.l.all(a, assertion.l.all(b, assertion.l.all(c, assertion.l.all(d, true))))",
        "[assertion.s]" + ".map(x, x + x)" * 30 + " != []",
        "assertion.l.all(a, assertion.l == assertion.l)",
        "assertion.l.map(a, assertion.s + assertion.s).join() != ''",
    ],
)
def test_an_evaluation_that_would_take_too_long_is_an_error_and_denies(text: str) -> None:
    claims = {"l": list(range(1_000)), "s": "x" * 40_000}
    assert compile_condition(text).decide(claims) is False
    (result,), _ = compile_condition(text).evaluate(claims)
    assert isinstance(result, ErrorValue)


def test_what_an_evaluation_did_before_does_not_change_the_next() -> None:
    condition = compile_condition("assertion.l.all(a, a.matches('(x|y)*x(x|y){40}'))")
    claims = {"l": ["xy" * 80] * 3}
    outcomes = {condition.decide(claims) for _ in range(3)}
    assert len(outcomes) == 1


@pytest.mark.parametrize(
    "text",
    [
        "timestamp(assertion.n) < timestamp('2027-01-01T00:00:00Z')",
        "duration('60m') == duration('1h')",
        "timestamp(0).getFullYear('UTC') == 1970",
        "timestamp(0) == timestamp(0) || assertion.no",
        "google.protobuf.Timestamp != type(1)",
        "google.protobuf.NullValue.NULL_VALUE == 0",
        "has(google.protobuf.Any)",
        "!(google.type.Money == int)",
        "google.protobuf.Int32Value{value: 1} == 1",
        "!google.protobuf.BoolValue{}",
        "google.protobuf.StringValue{value: assertion.no} == '' || false",
        ".google.protobuf.ListValue{values: [1],}.size() == 1",
        "Timestamp{seconds: 1, `nanos`: {'a': 1}.b} == timestamp(1)",
    ],
)
def test_times_and_googles_own_types_are_neither_computed_nor_taken_for_errors(text: str) -> None:
    (value,), _ = compile_condition(text).evaluate(CLAIMS, {"subject": "s"})
    assert is_unknown(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("google.protobuf == 1", False),
        ("google.subject.x == 1", False),
        ("google.groups[0] == 'g'", True),
        ("[{'protobuf': {'Any': 1}}].exists(google, google.protobuf.Any == 1)", True),
    ],
)
def test_other_words_behind_google_are_what_is_mapped(text: str, expected: bool) -> None:
    (value,), _ = compile_condition(text).evaluate(CLAIMS, {"subject": "s", "groups": ["g"]})
    assert (value is True) is expected and not is_unknown(value)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("{'a': 1, 'b': 2}.map(k, k) == ['a', 'b']", False),
        ("{'a': 1, 'b': 2}.map(k, k)[0] == 'a'", False),
        ("{'a': 1, 'b': 2}.filter(k, k != 'c').map(k, k) != ['b', 'a']", False),
        ("{'a': 1, 'b': 2}.map(k, k).join() == 'ab'", False),
        ("{'a': 1, 'b': 2}.filter(k, k != 'b') == ['a']", True),
        ("{'a': 1, 'b': 2}.map(k, 1) == [1, 1]", True),
        ("size({'a': 1, 'b': 2}.map(k, k)) == 2", True),
        ("{'a': 1, 'b': 2}.map(k, k).size() == 2", True),
        ("'b' in {'a': 1, 'b': 2}.map(k, k)", True),
        ("{'a': 1, 'b': 2}.map(k, k).exists(k, k == 'b')", True),
        ("{'a': 1, 'b': 2}.map(k, k + 'x').filter(k, k == 'bx').size() == 1", True),
        ("!({'a': 1, 'b': 2}.map(k, k) == ['a'])", True),
        ("[] != {'a': 1, 'b': 2}.map(k, k)", True),
    ],
)
def test_in_which_order_a_map_is_gone_through_is_not_known(text: str, known: bool) -> None:
    """Source: google/cel-spec, doc/langdef.md, "Macros"; cel-go goes through Go's maps, in any order."""
    (value,), _ = compile_condition(text).evaluate({})
    assert is_unknown(value) is not known
    assert (value is True) is known


@pytest.mark.parametrize("number", ["0.0 / 0.0", "-(0.0 / 0.0)", "double('nan')", "double('-nan') + 1.0"])
def test_the_text_of_nan_is_not_known(number: str) -> None:
    """Google's runtime writes its sign: on one processor `0.0 / 0.0` is negative, on another positive."""
    (value,), _ = compile_condition(f"string({number}) == 'nan'").evaluate({})
    assert is_unknown(value)
    assert compile_condition(f"{number} != {number}").decide({})


TWICE = "{'a': 1, 'a': assertion.n} == {}"


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        (TWICE, False),
        (f"{TWICE} || false", False),
        (f"{TWICE} || true", True),
        (f"true || {TWICE}", False),
        (f"!({TWICE} && false)", True),
        (f"({TWICE} || true) || true", True),
        (f"(assertion.no || {TWICE}) || true", True),
        (f"[1, 2].exists(v, v == 2 || {TWICE})", True),
        (f"[2, 1].exists(v, v == 2 || {TWICE})", False),
        (f"{TWICE} || 'a'.charAt(0) == 'a'", True),
        (f"(assertion.no == {TWICE.partition(' ==')[0]}) || true", True),
        (f"[assertion.no, {TWICE}].size() == 2 || true", True),
        ("assertion.no == {'a': 1, 'b': 2} || true", False),
    ],
)
def test_whether_the_error_of_a_repeated_key_is_absorbed_is_not_known(text: str, unknown: bool) -> None:
    """cel-cpp ends the evaluation there, and cel-go goes on."""
    (value,), _ = compile_condition(text).evaluate(CLAIMS)
    assert is_unknown(value) is unknown


@pytest.mark.parametrize(
    "text",
    [
        "'a'.charAt(0)",
        "'%s'.format(['a'])",
        "'a'.indexOf('a', 0)",
        "'a'.lastIndexOf('a')",
        "'a'.replace('a', 'b')",
        "'a'.reverse()",
        "'a'.substring(0, 1)",
        "' a'.trim()",
        "'a'.upperAscii()",
        "strings.quote('a')",
    ],
)
def test_a_function_of_which_no_document_speaks_is_neither_refused_nor_computed(text: str) -> None:
    value = Expression(text, most_characters=4096).evaluate({})
    assert isinstance(value, ErrorValue)
    assert is_unknown(value)
    assert value.message.startswith("it is not known whether Google takes `")
    assert not compile_condition(f"{text} == 'a'").decide({})
