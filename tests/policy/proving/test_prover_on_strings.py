"""What is made of a claim by a function is decided where there is a formula, and said where there is none."""

from __future__ import annotations

import pytest

from policy.proving.answers import Found, NoneFound, Proved, Undecided
from policy.proving.prover import Prover
from tests.policy.proving.asking import CONTAINER, ZONE


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (
            f"{ZONE}.lowerAscii() == assertion.submods.gce.instance_name",
            "`lowerAscii` of a claim that is compared with another cannot be decided",
        ),
        ("timestamp(assertion.iat) < timestamp(0)", "`timestamp`, which is of times, cannot be decided"),
        (
            "google.protobuf.Int64Value{value: assertion.iat} == 1",
            "the message `google.protobuf.Int64Value{…}` cannot be decided",
        ),
        (
            "google.protobuf.Timestamp != type(1)",
            "what may be a type or a constant of Google's cannot be decided",
        ),
        *(
            (text, f"`{name}`, of which it is not known whether Google takes it, cannot be decided")
            for name, text in (
                ("trim", "assertion.swname.trim() == 'GCE'"),
                ("trim", "'a'.trim() == 'b'"),
                ("trim", "'a'.trim() == 'b' && assertion.swname == 'GCE'"),
                ("quote", "strings.quote(assertion.swname) == 'GCE'"),
                ("substring", "assertion.secboot ? true : assertion.swname.substring(1) == 'CE'"),
            )
        ),
    ],
)
def test_what_a_function_makes_of_it_is_not_decided(prover: Prover, condition: str, reason: str) -> None:
    answer = prover.prove(condition, "assertion.dbgstat == 'enabled'")
    assert isinstance(answer, Undecided)
    assert answer.reason.partition(", at characters")[0] == reason


def test_the_small_letters_of_a_constant_are_known(prover: Prover) -> None:
    condition = "assertion.submods.gce.project_id == 'SECUNDUS'.lowerAscii()"
    assert isinstance(prover.prove(condition, "assertion.submods.gce.project_id == 'secundus'"), Proved)


@pytest.mark.parametrize(
    ("condition", "that"),
    [
        (f'{ZONE}.lowerAscii() == "us"', f'{ZONE} in ["us", "Us", "uS", "US"]'),
        (f'{ZONE}.lowerAscii() == "US"', "false"),
        (f'!({ZONE}.lowerAscii() in ["a", "b"])', f'!({ZONE} in ["a", "b", "A", "B"])'),
        (f'{ZONE}.lowerAscii().startsWith("us-")', f'{ZONE}.matches("^[uU][sS]-")'),
        (f'{ZONE}.matches("^[A-Z]+$")', f'{ZONE}.lowerAscii().matches("^[a-z]+$")'),
        (f'({ZONE} + "-X").lowerAscii() == "a-x"', f'{ZONE} in ["a", "A"]'),
        (f'{ZONE}.extract("a{{x}}").lowerAscii() == "b"', f'{ZONE}.matches("a[bB]$")'),
        (
            f'{ZONE}.lowerAscii().extract("a{{x}}c").extract("{{y}}b") == "x"',
            f'{ZONE}.matches("[aA][xX][bB]")',
        ),
        (f'{ZONE}.lowerAscii() > "z"', f'{ZONE} > "Z"'),
    ],
)
def test_the_small_letters_of_a_claim_are_decided(prover: Prover, condition: str, that: str) -> None:
    assert isinstance(prover.prove(condition, that), Proved)
    if that != "false":
        assert isinstance(prover.find_admitted(condition), Found)


@pytest.mark.parametrize("view", ['extract("A{x}/")', "lowerAscii()"])
def test_two_names_of_variables_may_be_one_when_only_a_part_of_them_is_seen(
    prover: Prover, view: str
) -> None:
    env = f"{CONTAINER}.env"
    seen = "b" if "extract" in view else "a"
    one, other = ('k.endsWith("/1")', 'k.endsWith("/2")') if "extract" in view else ('k == "a"', 'k == "A"')
    condition = " && ".join(f'{env}.exists(k, k.{view} == "{seen}" && {each})' for each in (one, other))
    found = prover.find_admitted(condition)
    assert isinstance(found, Found)
    none = f'size({env}) == 3 && {env}.all(k, k.lowerAscii() == "a")'
    assert isinstance(prover.find_admitted(none), NoneFound)


@pytest.mark.parametrize(
    ("condition", "that"),
    [
        (f'{ZONE}.matches("^\\\\pL+$")', f'{ZONE}.matches("\\\\pL")'),
        (f'!{ZONE}.matches("\\\\PL")', f'!{ZONE}.matches("1")'),
    ],
)
def test_what_rests_on_the_category_of_a_character_to_come_is_not_proved(condition: str, that: str) -> None:
    with Prover(budget_s=60) as patient:
        assert not isinstance(patient.prove(condition, that), Proved)
        assert isinstance(patient.prove(f"{condition} && assertion.secboot", "assertion.secboot"), Proved)
