"""`matches`: RE2's answers, its refusals, and no pattern that hangs."""

from __future__ import annotations

from typing import Any

import pytest
from cel_expr_python import cel

from policy.cel.patterns import InvalidPattern, UnsupportedPattern, parse_pattern
from policy.cel.regular_expressions import MOST_STATES, PatternTooCostly, compile_pattern
from policy.cel.rendering import render_constant

MOST_WORK = 200_000


def found(pattern: str, text: str) -> bool:
    return compile_pattern(pattern).search(text, most_work=MOST_WORK)[0]


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("", "", True),
        ("b", "abc", True),
        ("^b", "abc", False),
        ("^abc$", "abc", True),
        ("abc$", "abc\n", False),
        (".", "\n", False),
        ("(?s).", "\n", True),
        ("(?m)^b$", "a\nb\nc", True),
        ("^.$", "😀", True),
        ("a|b|", "x", True),
        ("^(a|ab)(c|bcd)$", "abcd", True),
        ("^a{2,3}$", "aaaa", False),
        ("^a{2,}$", "aaaa", True),
        ("^a{,2}$", "a{,2}", True),
        ("^a{0}b$", "b", True),
        ("^a+?b*?$", "aab", True),
        ("^(?:a|b)*$", "abba", True),
        ("^[a-c]+$", "abd", False),
        ("[]a]", "]", True),
        ("[^]a]", "]", False),
        ("[a-]", "-", True),
        (r"[\d-z]", "-", True),
        ("[[:upper:][:digit:]]", "x", False),
        ("[[:^alpha:]]", "1", True),
        (r"^\w\d\s$", "a1\t", True),
        (r"\w", "é", False),
        (r"\s", "\v", False),
        (r"^\W$", "é", True),
        (r"\bfoo\b", "a foo.", True),
        (r"\bfoo\b", "afoo", False),
        (r"\Boo\b", "foo", True),
        (r"\B", "", True),
        (r"\Aa\z", "a", True),
        (r"\x41\x{1F600}\101\n", "A😀A\n", True),
        (r"\Qa.b\E+$", "a.bbb", True),
        (r"\Qa.b", "axb", False),
        (r"^\pL\p{Lu}\PN$", "éÉx", True),
        (r"\p{^L}", "a", False),
        ("(?i)stable", "STABLE", True),
        ("(?i)[a-c]X", "Bx", True),
        ("(?i)k", "\N{KELVIN SIGN}", True),
        ("(?i)[^s]", "\N{LATIN SMALL LETTER LONG S}", False),
        (r"(?i)\w", "\N{LATIN SMALL LETTER LONG S}", True),
        ("(?i:A)b", "ab", True),
        ("(?i:A)b", "aB", False),
        ("(?i)a(?-i)b", "AB", False),
        ("(?P<name>a)(?<other>b)", "ab", True),
        ("(?U)a+", "a", True),
        ("^*a", "a", True),
        ("$^", "", True),
        ("(|a)+b", "aab", True),
        ("{", "{", True),
        # a number with a zero before it, or of ten digits, is none
        ("^a{01}$", "a{01}", True),
        ("^a{1,02}$", "a{1,02}", True),
        ("^a{1000000000}$", "a{1000000000}", True),
        # between two bytes of a character
        (r"\B", "aéa", True),
        (r"\B\B|x", "a😀a", True),
        (r"\B.", "aéa", False),
        (r"^\B", "éa", True),
        (r"\B$", "aé", True),
        (r"a\B", "aé", False),
    ],
)
def test_a_pattern_is_found_where_re2_finds_it(pattern: str, text: str, expected: bool) -> None:
    assert found(pattern, text) is expected
    assert oracle(pattern, text) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        *("(", ")", "a)", "(a", "[", "[a", "[]", "[^]", "*", "+a", "a**", "a+*", "a{2}{3}", "a{2}*", "|*"),
        *(
            "a{1001}",
            "a{999999999}",
            "a{2,1}",
            "(a{500}){3}",
            "(a{2,}){501}",
            "[z-a]",
            "[[:foo:]]",
            r"[a-\d]",
            r"\1",
            r"\8",
        ),
        *(r"\y", r"\Z", r"\u0061", r"\x6", r"\x{}", r"\x{110000}", r"\p", r"\p{L", r"\p{Foo}", "a\\"),
        *(
            "(?=a)",
            "(?!a)",
            "(?<=a)",
            "(?>a)",
            "(?P=a)",
            "(?P<>a)",
            "(?x)a",
            "(?",
            "(?i",
            "(?-)a",
            "(?s-i-m)a",
        ),
        "(?#comment)",
    ],
)
def test_what_re2_refuses_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidPattern):
        parse_pattern(pattern)
    assert oracle(pattern, "a") is None


@pytest.mark.parametrize("pattern", [r"\pL", r"[^\PN]", r"a|\p{Any}"])
@pytest.mark.parametrize("character", ["\u0378", "\U0010ffff"])
def test_the_category_of_a_character_that_is_not_assigned_here_is_not_known(
    pattern: str, character: str
) -> None:
    """Google's Unicode may be a newer one, in which the character is a letter."""
    with pytest.raises(UnsupportedPattern, match="newer than the Unicode known here"):
        found(pattern, f"x{character}")
    assert found("[^a]", character)


def test_a_group_may_have_a_name_that_only_newer_versions_take() -> None:
    with pytest.raises(UnsupportedPattern, match="the name of a group"):
        parse_pattern("(?P<é>a)")


@pytest.mark.parametrize("pattern", [r"\C", r"\p{Greek}", "(?i)é", r"(?i)\pL"])
def test_the_rarities_that_are_not_supported_are_refused_by_name(pattern: str) -> None:
    with pytest.raises(InvalidPattern, match="not supported"):
        parse_pattern(pattern)


ENVIRONMENT = cel.NewEnv(variables={"text": cel.Type.STRING})


def oracle(pattern: str, text: str) -> bool | None:
    """What RE2 says; None when it refuses the pattern."""
    value = ENVIRONMENT.compile(f"text.matches({render_constant(pattern)})").eval(data={"text": text})
    return bool(value.value()) if value.type() == cel.Type.BOOL else None


PARTS = (
    *(
        "a",
        "b",
        "A",
        ".",
        "^",
        "$",
        "[ab]",
        "[^a]",
        "[a-c]",
        r"\w",
        r"\W",
        r"\d",
        r"\b",
        r"\B",
        "|",
        "|",
        "é",
    ),
    *("*", "+", "?", "*?", "{2}", "{1,2}", "{2,}", "(?:", "(", ")", ")", "(?i)", "(?s)", "(?m)", "-", "\\n"),
    *("[[:alpha:]_]", r"\pL", r"[^\w]", r"\.", "1", r"\A", r"\z", "(?i:", "]"),
)


def test_random_patterns_are_answered_as_re2_answers(maker: Any) -> None:
    pick, answered = maker.pick, 0
    for _ in range(2_500):
        pattern = "".join(pick.choice(PARTS) for _ in range(pick.randint(1, 7)))
        letters = "abABé1 \n_.-"
        texts = ["".join(pick.choice(letters) for _ in range(pick.randrange(6))) for _ in range(4)]
        try:
            mine: list[bool | None] = [found(pattern, text) for text in texts]
        except InvalidPattern as refusal:
            if "not supported" in str(refusal):
                continue
            mine = [None] * len(texts)
        answered += mine[0] is not None
        assert mine == [oracle(pattern, text) for text in texts], (pattern, texts)
    assert answered > 500


BOMBS = [
    "(a+)+$",
    "(a|a)*$",
    "(a|aa)+$",
    "(.*)*b",
    "(a?){30}a{30}",
    "(x+x+)+y",
    "^(a|b)*a(a|b){900}$",
    "(.*,){1,99}P",
]


@pytest.mark.parametrize("pattern", BOMBS)
def test_a_pattern_that_blows_up_other_engines_is_answered_or_given_up_after_bounded_work(
    pattern: str,
) -> None:
    compiled = compile_pattern(pattern)
    for text in ("a" * 10_000 + "!", "ab" * 5_000, "x" * 10_000):
        try:
            _, work = compiled.search(text, most_work=MOST_WORK)
        except PatternTooCostly as reason:
            assert str(reason) == "the search takes too long"
        else:
            assert 0 < work <= MOST_WORK + MOST_STATES


def test_a_pattern_of_too_many_states_is_refused() -> None:
    with pytest.raises(InvalidPattern, match="more than 5,000 states"):
        compile_pattern("a{1000}" * 6)


def test_a_pattern_that_may_be_too_large_for_re2_is_not_known() -> None:
    assert oracle(r"\PL{1000}", "a") is None
    with pytest.raises(UnsupportedPattern, match="repeated too often"):
        compile_pattern(r"\PL{1000}")
    for fine in (r"\PL{100}", ".{1000}" * 4, "[^a-z0-9_]{1000}" * 4):
        assert oracle(fine, "a") is found(fine, "a") is False


def test_groups_nested_too_deeply_are_refused() -> None:
    with pytest.raises(InvalidPattern, match="nested more than 50 deep"):
        parse_pattern("(" * 4_000)


def test_a_search_costs_the_same_whether_it_was_made_before_or_not() -> None:
    pattern = compile_pattern("(ab|ba)*c$")
    first, again = (pattern.search("abba" * 20, most_work=MOST_WORK) for _ in range(2))
    assert first == again
    assert first[1] > 80
