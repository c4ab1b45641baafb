"""`symbolon auditor prove`: proved, refuted by a token, or undecided, each with its own exit code."""

from __future__ import annotations

from pathlib import Path

import cvc5
import pytest

from policy.proving.answers import OF_TYPES
from tests.symbolon.conftest import Ask
from tests.symbolon.policies import ANYBODY, DIGEST, HARDENED, PINNED, STABLE, provider, written

KEYS = {"verdict", "counterexample", "assumptions", "attacked", "bounded", "reason", "record"}
PRODUCTION = 'assertion.dbgstat == "disabled-since-boot"'


def test_what_holds_is_proved_with_what_is_assumed(ask: Ask, anybody: Path) -> None:
    answered = ask("auditor", "prove", anybody, "--that", PRODUCTION, "--format", "json")
    assert answered.code == 0
    assert answered.json.keys() == KEYS
    assert (answered.json["verdict"], answered.json["counterexample"]) == ("proved", None)
    assert "a debug image has no support attribute" in answered.json["assumptions"]
    human = ask("auditor", "prove", anybody, "--that", PRODUCTION)
    assert human.out.startswith("PROVED  it is so of every admitted token\n")
    assert "· a debug image has no support attribute\n" in human.out


def test_every_proof_of_our_issuer_s_tokens_names_the_types_that_it_rests_on(
    ask: Ask, tmp_path: Path
) -> None:
    ours = written(tmp_path / "ours.json", provider("assertion.secboot"))
    theirs = provider("assertion.secboot", oidc={"issuerUri": "https://gitlab.com"})
    other = written(tmp_path / "theirs.json", theirs)
    for words in (
        ("prove", ours, "--that", "assertion.secboot != null"),
        ("prove", ours, "--values-of", "secboot"),
        ("diff", ours, ours),
        ("review", ours),
    ):
        document = ask("auditor", *words, "--format", "json").json
        assert OF_TYPES in document["assumptions"]
        assert OF_TYPES in document["record"]["assumptions"]
        assert OF_TYPES in ask("auditor", *words).out
    for words in (("prove", ours, "--that", "!assertion.secboot"), ("diff", other, other)):
        assert OF_TYPES not in ask("auditor", *words, "--format", "json").json["assumptions"]


def test_an_integer_is_one_of_64_bits(ask: Ask, tmp_path: Path) -> None:
    policy = written(tmp_path / "p.cel", "true")
    answered = ask("auditor", "prove", policy, "--that", "type(assertion.iat) == int", "--attack", "2000")
    assert answered.code == 0


def test_what_does_not_hold_is_refuted_by_a_whole_token(ask: Ask, anybody: Path) -> None:
    answered = ask("auditor", "prove", anybody, "--that", "assertion.secboot", "--format", "json")
    assert answered.code == 3
    assert answered.json.keys() == KEYS
    assert answered.json["verdict"] == "refuted"
    assert answered.json["counterexample"]["secboot"] is False
    assert answered.json["counterexample"]["swname"] == "CONFIDENTIAL_SPACE"
    human = ask("auditor", "prove", anybody, "--that", "assertion.secboot")
    assert human.out.startswith("REFUTED  a token is admitted of which it is not true\n")
    assert "secboot = false\n" in human.out


def test_a_proof_within_bounds_is_undecided_until_they_are_accepted(ask: Ask, tmp_path: Path) -> None:
    accounts = "assertion.google_service_accounts"
    policy = written(tmp_path / "p.cel", f"({accounts} + assertion.swversion).all(x, x == 'a')")
    arguments = ("auditor", "prove", policy, "--that", f"{accounts}.all(x, x == 'a')")
    answered = ask(*arguments, "--format", "json")
    assert (answered.code, answered.json["verdict"], answered.json["bounded"]) == (6, "undecided", True)
    assert any("has at most" in each for each in answered.json["assumptions"])
    assert ask(*arguments).out.startswith("UNDECIDED  it is proved only where")
    accepted = ask(*arguments, "--accept-bounds", "--format", "json")
    assert (accepted.code, accepted.json["verdict"], accepted.json["bounded"]) == (0, "proved", True)
    assert accepted.json["assumptions"] == [*answered.json["assumptions"], OF_TYPES]


def test_what_is_documented_is_all_there_is_only_for_whoever_assumes_it(ask: Ask, anybody: Path) -> None:
    values = ("auditor", "prove", anybody, "--values-of", "hwmodel", "--format", "json")
    assert ask(*values).json["verdict"] == "unbounded"
    assumed = ask(*values, "--assume", "documented-values").json
    assert (assumed["verdict"], len(assumed["values"])) == ("finite", 5)
    assert any(each.startswith("`hwmodel` is") for each in assumed["assumptions"])


def test_without_a_solver_it_is_undecided(ask: Ask, anybody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policy.proving.smt.solver.find_z3", lambda: None)
    answered = ask("auditor", "prove", anybody, "--that", "assertion.secboot", "--format", "json")
    assert (answered.code, answered.json["verdict"]) == (6, "undecided")
    assert "scripts/environment prove" in answered.json["reason"]
    assert ask("auditor", "prove", anybody, "--values-of", "swname").code == 6


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("production-image", 0),
        ("encrypted-memory", 3),
        ("pinned-image", 3),
        ("pinned-operator", 3),
        ("no-overrides", 3),
        ("satisfiable", 0),
        ("never-errors", 3),
    ],
)
def test_named_questions_are_answered(ask: Ask, anybody: Path, question: str, code: int) -> None:
    assert ask("auditor", "prove", anybody, "--question", question).code == code


def test_a_policy_that_admits_nobody_is_not_satisfiable(ask: Ask, tmp_path: Path) -> None:
    policy = written(tmp_path / "p.cel", 'assertion.swname == "a" && assertion.swname == "b"')
    answered = ask("auditor", "prove", policy, "--question", "satisfiable", "--format", "json")
    assert (answered.code, answered.json["counterexample"]) == (3, None)
    assert ask("auditor", "prove", policy, "--question", "satisfiable").out.startswith("REFUTED  nobody")


def test_a_proof_about_nobody_says_so(ask: Ask, tmp_path: Path) -> None:
    policy = written(tmp_path / "p.cel", 'assertion.swname == "a" && assertion.swname == "b"')
    answered = ask("auditor", "prove", policy, "--that", PRODUCTION, "--format", "json")
    assert (answered.code, answered.json["verdict"]) == (6, "vacuous")
    assert answered.json["reason"].startswith("nobody is admitted")
    assert ask("auditor", "prove", policy, "--that", PRODUCTION).out.startswith("VACUOUS  nobody is admitted")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--that", "x+"), "error: `--that`: line 1, column 3: expected an expression, found the end"),
        (("--that", ""), "error: `--that`: there is nothing in it"),
        (("--that", "assertion.secboot &&"), "found the end"),
        (("--that", "true) || (true"), "error: `--that`: line 1, column 5: expected an operator"),
        (("--that", "assertion.secboot and true"), "hint: write `&&`"),
        (("--that", "len(assertion.aud)"), "hint: write `size(…)`"),
        (("--values-of", "x+"), "error: `x+` is not a claim's path"),
        (("--values-of", "size(assertion.aud)"), "is not a claim's path"),
        (("--values-of", ""), "error: `` is not a claim's path"),
        (("--values-of", "swname", "--smt2", "x"), "error: --values-of asks no question that --smt2"),
        (("--question", "never-errors", "--smt2", "x"), "error: `never-errors` asks for no condition"),
    ],
)
def test_what_is_typed_wrong_is_wrong_usage(
    ask: Ask, anybody: Path, words: tuple[str, ...], said: str
) -> None:
    answered = ask("auditor", "prove", anybody, *words)
    assert (answered.code, answered.out) == (2, "")
    assert said in answered.err


def test_a_comment_at_a_condition_s_end_is_no_part_of_what_is_asked_beside_it(
    ask: Ask, tmp_path: Path
) -> None:
    policy = written(tmp_path / "p.cel", 'assertion.dbgstat == "disabled-since-boot" // production')
    answered = ask("auditor", "prove", policy, "--that", 'assertion.dbgstat != "enabled" // no debugging')
    assert (answered.code, answered.err) == (0, "")
    assert answered.out.startswith("PROVED")
    assert ask("auditor", "review", policy).code == 3


def test_a_claim_may_be_written_from_its_root(ask: Ask, anybody: Path) -> None:
    for claim in ('assertion["swname"]', "assertion.swname", "swname"):
        answered = ask("auditor", "prove", anybody, "--values-of", claim, "--format", "json")
        assert answered.json["values"] == ["CONFIDENTIAL_SPACE"]


def test_of_an_attribute_that_nothing_is_mapped_to_there_are_no_values(ask: Ask, tmp_path: Path) -> None:
    policy = written(tmp_path / "p.json", provider("assertion.secboot"))
    answered = ask("auditor", "prove", policy, "--values-of", "attribute.zone")
    assert (answered.code, answered.out) == (7, "")
    assert answered.err == (
        "error: the policy maps nothing to `attribute.zone`\nhint: it maps `google.subject`\n"
    )


def test_a_number_that_not_every_reader_of_json_reads_is_named(ask: Ask, tmp_path: Path) -> None:
    policy = written(tmp_path / "p.cel", f"assertion.iat >= {2**53 + 1}")
    words = ("auditor", "prove", policy, "--that", "assertion.secboot")
    assert ask(*words, "--format", "json").json["inexact"] == ["iat"]
    assert "note: the number of `iat` is beyond 2⁵³" in ask(*words).out
    changed = written(tmp_path / "q.cel", "assertion.iat < 5")
    diff = ("auditor", "diff", changed, policy)
    assert ask(*diff, "--format", "json").json["inexact"] == ["iat"]
    assert "note: the number of `iat` is beyond 2⁵³" in ask(*diff).out


def test_a_script_that_finds_no_room_is_one_line_and_a_hint(ask: Ask, anybody: Path, tmp_path: Path) -> None:
    for place in ("/dev/full", str(tmp_path), str(tmp_path / "nowhere" / "x.smt2")):
        answered = ask("auditor", "prove", anybody, "--that", "true", "--smt2", place)
        assert (answered.code, answered.out) == (7, "")
        assert answered.err.startswith("error: cannot write ")
        assert answered.err.splitlines()[1].startswith("hint: name a place that can be written to")


def test_somebody_who_is_admitted_is_shown(ask: Ask, tmp_path: Path) -> None:
    policy = written(tmp_path / "p.toml", HARDENED)
    assert (
        'google_service_accounts = ["workload'
        in ask("auditor", "prove", policy, "--question", "satisfiable").out
    )


def test_a_counterexample_is_as_near_to_the_sample_as_can_be(ask: Ask, anybody: Path, tmp_path: Path) -> None:
    arguments = ("auditor", "prove", anybody, "--that", "assertion.secboot", "--format", "json")
    found = ask(*arguments).json["counterexample"]
    sample = written(tmp_path / "sample.json", found | {"secboot": True, "hwmodel": "GCP_INTEL_TDX"})
    near = ask(*arguments, "--sample", sample).json["counterexample"]
    assert (near["hwmodel"], near["secboot"]) == ("GCP_INTEL_TDX", False)


def test_what_a_bare_condition_s_token_is_mapped_to_is_shown_with_it(ask: Ask, tmp_path: Path) -> None:
    policy = written(tmp_path / "p.cel", 'attribute.team == "blue"')
    arguments = ("auditor", "prove", policy, "--that", "assertion.secboot")
    assert ask(*arguments, "--format", "json").json["attribute"] == {"team": "blue"}
    assert 'attribute.team = "blue"\n' in ask(*arguments).out


def test_why_it_is_not_so_is_said_where_all_that_it_reads_is_shown(ask: Ask, tmp_path: Path) -> None:
    bare = written(tmp_path / "bare.cel", 'google.subject == "a" && attribute.kind == "b"')
    said = ask("auditor", "prove", bare, "--that", 'google.subject == "b" && attribute.kind == "b"').out
    assert 'not so: `google.subject` is "a", must be "b"' in said
    assert said.count("not so:") == 1
    mapped = written(tmp_path / "mapped.json", provider(ANYBODY))
    said = ask("auditor", "prove", mapped, "--that", 'attribute.exists(name, name == "other")').out
    assert said.startswith("REFUTED") and "not so:" not in said


def test_all_values_of_a_pinned_claim_are_listed(ask: Ask, tmp_path: Path) -> None:
    policy = written(tmp_path / "p.json", provider(PINNED))
    arguments = ("auditor", "prove", policy, "--values-of", "submods.container.image_digest")
    answered = ask(*arguments, "--format", "json")
    assert answered.code == 0
    assert (answered.json["verdict"], answered.json["values"]) == ("finite", [DIGEST])
    assert ask(*arguments).out.startswith("1 VALUE  ")


def test_of_a_claim_that_can_be_anything_there_are_two_examples(ask: Ask, anybody: Path) -> None:
    arguments = ("auditor", "prove", anybody, "--values-of", "submods.gce.zone")
    document = ask(*arguments, "--format", "json").json
    assert (document["verdict"], document["values"], len(document["examples"])) == ("unbounded", None, 2)
    assert ask(*arguments).out.startswith("UNBOUNDED  ")


def test_of_a_list_the_elements_are_shown_that_its_policy_names_and_those_that_are_always_in_it(
    ask: Ask, tmp_path: Path
) -> None:
    policy = written(tmp_path / "p.cel", f'{STABLE} && "a@x.example" in assertion.google_service_accounts')
    arguments = ("auditor", "prove", policy, "--values-of", "google_service_accounts")
    document = ask(*arguments, "--format", "json").json
    assert (document["verdict"], document["of"]) == ("unbounded", "elements")
    assert document["at_least"] == ["a@x.example"]
    assert document["examples"][0] == "a@x.example"
    assert not {"", "a", "STABLE"} & set(document["examples"])
    assert "an element of `google_service_accounts` can be anything" in ask(*arguments).out


def test_an_element_that_some_admitted_token_lacks_is_not_said_to_be_there_always(
    ask: Ask, tmp_path: Path
) -> None:
    condition = " || ".join(f'"{each}@x.example" in assertion.google_service_accounts' for each in "ab")
    policy = written(tmp_path / "p.cel", condition)
    arguments = ("auditor", "prove", policy, "--values-of", "google_service_accounts", "--format", "json")
    document = ask(*arguments).json
    assert (document["at_least"], document["examples"]) == ([], ["a@x.example", "b@x.example"])


@pytest.mark.parametrize(
    ("claim", "message", "hint"),
    [
        ("hwmodl", "`hwmodl` is no documented claim of the token", "did you mean `hwmodel`?"),
        (
            "assertion.submods.gce.zon",
            "`submods.gce.zon` is no documented claim of the token",
            "did you mean `zone`?",
        ),
        (
            "nosuchthing",
            "`nosuchthing` is no documented claim of the token",
            "docs/reference/claims.md lists every claim",
        ),
    ],
)
def test_a_claim_that_no_token_has_is_an_error_with_the_nearest_name(
    ask: Ask, anybody: Path, claim: str, message: str, hint: str
) -> None:
    answered = ask("auditor", "prove", anybody, "--values-of", claim)
    assert (answered.code, answered.out) == (7, "")
    assert answered.err == f"error: {message}\nhint: {hint}\n"


def test_a_claim_that_the_policy_itself_reads_is_asked_about_though_nobody_documents_it(
    ask: Ask, tmp_path: Path
) -> None:
    policy = written(tmp_path / "p.cel", 'assertion.newclaim == "a"')
    answered = ask("auditor", "prove", policy, "--values-of", "newclaim", "--format", "json")
    assert "no claim" not in answered.err
    assert answered.code in (0, 6)


def test_a_slip_that_the_policy_itself_makes_is_named_where_its_values_are_undecided(
    ask: Ask, tmp_path: Path
) -> None:
    policy = written(tmp_path / "p.cel", 'assertion.hwmodl == "GCP_AMD_SEV"')
    answered = ask("auditor", "prove", policy, "--values-of", "hwmodl", "--format", "json")
    said = "`hwmodl` is no documented claim of the token: did you mean `hwmodel`?"
    assert (answered.code, answered.json["reason"]) == (6, said)


def test_a_question_that_reads_no_documented_claim_is_answered_with_that_said(
    ask: Ask, anybody: Path
) -> None:
    arguments = ("auditor", "prove", anybody, "--that", "!has(assertion.hwmodl)")
    said = "`hwmodl` is no documented claim of the token: did you mean `hwmodel`?"
    assert ask(*arguments, "--format", "json").json["notes"] == [said]
    assert f"{said}\n" in ask(*arguments).out
    assert "notes" not in ask("auditor", "prove", anybody, "--that", PRODUCTION, "--format", "json").json


def test_of_another_issuer_s_tokens_no_claim_is_called_unknown(ask: Ask, tmp_path: Path) -> None:
    other = provider('assertion.repository == "a/b"', oidc={"issuerUri": "https://issuer.example"})
    policy = written(tmp_path / "p.json", other)
    assert "no claim" not in ask("auditor", "prove", policy, "--values-of", "repository").err


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        pytest.param(("--that", PRODUCTION), "unsat", id="proved"),
        pytest.param(("--that", "assertion.secboot"), "sat", id="refuted"),
        pytest.param(("--question", "production-image"), "unsat", id="a named question"),
        pytest.param(("--question", "satisfiable"), "sat", id="somebody is admitted"),
    ],
)
def test_another_solver_reads_what_is_written(
    ask: Ask, anybody: Path, tmp_path: Path, asked: tuple[str, str], answer: str
) -> None:
    script = tmp_path / "question.smt2"
    assert ask("auditor", "prove", anybody, *asked, "--smt2", script).code in (0, 3)
    solver = cvc5.Solver()
    parser = cvc5.InputParser(solver)
    parser.setFileInput(cvc5.InputLanguage.SMT_LIB_2_6, str(script))
    said = []
    while not (command := parser.nextCommand()).isNull():
        said.append(command.invoke(solver, parser.getSymbolManager()).strip())
    assert said[-1] == answer


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param((), 2, id="no question"),
        pytest.param(("--that", "true", "--question", "satisfiable"), 2, id="two questions"),
        pytest.param(("--question", "is-it-good"), 2, id="an unknown question"),
        pytest.param(("--that", "true", "--budget", "0"), 2, id="no time"),
        pytest.param(("--that", "true", "--budget", "nan"), 2, id="no number of seconds"),
        pytest.param(("--values-of", "swname", "--smt2", "x"), 2, id="no script for values"),
        pytest.param(("--question", "never-errors", "--smt2", "x"), 2, id="no script for errors"),
        pytest.param(("--that", "assertion.swname =="), 2, id="an expression cut short"),
        pytest.param(("--that", "true", "--smt2", "/nonexistent/x"), 7, id="a file that cannot be written"),
        pytest.param(("--that", "true", "--sample", "/nonexistent/x"), 7, id="a sample that is not there"),
        pytest.param(("--values-of", "no such claim"), 2, id="no path"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    ask: Ask, anybody: Path, arguments: tuple[str, ...], code: int
) -> None:
    answered = ask("auditor", "prove", anybody, *arguments)
    assert (answered.code, answered.out) == (code, "")
    assert "Traceback" not in answered.err


def test_a_proof_says_by_what_it_was_attacked(ask: Ask, anybody: Path) -> None:
    asked = ("auditor", "prove", anybody, "--that", PRODUCTION)
    attacked = "attacked with 300 tokens by our own evaluator and Google's runtime"
    assert ask(*asked, "--format", "json").json["attacked"] == attacked
    assert f"beside the proof\n  · {attacked}\n" in ask(*asked).out
    assert ask(*asked, "--attack", "0", "--format", "json").json["attacked"] == "not attacked"
    assert ask(*asked, "--attack", "x").code == 2


def test_a_proof_that_an_attack_refutes_is_not_printed(
    ask: Ask, anybody: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("policy.proving.attacking.proof_of", lambda *_: lambda: lambda case: True)
    monkeypatch.setattr("policy.proving.asking.proof_of", lambda *_: lambda: lambda case: True)
    answered = ask("auditor", "prove", anybody, "--that", PRODUCTION, "--format", "json")
    assert (answered.code, answered.json["verdict"]) == (6, "undecided")
    assert "Google's runtime admits a token that refutes it, and we do not" in answered.json["reason"]
