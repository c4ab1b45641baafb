"""Who can open a sealed model by the key's policy: one thing changed in a row, and hostile ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attestation.errors import ExitCode, Misconfigured
from contract.terms import parse_terms
from symbolon.auditor.image_seal import Seal, seal_of
from symbolon.policy_files import NamedText

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "terms.md").read_text()
TERMS = parse_terms(PAGE.partition("```toml\n")[2].partition("```")[0])
DIGEST = "sha256:" + "1" * 64
OTHER = "sha256:" + "2" * 64
AUDIENCE = TERMS.credential.audience
POOL = "principalSet:" + AUDIENCE.partition("/providers/")[0]
ELSEWHERE = "principalSet://iam.googleapis.com/projects/9/locations/global/workloadIdentityPools/theirs"
IMAGE = f"{POOL}/attribute.image_digest/{DIGEST}"
DECRYPTER = "roles/cloudkms.cryptoKeyDecrypter"
OWNERS = "user:owner@primus.example"


def bind(role: str, *members: str, **more: object) -> dict[str, Any]:
    return {"role": role, "members": list(members), **more}


def asked(*bindings: dict[str, Any]) -> Seal:
    """What is said of a policy that has these, and lets this image in."""
    return told({"bindings": [bind(DECRYPTER, IMAGE), *bindings], "etag": "BwY=", "version": 1})


def told(policy: object) -> Seal:
    return seal_of(TERMS, NamedText(name="key.json", text=json.dumps(policy)), digest=DIGEST)


def test_this_image_alone_can_open_it_and_what_that_rests_on_is_said() -> None:
    seal = asked()
    assert (seal.word, seal.exit_code) == ("opens for this image", ExitCode.YES)
    assert [each.who for each in seal.openers or ()] == ["this image"]
    assert ["neither of which key" in each for each in seal.rests_on] == [True, False]
    assert "project and above" in seal.rests_on[1]


def test_without_the_policy_it_is_not_known_who_can_and_no_other_answer_changes() -> None:
    seal = seal_of(TERMS, None, digest=DIGEST)
    assert (seal.word, seal.exit_code, seal.openers) == ("not known", None, None)
    assert "gcloud kms keys get-iam-policy" in seal.said
    assert seal.rests_on == ()
    lines = seal.sections()[0].lines
    assert TERMS.release is not None
    for said in (TERMS.release.manifest, str(TERMS.release.kms), str(TERMS.release.signed_by)):
        assert any(said in line for line in lines)


def test_a_model_that_is_not_sealed_is_said_to_be_so() -> None:
    terms = replace(TERMS, release=None)
    seal = seal_of(terms, None, digest=DIGEST)
    assert (seal.word, seal.exit_code) == ("not sealed", None)
    assert "whoever may read the bucket has it" in seal.said
    assert seal.document()["sealed"] is False
    assert seal.sections()[0].lines == ()
    with pytest.raises(Misconfigured, match="the terms name none"):
        seal_of(terms, NamedText(name="k", text="{}"), digest=DIGEST)


def test_a_manifest_that_nobody_signed_is_said_to_be_so() -> None:
    assert TERMS.release is not None
    terms = replace(TERMS, release=replace(TERMS.release, signed_by=None))
    assert "signed by nobody" in seal_of(terms, None, digest=DIGEST).sections()[0].lines[2]


@pytest.mark.parametrize(
    ("member", "words"),
    [
        pytest.param("allUsers", "everybody, without any account", id="everybody"),
        pytest.param("allAuthenticatedUsers", "any Google account", id="everybody with an account"),
        pytest.param(f"{POOL}/*", "whoever the pool lets in, with any image", id="the whole pool"),
        pytest.param(
            f"{POOL}/attribute.image_reference/a/b",
            "with `attribute.image_reference/a/b`, whatever the image",
            id="another attribute",
        ),
        pytest.param(f"{POOL}/group/g", "with `group/g`, whatever the image", id="a group of the pool"),
        pytest.param(
            f"{POOL}/attribute.image_digest/{OTHER}", f"image that the pool lets in: `{OTHER}`", id="old"
        ),
        pytest.param(f"{POOL}/attribute.image_digest/", "another image that the pool", id="no digest"),
        pytest.param(f"{IMAGE}\n", "another image that the pool", id="this one and a line"),
        pytest.param(
            f"{ELSEWHERE}/attribute.image_digest/{DIGEST}",
            "whatever another pool, `projects/9/",
            id="this image of another pool",
        ),
        pytest.param(f"{ELSEWHERE}/*", "whoever another pool", id="another pool"),
        pytest.param(
            f"{POOL.replace('principalSet', 'principal')}/subject/s",
            "one subject that the pool",
            id="a subject",
        ),
    ],
)
def test_whoever_is_let_in_beside_this_image_makes_it_a_no(member: str, words: str) -> None:
    seal = asked(bind("roles/cloudkms.cryptoKeyEncrypterDecrypter", member))
    assert (seal.word, seal.exit_code, seal.tone) == ("opens for others", ExitCode.ANSWERED_NO, "bad")
    assert words in seal.said


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (OWNERS, "a person's account"),
        ("serviceAccount:a@b.iam.gserviceaccount.com", "and whoever may act as it"),
        ("group:g@primus.example", "every member of a group"),
        ("domain:primus.example", "every account of a domain"),
        ("projectOwner:primus", "every owner of a project"),
        ("deleted:user:a@b.example?uid=1", "an account that was deleted"),
    ],
)
def test_an_account_is_named_as_what_it_is(member: str, words: str) -> None:
    seal = asked(bind("roles/cloudkms.cryptoOperator", member))
    assert (seal.word, seal.exit_code) == ("opens for this image", ExitCode.YES)
    assert "so can 1 account, listed below" in seal.said
    entry = seal.sections()[1].entries[1]
    assert (entry.mark, words in entry.label, member in entry.text) == ("yes", True, True)


@pytest.mark.parametrize(
    ("binding", "words"),
    [
        pytest.param(
            bind("projects/primus/roles/x", OWNERS), "what the role `projects/primus/roles/x`", id="own"
        ),
        pytest.param(bind("roles/editor", OWNERS), "what the role `roles/editor` gives", id="basic"),
        pytest.param(bind("roles/iam.securityAdmin", OWNERS), "gives is not known here", id="of IAM"),
        pytest.param(bind("", OWNERS), "what the role ``", id="none"),
        pytest.param(bind(DECRYPTER.upper(), OWNERS), "gives is not known here", id="in capitals"),
        pytest.param(
            bind(DECRYPTER, "allUsers", condition={"expression": "request.time < timestamp('2020-01-01')"}),
            "under a condition, `request.time < ",
            id="a condition",
        ),
        pytest.param(
            bind("roles/cloudkms.cryptoKeyDecrypterViaDelegation", "allUsers"),
            "ViaDelegation",
            id="delegated",
        ),
        pytest.param(bind(DECRYPTER, "robot:r2"), "a kind of member that is not known", id="a kind"),
        pytest.param(bind(DECRYPTER, "user:"), "a kind of member that is not known", id="nobody"),
        pytest.param(
            bind(DECRYPTER, "ALLUSERS"), "a kind of member that is not known", id="in other letters"
        ),
        pytest.param(
            bind(DECRYPTER, f"{POOL}"), "a kind of member that is not known", id="a pool without end"
        ),
        pytest.param(bind(DECRYPTER, None), "a kind of member that is not known", id="null"),  # type: ignore[arg-type]
    ],
)
def test_what_is_not_known_is_unknown(binding: dict[str, Any], words: str) -> None:
    seal = asked(binding)
    assert (seal.word, seal.exit_code) == ("not known", ExitCode.UNKNOWN)
    assert words in seal.said
    document = seal.document()["openers"][-1]
    assert document["can_open"] == "not known"
    assert document["why_not_known"]


def test_what_is_known_to_be_open_weighs_more_than_what_is_not_known() -> None:
    seal = asked(bind("projects/p/roles/x", OWNERS), bind(DECRYPTER, "allUsers"))
    assert seal.exit_code == ExitCode.ANSWERED_NO


@pytest.mark.parametrize(
    "more",
    [
        pytest.param([bind(DECRYPTER, IMAGE), bind(DECRYPTER, IMAGE, IMAGE)], id="the same again"),
        pytest.param([bind("projects/p/roles/x", IMAGE)], id="an unknown role as well"),
        pytest.param(
            [bind(DECRYPTER, IMAGE, condition={"expression": "false"})], id="under a condition as well"
        ),
    ],
)
def test_a_member_that_is_bound_twice_is_one_and_the_wider_binding_counts(more: list[dict[str, Any]]) -> None:
    for bindings in ([bind(DECRYPTER, IMAGE), *more], [*more, bind(DECRYPTER, IMAGE)]):
        seal = told({"bindings": bindings})
        (opener,) = seal.openers or ()
        assert (opener.roles, opener.doubts) == ((DECRYPTER,), ())
        assert seal.exit_code == ExitCode.YES


@pytest.mark.parametrize(
    "policy", [{"etag": "ACAB"}, {"bindings": []}, {"bindings": [bind(DECRYPTER, OWNERS)]}]
)
def test_a_policy_that_does_not_name_this_image_leaves_it_unknown(policy: object) -> None:
    seal = told(policy)
    assert (seal.word, seal.exit_code) == ("not known", ExitCode.UNKNOWN)
    assert "does not let this image open the model; one above the key may" in seal.said


def test_this_image_under_a_condition_is_not_known_to_be_let_in() -> None:
    seal = told({"bindings": [bind(DECRYPTER, IMAGE, condition={"expression": "true"})]})
    assert seal.exit_code == ExitCode.UNKNOWN


def test_a_condition_without_an_expression_holds_nobody_back() -> None:
    seal = asked(bind(DECRYPTER, "allUsers", condition={"title": "none"}))
    assert seal.exit_code == ExitCode.ANSWERED_NO


def test_roles_that_do_not_decrypt_open_nothing_and_who_keeps_the_policy_is_named() -> None:
    seal = asked(
        bind("roles/cloudkms.admin", "user:admin@primus.example", "user:admin@primus.example"),
        bind("roles/cloudkms.cryptoKeyEncrypter", "allUsers"),
        bind("roles/cloudkms.viewer", "allUsers"),
    )
    assert seal.exit_code == ExitCode.YES
    assert seal.changers == ("user:admin@primus.example",)
    assert seal.sections()[2].lines == ("user:admin@primus.example",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no policy",
        "[]",
        '{"bindings": {}}',
        '{"bindings": [1]}',
        '{"bindings": [{"role": "r", "members": "allUsers"}]}',
        '{"bindings": [], "bindings": [{"role": "r", "members": ["allUsers"]}]}',
        '{"bindings": [{"role": "r", "members": ["a"], "condition": "c"}]}',
    ],
)
def test_what_is_no_policy_is_refused_with_the_line_that_prints_one(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"^the key's policy: ") as refused:
        seal_of(TERMS, NamedText(name="key.json", text=text), digest=DIGEST)
    assert "gcloud kms keys get-iam-policy" in refused.value.hint


def test_the_first_three_of_many_are_named_and_the_rest_counted() -> None:
    seal = asked(bind(DECRYPTER, *(f"{POOL}/attribute.a/{number}" for number in range(7))))
    assert "attribute.a/2" in seal.said
    assert "attribute.a/3" not in seal.said
    assert seal.said.endswith("and 4 more")
    assert len(seal.openers or ()) == 8
