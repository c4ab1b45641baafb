"""The plan ends at its first step that does not hold, and no answer is positive without all of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attestation.digests import Digest
from attestation.errors import Denied, Misconfigured, NotKnown, Unavailable
from contract.receipt import parse_receipt
from symbolon.auditor.receipt_plan import Demand, NotVerified, Step, Taken, Verified, conclude, verify_receipt
from symbolon.auditor.receipt_roots import GOOGLE, Trust
from symbolon.policies import NamedPolicy
from tests.receipts import IMAGE, NOW, Draft, root

DEMAND = Demand(trust=Trust(root=root(), described="ours"), at=NOW, image_digest=IMAGE)
RECEIPT = Draft().make()
PINNED = f'assertion.submods.container.image_digest == "{IMAGE}"'
UNKNOWN = r"""assertion.swname.matches("\\p{Greek}")"""
ALL = [Taken(step=step, outcome="pass") for step in Step]
IF_ASKED = {Step.RELEASE, Step.RESULTS, Step.ROW, Step.IMAGE, Step.POLICY}


def test_a_step_is_taken_in_the_order_of_the_plan() -> None:
    verdict = verify_receipt(RECEIPT, DEMAND)
    assert verdict.answer == Verified(emulator=False)
    assert [each.step for each in verdict.steps] == list(Step)
    assert {each.step for each in verdict.steps if each.outcome == "not-asked"} == IF_ASKED - {Step.IMAGE}
    assert all(each.said for each in verdict.steps)


@pytest.mark.parametrize("step", sorted(set(Step) - IF_ASKED))
@pytest.mark.parametrize("outcome", ["fail", "unknown", "not-asked", "not-reached"])
def test_nothing_is_verified_where_a_step_was_not_passed(step: Step, outcome: str) -> None:
    steps = [replace(each, outcome=outcome) if each.step == step else each for each in ALL]  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="was not taken"):
        conclude(steps, DEMAND)


@pytest.mark.parametrize("step", list(Step))
def test_nothing_is_verified_where_a_step_is_missing(step: Step) -> None:
    with pytest.raises(AssertionError, match="was not taken"):
        conclude([each for each in ALL if each.step != step], DEMAND)


def test_nothing_is_verified_where_nobody_says_whose_image_may_be_believed() -> None:
    answer = verify_receipt(RECEIPT, replace(DEMAND, image_digest=None)).answer
    assert isinstance(answer, NotVerified)
    assert isinstance(answer.why, NotKnown)


def test_what_comes_after_a_step_that_does_not_hold_is_not_looked_at() -> None:
    draft = Draft()
    draft.claims["eat_nonce"] = "0" * 64
    verdict = verify_receipt(draft.make(), replace(DEMAND, results=_Away()))
    reached = [each.step for each in verdict.steps if each.outcome != "not-reached"]
    assert reached == [Step.ENVELOPE, Step.ATTESTATION, Step.NONCE]


class _Away:
    """A folder that nobody can reach."""

    def names(self) -> list[str]:
        raise Unavailable("it is away")

    def open(self, name: str) -> IO[bytes] | None:
        raise Unavailable("it is away")


def test_results_that_cannot_be_read_are_no_verdict() -> None:
    """Neither good nor bad: whoever asked hears that it could not be answered."""
    with pytest.raises(Unavailable):
        verify_receipt(RECEIPT, replace(DEMAND, results=_Away()))


@pytest.mark.parametrize("failure", [Denied("no"), Misconfigured("no such bucket")])
def test_a_refusal_of_the_bucket_is_not_one_of_the_receipt(failure: Exception) -> None:
    class Closed(_Away):
        def names(self) -> list[str]:
            raise failure

    with pytest.raises(type(failure)):
        verify_receipt(RECEIPT, replace(DEMAND, results=Closed()))


def policy(condition: str) -> NamedPolicy:
    return NamedPolicy(described="a condition alone", condition=condition, provider=None)


@pytest.mark.parametrize(
    ("conditions", "verified"),
    [([PINNED], True), (["false"], False), (["false", PINNED], True), (["false", "false"], False)],
)
def test_of_several_providers_one_that_admits_is_enough(conditions: list[str], verified: bool) -> None:
    asked = replace(DEMAND, image_digest=None, policies=tuple(map(policy, conditions)))
    assert isinstance(verify_receipt(RECEIPT, asked).answer, Verified) == verified


@pytest.mark.parametrize(
    ("conditions", "open_for"),
    [
        pytest.param(["true"], True, id="nothing is asked"),
        pytest.param(['assertion.swname == "CONFIDENTIAL_SPACE"'], True, id="the machine alone is asked for"),
        pytest.param(
            [f'assertion.submods.container.image_digest != "{IMAGE[:-1]}b"'], True, id="all but one"
        ),
        pytest.param([PINNED, "true"], True, id="another provider admits anybody"),
        pytest.param([PINNED, "false"], False, id="the digest"),
        pytest.param([PINNED, UNKNOWN], True, id="nobody knows whom another provider admits"),
        *(
            pytest.param([f"assertion.submods.container.{asked}"], open_for, id=said)
            for asked, open_for, said in (
                (
                    'image_reference.startsWith("us-docker.pkg.dev/")',
                    True,
                    "a registry for all",
                ),
                ('image_reference.endsWith("/repo/workload:latest")', True, "a name that anybody may give"),
                ('image_reference.contains("/primus/repo/")', True, "a path that any registry has"),
                ('image_reference.startsWith("us-docker.pkg.dev/primus/")', False, "the owner's project"),
                (
                    'image_reference.startsWith("us-docker.pkg.dev/primus")',
                    True,
                    "a project whose name begins alike",
                ),
                (
                    'image_reference.matches("us-docker[.]pkg[.]dev/primus/")',
                    True,
                    "a reference within another",
                ),
                (
                    'image_reference.matches("^us-docker.pkg.dev/primus/")',
                    True,
                    "a registry whose name has another letter for a dot",
                ),
                (
                    'image_reference.matches("^us-docker[.]pkg[.]dev/primus/.*$")',
                    False,
                    "the owner's project, in a whole expression",
                ),
                ("image_signatures.size() > 0", True, "somebody's signature"),
                (
                    'image_signatures.exists(s, s.signature_algorithm == "ECDSA_P256_SHA256")',
                    True,
                    "its kind",
                ),
                ('image_id != ""', True, "any ID"),
            )
        ),
        pytest.param(
            [
                "['5cc1c72b'].exists(id, assertion.submods.container.image_signatures.exists("
                "signature, signature.key_id.startsWith(id)))"
            ],
            False,
            id="a signature",
        ),
    ],
)
def test_a_policy_that_admits_anybody_s_image_says_nobody_s_word_counts(
    conditions: list[str], open_for: bool
) -> None:
    draft = Draft()
    signature = {"key_id": "5cc1c72b", "signature": "AA", "signature_algorithm": "ECDSA_P256_SHA256"}
    draft.container["image_signatures"] = [signature]
    asked = replace(DEMAND, image_digest=None, policies=tuple(map(policy, conditions)))
    answer = verify_receipt(draft.make(), asked).answer
    assert isinstance(answer, NotVerified if open_for else Verified)
    if isinstance(answer, NotVerified):
        assert isinstance(answer.why, NotKnown)
        assert "--image-digest" in answer.why.hint
    demanded = verify_receipt(draft.make(), replace(asked, image_digest=IMAGE)).answer
    assert isinstance(demanded, Verified)


@settings(max_examples=300)
@given(st.integers(0, len(RECEIPT) - 1), st.integers(1, 255))
def test_a_receipt_with_another_byte_is_another_receipt_and_not_verified(place: int, flipped: int) -> None:
    """But for white space between the members of the envelope, of which nothing depends."""
    changed = bytearray(RECEIPT)
    changed[place] ^= flipped
    answer = verify_receipt(bytes(changed), DEMAND).answer
    if isinstance(answer, Verified):
        assert parse_receipt(bytes(changed)) == parse_receipt(RECEIPT)


def test_google_s_own_token_leads_to_the_pinned_root_and_seals_no_receipt(vectors: Path) -> None:
    """Its chain and signature hold; what is wrong is that it was made for somebody else."""
    real = (vectors / "tokens" / "google-tdx-production.jwt").read_text("ascii").strip()
    sealed_by_google = Draft(token=lambda _token: real).make()
    asked = replace(DEMAND, trust=GOOGLE, at=1_757_060_250)
    answer = verify_receipt(sealed_by_google, asked).answer
    assert isinstance(answer, NotVerified)
    assert answer.why.code == "wrong-audience"
    other = replace(asked, trust=DEMAND.trust)
    refused = verify_receipt(sealed_by_google, other).answer
    assert isinstance(refused, NotVerified)
    assert refused.why.code == "untrusted-root"


def test_both_the_digest_and_the_policy_have_to_hold_where_both_are_given() -> None:
    other = replace(DEMAND, image_digest=Digest("sha256:" + "f" * 64), policies=(policy("true"),))
    assert isinstance(verify_receipt(RECEIPT, other).answer, NotVerified)
