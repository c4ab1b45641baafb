"""An answer is a record: when, by which version, to which question, about which files, word by word."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest

import symbolon.auditor.arguments
import symbolon.owner.arguments
from attestation.issuer import ISSUER
from symbolon.auditor.review import review_policy
from symbolon.policy_files import NamedText
from symbolon.reports import print_report
from symbolon.reports.record import record_of
from symbolon.reports.report import Report
from tests.attestation.signing import NOW as SIGNED_AT
from tests.attestation.signing import every_claim, jwk, rsa_key, signed
from tests.symbolon.conftest import Ask
from tests.symbolon.policies import ANYBODY, HARDENED, STABLE, provider, written

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
MOMENT = "2026-01-31T12:00:00Z"
COMMANDS = {
    "review": ("auditor", "review"),
    "lint": ("owner", "policy", "lint"),
    "prove": ("auditor", "prove", "--that", "assertion.secboot"),
    "question": ("auditor", "prove", "--question", "no-overrides"),
    "values": ("auditor", "prove", "--values-of", "swname"),
}


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    for room in (symbolon.auditor.arguments, symbolon.owner.arguments):
        monkeypatch.setattr(room, "now", lambda: NOW)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("output", ["human", "json", "html", "markdown"])
def test_every_answer_says_when_by_what_and_about_which_file_it_was_given(
    ask: Ask, tmp_path: Path, words: tuple[str, ...], output: str
) -> None:
    policy = written(tmp_path / "p.cel", ANYBODY)
    out = ask(*words, policy, "--format", output).out
    for said in (MOMENT, version("symbolon"), sha256(policy), STABLE[:8].replace('"', "")):
        assert said in out


@pytest.mark.parametrize("output", ["human", "json"])
def test_an_explanation_is_a_record_too(ask: Ask, tmp_path: Path, output: str) -> None:
    policy = written(tmp_path / "p.cel", ANYBODY)
    token = written(tmp_path / "claims.json", {"iss": ISSUER, "swname": "GCE"})
    files = ("--policy", policy, "--token", token, "--unsafe-unverified", "--at", "1757060250")
    out = ask("auditor", "explain", *files, "--format", output).out
    for said in (MOMENT, version("symbolon"), sha256(policy), sha256(token), "as of 2025-09-05T08:17:30Z"):
        assert said in out
    assert "nothing was verified" in out
    assert "the provider accepts the token's audience" in out


def test_an_explanation_repeats_the_key_set_and_of_a_token_its_sum_alone(ask: Ask, tmp_path: Path) -> None:
    policy = written(tmp_path / "p.json", provider(ANYBODY))
    token = tmp_path / "t.jwt"
    audience = f"https://iam.googleapis.com/{provider(ANYBODY)['name']}"
    claims = every_claim() | {"aud": audience}
    token.write_text(signed({"alg": "RS256", "kid": "day", "typ": "JWT"}, claims, rsa_key("day")))
    keys = written(tmp_path / "keys.json", {"keys": [jwk("day", rsa_key("day").public_key())]})
    files = ("--policy", policy, "--token", token, "--jwks", keys, "--at", str(SIGNED_AT + 60))
    for output in ("human", "json"):
        answered = ask("auditor", "explain", *files, "--format", output)
        assert answered.code == 0
        assert token.read_text() not in answered.out
    record = answered.json["record"]
    assert [(each["role"], each["sha256"], each["text"]) for each in record["inputs"]] == [
        ("policy", sha256(policy), policy.read_text()),
        ("token", sha256(token), None),
        ("jwks", sha256(keys), keys.read_text()),
    ]
    assert record["assumptions"] == []


def test_an_explanation_by_several_providers_has_one_record(ask: Ask, tmp_path: Path) -> None:
    policy = written(tmp_path / "list.json", [provider(ANYBODY), provider(ANYBODY, name="second")])
    audience = "https://elsewhere.example"
    token = written(tmp_path / "claims.json", {"iss": ISSUER, "aud": audience, "swname": "GCE"})
    files = ("--policy", policy, "--token", token, "--unsafe-unverified", "--audience", audience)
    record = ask("auditor", "explain", *files, "--format", "json").json["record"]
    assert [each["sha256"] for each in record["inputs"]] == [sha256(policy), sha256(token)]
    assert f"the provider accepts the audience `{audience}`" in record["assumptions"]
    assert sha256(token) in ask("auditor", "explain", *files).out


def test_json_holds_the_whole_record(ask: Ask, tmp_path: Path) -> None:
    policy = written(tmp_path / "p.cel", ANYBODY)
    question = ("--that", 'assertion.dbgstat == "disabled-since-boot"', "--format", "json")
    document = ask("auditor", "prove", policy, *question).json
    assert document["record"] == {
        "made_at": MOMENT,
        "symbolon": version("symbolon"),
        "question": 'is it so of every admitted token: assertion.dbgstat == "disabled-since-boot"',
        "inputs": [{"role": "policy", "name": str(policy), "sha256": sha256(policy), "text": ANYBODY}],
        "assumptions": document["assumptions"],
    }
    assert document["assumptions"]


def test_sarif_names_the_version_the_moment_and_each_file_with_its_sum(ask: Ask, tmp_path: Path) -> None:
    policy = written(tmp_path / "p.json", provider(ANYBODY))
    beside = written(tmp_path / "bindings.json", {"bindings": []})
    (run,) = ask("auditor", "review", policy, "--bindings", beside, "--format", "sarif").json["runs"]
    assert run["tool"]["driver"]["version"] == version("symbolon")
    assert run["invocations"] == [{"executionSuccessful": True, "endTimeUtc": MOMENT}]
    assert [each["hashes"]["sha-256"] for each in run["artifacts"]] == [sha256(policy), sha256(beside)]
    assert run["artifacts"][0]["contents"]["text"] == policy.read_text()
    assert run["properties"]["question"].startswith("what does it admit")
    assert "a debug image has no support attribute" in run["properties"]["assumptions"]


def test_the_sum_is_that_of_the_file_s_bytes(ask: Ask, tmp_path: Path) -> None:
    policy = tmp_path / "p.cel"
    policy.write_bytes(b"\xef\xbb\xbf" + ANYBODY.replace("\n", "\r\n").encode())
    (given,) = ask("auditor", "review", policy, "--format", "json").json["record"]["inputs"]
    assert given["sha256"] == sha256(policy)


def test_a_difference_records_both_policies_and_the_sample(ask: Ask, tmp_path: Path) -> None:
    old, new = written(tmp_path / "old.cel", "true"), written(tmp_path / "new.cel", ANYBODY)
    sample = written(tmp_path / "sample.json", {"hwmodel": "GCP_INTEL_TDX"})
    record = ask("auditor", "diff", old, new, "--sample", sample, "--format", "json").json["record"]
    assert [(each["role"], each["sha256"]) for each in record["inputs"]] == [
        ("old", sha256(old)),
        ("new", sha256(new)),
        ("sample", sha256(sample)),
    ]


def test_a_token_is_recorded_by_its_sum_alone(capsys: pytest.CaptureFixture[str]) -> None:
    token = NamedText(name="t.jwt", text="header.payload.signature", is_token=True)
    record = record_of("why?", [("sample", token)], now=NOW)
    report = Report(title="t", about="a", answer="A", tone="good", verdict="v", sections=(), record=record)
    for output in ("human", "html", "markdown"):
        print_report(report, output=output)
    shown = capsys.readouterr().out + json.dumps(record.document())
    assert token.sha256 in shown
    assert "header.payload.signature" not in shown


def test_of_a_very_long_file_a_terminal_and_markdown_show_the_beginning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = NamedText(name="p.cel", text="\n".join(f"line {i} {'x' * 50}" for i in range(1000)))
    record = record_of("why?", [("policy", text)], now=NOW)
    report = Report(title="t", about="a", answer="A", tone="good", verdict="v", sections=(), record=record)
    for output, shown, hidden in (("human", "line 39 ", "line 40 "), ("markdown", "line 500 ", "line 900 ")):
        print_report(report, output=output)
        out = capsys.readouterr().out
        assert shown in out
        assert hidden not in out
        assert text.sha256 in out


@pytest.mark.parametrize(
    ("content", "verdict"), [(ANYBODY, "fail"), (HARDENED, "pass")], ids=["what fails", "what passes"]
)
@pytest.mark.parametrize("words", [COMMANDS["review"], COMMANDS["lint"]], ids=["review", "lint"])
def test_the_verdict_is_one_of_three_words_and_the_sentence_stands_beside_it(
    ask: Ask, tmp_path: Path, words: tuple[str, ...], content: str, verdict: str
) -> None:
    document = ask(*words, written(tmp_path / "p", content), "--format", "json").json
    assert document["verdict"] == verdict
    assert "findings" in document["summary"]


def test_without_a_solver_the_verdict_is_undecided(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("policy.proving.smt.solver.find_z3", lambda: None)
    policy = written(tmp_path / "p.toml", HARDENED)
    assert ask("auditor", "review", policy, "--format", "json").json["verdict"] == "undecided"


def test_the_day_that_a_waiver_is_held_against_is_the_record_s(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waiver = 'rule = "unencrypted-memory-admitted"\nreason = "a test"\nowner = "me@primus.example"\n'
    loose = HARDENED.replace("[what]", '[where]\nunsafe_not_asked = ["hwmodels"]\n[what]')
    policy = written(tmp_path / "p.toml", f"{loose}\n[[waiver]]\n{waiver}expires = 2026-01-31\n")
    codes = [
        review_policy(
            policy=str(policy),
            bindings=None,
            image=None,
            fail_on="high",
            accept_bounds=False,
            attack=0,
            output="json",
            now=NOW.replace(month=month, day=1),
        )
        for month in (1, 2)
    ]
    assert codes == [0, 3]
    capsys.readouterr()
