"""Whoever hands in the wrong thing for a token is told what it is, and where the right one is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from symbolon.token_mistakes import whose
from tests.attestation.signing import NOW
from tests.symbolon.auditor.explaining import Case, claims
from tests.symbolon.conftest import Ask

FILE = "/run/container_launcher/attestation_verifier_claims_token"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"

TEXTS = {
    "line breaks": (f"{TOKEN[:20]}\n{TOKEN[20:40]}\r\n{TOKEN[40:]}", "broken over several lines"),
    "double quotes": (f'"{TOKEN}"', "leave out the quotes"),
    "single quotes": (f"'{TOKEN}'", "leave out the quotes"),
    "typographic quotes": (f"\u201c{TOKEN}\u201d", "leave out the quotes"),
    "Bearer": (f"Bearer {TOKEN}", "leave out the word `Bearer`"),
    "a header": (f"Authorization: bearer {TOKEN}", "leave out the word `Bearer`"),
    "an access token": ("ya29.a0AfH6SMBx.secret", "an access token of Google's"),
    "an access token of STS": ("ya29.d.b0Aaekm1K.x", "an access token of Google's"),
    "a refresh token": ("1//0gabc", "an access token of Google's"),
    "somebody else's": ("ghp_abcdef", "an access token of somebody else's"),
    "no signature": (TOKEN.rpartition(".")[0], "the signature, was left out"),
    "an encrypted one": ("a.b.c.d.e", "encrypted (JWE)"),
    "a certificate": ("-----BEGIN CERTIFICATE-----", "a certificate in PEM"),
    "a web page": ("<html></html>", "a web page"),
    "one quotation mark": (f'"{TOKEN}', "the token alone is wanted"),
    "a comma": (f"{TOKEN},", "the token alone is wanted"),
    "a shell's sign": (f"{TOKEN}%", "the token alone is wanted"),
    "a name before it": (f"token={TOKEN}", "the token alone is wanted"),
    "a prompt": (f"$ cat token\n{TOKEN}", "the token alone is wanted"),
    "an answer of HTTP": (f"HTTP/1.1 200 OK\r\n\r\n{TOKEN}", "the token alone is wanted"),
    "two of them": (f"{TOKEN}\n{TOKEN}", "there are 2 tokens"),
    "dots for its middle": (f"{TOKEN[:9]}...{TOKEN[-9:]}", "left out of its middle"),
    "an ellipsis for its middle": (f"{TOKEN[:9]}\u2026{TOKEN[-9:]}", "left out of its middle"),
    "padding": (f"{TOKEN}==", "without `=`"),
    "base64": (f"{TOKEN[:-4]}+/+/", "written in base64url"),
    "something invisible": (f"{TOKEN[:30]}\u200b{TOKEN[30:]}", "perhaps invisible ones"),
    "nothing": ("", "nothing in it"),
}


@pytest.mark.parametrize(("text", "hint"), TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("verified", [True, False], ids=["verified", "unverified"])
def test_a_text_that_is_no_token_gets_a_hint_and_is_not_repeated(
    ask: Ask, tmp_path: Path, text: str, hint: str, verified: bool
) -> None:
    case = Case(tmp_path)
    case.token.write_text(text, encoding="utf-8")
    answered = ask(*(case.verified() if verified else case.unverified()))
    assert answered.code == 4
    assert hint in answered.err.splitlines()[1]
    assert not text or text[:9] not in answered.err


FILES = {
    "a policy file": '[what]\nimage_digests = ["a.b.c.d.e"]\n',
    "a file in TOML": "[model]\nuri = 'gs://primus/model'\n",
    "YAML as gcloud prints it": "attributeCondition: assertion.swname == 'x'\nname: x\n",
    "Terraform's source": 'resource "google_iam_workload_identity_pool" "pool" {\n}\n',
    "a Markdown page": "# Tokens\n\nThey have three parts.\n",
    "a script": "#!/bin/sh\necho a.b.c\n",
    "a list in JSON": '["a", "b"]',
    "a condition": 'assertion.swname == "CONFIDENTIAL_SPACE" && assertion.submods.gce.zone == "a"',
}


@pytest.mark.parametrize(("what", "text"), FILES.items(), ids=FILES)
def test_a_file_of_another_kind_is_named_and_is_no_token_that_was_rejected(
    ask: Ask, tmp_path: Path, what: str, text: str
) -> None:
    case = Case(tmp_path)
    case.token.write_text(text)
    for command in (case.verified(), case.unverified()):
        answered = ask(*command)
        assert answered.code == 7
        assert answered.err.startswith(f"error: this is {what}, where a token is wanted\nhint: ")


def test_a_json_file_of_another_kind_is_named_beside_keys_too(ask: Ask, tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.token.write_text(json.dumps({"keys": []}))
    assert "this is a key set" in ask(*case.verified()).err


@pytest.mark.parametrize(
    ("issuer", "said"),
    [
        ("https://portal.trustauthority.intel.com", "a token of Intel Trust Authority"),
        ("https://issuer.example", "its issuer is `https://issuer.example`, where `https://confid"),
        (None, "its issuer is not there, where"),
    ],
)
def test_whatever_else_is_wrong_with_another_issuer_s_token_the_hint_says_whose_it_is(
    ask: Ask, tmp_path: Path, issuer: str | None, said: str
) -> None:
    case = Case(tmp_path)
    case.sign({"iss": issuer, "aud": "x"} if issuer else {"aud": "x"})
    answered = ask(*case.verified())
    assert answered.code == 4
    assert said in answered.err.splitlines()[1]


@pytest.mark.parametrize(
    ("issuer", "what"),
    [
        ("https://accounts.google.com", "an ID token of a Google account"),
        ("https://token.actions.githubusercontent.com", "a token of GitHub Actions"),
        ("https://container.googleapis.com/v1/projects/p/locations/l/clusters/c", "Kubernetes"),
        ("https://sts.windows.net/tenant/", "Microsoft"),
    ],
)
def test_a_token_of_somebody_else_s_is_named(ask: Ask, tmp_path: Path, issuer: str, what: str) -> None:
    case = Case(tmp_path)
    case.sign(claims(iss=issuer))
    for command in (case.verified(), case.unverified()):
        answered = ask(*command)
        assert answered.code == 4
        assert what in answered.err.splitlines()[1]
        assert FILE in answered.err.splitlines()[1]


def test_a_condition_alone_answers_anybody_s_token_and_says_whose_it_is(ask: Ask, tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.policy.write_text("true")
    case.sign(claims(iss="https://accounts.google.com"))
    answered = ask(*case.unverified())
    assert (answered.code, answered.err) == (0, "")
    assert "it says that it is an ID token of a Google account" in answered.out


def test_an_issuer_that_only_begins_alike_is_nobody_s() -> None:
    assert whose("https://accounts.google.com.evil.example") == ""
    assert whose("https://gitlab.company.example") == whose(None) == ""
    assert whose("https://confidentialcomputing.googleapis.com") == ""


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"type": "service_account", "private_key": "secret"}, "this is a service account's key"),
        ({"attributeMapping": {}, "oidc": {}}, "this is a provider"),
        ({"access_token": "secret", "expires_in": 3599}, "this is an answer with a token in it"),
        ({"token": TOKEN, "note": "secret"}, "this is an answer with a token in it"),
    ],
)
def test_json_that_is_no_token_s_claims_is_named(
    ask: Ask, tmp_path: Path, document: dict[str, Any], message: str
) -> None:
    case = Case(tmp_path)
    case.token.write_text(json.dumps(document))
    answered = ask(*case.unverified())
    assert answered.code == 7
    assert answered.err.startswith(f"error: {message}, where ")
    assert "secret" not in answered.err


def test_the_moments_of_a_token_that_is_out_of_time_are_shown_as_moments(ask: Ask, tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.sign(claims(iat=NOW - 7200, nbf=NOW - 7200, exp=NOW - 3600))
    hint = ask(*case.verified()).err.splitlines()[1]
    assert f"exp {NOW - 3600} (2027-01-15T07:00:00Z)" in hint
    assert "`--at`" in hint


def test_a_time_that_a_clause_reads_is_shown_as_a_moment(ask: Ask, tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.policy.write_text(f"assertion.exp < {NOW} && assertion.iat >= 0")
    out = ask(*case.unverified()).out
    assert f"`exp` is {NOW + 3600} (2027-01-15T09:00:00Z), must be < {NOW} (2027-01-15T08:00:00Z)" in out
    assert f"`iat` is {NOW} (2027-01-15T08:00:00Z)" in out


def test_a_token_that_was_made_for_another_audience_is_answered_where_that_is_asked_for(
    ask: Ask, tmp_path: Path
) -> None:
    case = Case(tmp_path)
    case.sign(claims(aud="https://sts.googleapis.com"))
    for command in (case.verified(), case.unverified()):
        refused = ask(*command)
        assert refused.code == 4
        assert "--audience https://sts.googleapis.com" in refused.err
        assert "--allowed-audiences" in refused.err
        asked = ask(*command, "--audience", "https://sts.googleapis.com")
        assert asked.code == 0
        assert "STS would refuse its audience, `https://sts.googleapis.com`" in asked.out
        document = ask(*command, "--audience", "https://sts.googleapis.com", "--format", "json").json
        assert document["audience"] == {"asked": "https://sts.googleapis.com", "accepted": False}
        assert ask(*command, "--audience", "https://elsewhere.example").code == 4


def test_an_audience_that_the_provider_accepts_is_nothing_to_speak_of(ask: Ask, tmp_path: Path) -> None:
    case = Case(tmp_path)
    audience = ("--audience", str(claims()["aud"]))
    assert "STS would refuse" not in ask(*case.verified(), *audience).out
    assert "audience" not in ask(*case.verified(), *audience, "--format", "json").json


def test_a_condition_alone_can_be_asked_with_an_audience(ask: Ask, tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.policy.write_text("true")
    assert ask(*case.verified(), "--audience", "https://elsewhere.example").code == 4
    asked = ask(*case.verified(), "--audience", str(claims()["aud"]))
    assert (asked.code, "NOT checked" in asked.out) == (0, False)
