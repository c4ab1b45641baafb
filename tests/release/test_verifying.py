"""A token speaks for one machine, to one broker, of one request, now; and the owner's policy admits it."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from contract.dsse import public_key_of
from contract.release import audience_of, nonce_of
from contract.release_refusals import BrokerRefused
from emulator.state import State
from emulator.verifier import DEFAULT_AUDIENCE, Verifier
from release.broker import TokenRules
from release.verifying import CLOCKS_S, Admitted, admit, verify
from tests.attestation.signing import root_plan, rsa_key
from tests.launches import FACTS
from tests.release.brokers import IDENTITY, IMAGE, NOW, Json, claims_for, policy_text, root, token_of
from tests.tokens import production_claims

BROKER = public_key_of(IDENTITY).key_id
REQUEST = b"the request"
PRODUCTION = TokenRules(root=root(), mode="production")
EMULATED = TokenRules(root=root(), mode="emulator")


def claims(**changes: object) -> Json:
    return claims_for(REQUEST, broker=BROKER, **changes)  # type: ignore[arg-type]


def within(path: str, value: object) -> Json:
    """The claims, with one below `submods` changed; None takes it away."""
    part, _, name = path.partition(".")
    submods: dict[str, Any] = production_claims()["submods"]
    if value is None:
        del submods[part][name]
    else:
        submods[part][name] = value
    return claims(submods=submods)


def verified(
    said: Json, *, now: float = NOW, rules: TokenRules = PRODUCTION, not_before: int = NOW
) -> Admitted:
    return verify(
        rules,
        token_of(said),
        audience=audience_of(BROKER),
        nonce=nonce_of(REQUEST),
        not_before=not_before,
        now=now,
    )


def test_the_machine_is_named_by_its_token() -> None:
    machine = verified(claims())
    assert (machine.image, machine.project, machine.instance) == (IMAGE, "secundus", "1234567890123456789")
    assert machine.machine == "projects/987654321098/instances/1234567890123456789"
    assert machine.service_accounts == ("workload-sa@secundus.iam.gserviceaccount.com",)
    assert machine.evidence == "confidential-space"


REJECTED = [
    pytest.param(claims(aud=DEFAULT_AUDIENCE), "was made for", id="for STS"),
    pytest.param(claims(aud=audience_of(IMAGE)), "was made for", id="for another broker"),
    pytest.param(claims(aud=[audience_of(BROKER), DEFAULT_AUDIENCE]), "others besides", id="for STS as well"),
    pytest.param(claims(iss="https://issuer.example"), "issuer", id="of another issuer"),
    pytest.param(claims(iat=NOW - 20, nbf=NOW - 20, exp=NOW), "has expired", id="that has just expired"),
    pytest.param(claims(nbf=NOW + CLOCKS_S + 1), "begins", id="that has not begun"),
    pytest.param(claims(iat=NOW + CLOCKS_S + 1), "issued", id="of the future"),
    pytest.param(claims(symbolon_emulator=True), "an emulator made", id="that an emulator made"),
    pytest.param(claims(symbolon_emulator=False), "an emulator made", id="that names an emulator at all"),
    pytest.param(claims(submods={}), "names no image", id="of no machine"),
    pytest.param(within("container.image_digest", None), "names no image", id="of no image"),
    pytest.param(within("container.image_digest", "sha256:1"), "image digest", id="of an image that is none"),
    pytest.param(within("gce.instance_id", None), "no instance", id="of no instance"),
    pytest.param(within("gce.instance_id", ""), "no instance", id="of an instance without a name"),
    pytest.param(within("gce.project_number", None), "no instance", id="of no project"),
    pytest.param(within("gce.project_id", "a\0b"), "none of Google's", id="with a name of other characters"),
    pytest.param(within("gce.instance_id", "1" * 301), "none of Google's", id="with a name without end"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "why"), REJECTED)
def test_a_token_is_rejected(said: Json, why: str) -> None:
    with pytest.raises(BrokerRefused, match=why) as refused:
        verified(said)
    assert refused.value.code == "broker-token-rejected"


NONCES = [
    pytest.param(nonce_of(b"another request"), id="of another request"),
    pytest.param([nonce_of(REQUEST), nonce_of(b"another request")], id="for two requests"),
    pytest.param(None, id="of none"),
]


@pytest.mark.parametrize("nonce", NONCES)
def test_a_nonce_is_refused(nonce: object) -> None:
    said = {key: value for key, value in claims(eat_nonce=nonce).items() if value is not None}
    with pytest.raises(BrokerRefused) as refused:
        verified(said)
    assert refused.value.code == "broker-nonce-mismatch"


def test_a_token_holds_until_the_second_before_it_expires() -> None:
    verified(claims(exp=NOW + 1))


def test_a_token_may_be_as_much_older_than_the_challenge_as_clocks_differ() -> None:
    verified(claims(iat=NOW - CLOCKS_S, nbf=NOW - CLOCKS_S))
    with pytest.raises(BrokerRefused) as refused:
        verified(claims(iat=NOW - CLOCKS_S - 1, nbf=NOW - CLOCKS_S - 1))
    assert refused.value.code == "broker-token-too-old"


def test_where_an_emulator_is_believed_its_token_passes() -> None:
    verified(claims(symbolon_emulator=True), rules=EMULATED)


@pytest.mark.parametrize("rules", [PRODUCTION, EMULATED], ids=lambda rules: rules.mode)
def test_a_token_that_leads_to_another_root_is_rejected(rules: TokenRules) -> None:
    plan = root_plan()
    other = TokenRules(
        root=type(plan)(
            subject="root", key=rsa_key("another"), issuer="root", issuer_key=rsa_key("another"),
            is_authority=True, usage="certificates",
        ).make(),
        mode=rules.mode,
    )  # fmt: skip
    with pytest.raises(BrokerRefused) as refused:
        verified(claims(), rules=other)
    assert refused.value.code == "broker-token-rejected"


@pytest.mark.parametrize(
    "token", ["", "a.b.c", "..", "a" * 2_000_000], ids=["empty", "letters", "dots", "long"]
)
def test_what_is_no_token_is_rejected(token: str) -> None:
    with pytest.raises(BrokerRefused) as refused:
        verify(PRODUCTION, token, audience=audience_of(BROKER), nonce="", not_before=NOW, now=NOW)
    assert refused.value.code == "broker-token-rejected"


def test_a_refusal_by_the_policy_names_the_clause() -> None:
    with pytest.raises(BrokerRefused, match="hwmodel") as refused:
        admit(
            policy_text('assertion.swname == "CONFIDENTIAL_SPACE" && assertion.hwmodel == "x"'),
            verified(claims()),
        )
    assert refused.value.code == "broker-policy-refused"
    assert len(refused.value.message) < 400, "a client shows no longer one"


def test_what_is_not_known_of_a_policy_admits_nobody() -> None:
    machine = verified(claims())
    with pytest.raises(BrokerRefused) as refused:
        admit(policy_text('assertion.swname.extract("no hole") == ""'), machine)
    assert refused.value.code == "broker-policy-unknown"


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Verifier:
    """A verifier of the emulator's, whose clock stands."""
    return Verifier(State(tmp_path_factory.mktemp("state"), clock=lambda: NOW))


def mint(verifier: Verifier, *, pki: bool = True) -> str:
    return verifier.mint(FACTS, audience=audience_of(BROKER), nonces=[nonce_of(REQUEST)], pki=pki)


def ask(verifier: Verifier, token: str, mode: Literal["production", "emulator"]) -> Admitted:
    return verify(
        TokenRules(root=verifier.root, mode=mode),
        token,
        audience=audience_of(BROKER),
        nonce=nonce_of(REQUEST),
        not_before=NOW,
        now=NOW,
    )


def test_an_emulator_s_own_token_passes_where_it_is_believed_and_there_alone(emulated: Verifier) -> None:
    machine = ask(emulated, mint(emulated), "emulator")
    assert (machine.image, machine.project) == (FACTS.image_digest, FACTS.project_id)
    assert machine.instance == FACTS.instance_id
    with pytest.raises(BrokerRefused, match="an emulator made the token"):
        ask(emulated, mint(emulated), "production")


def test_a_token_without_certificates_is_rejected(emulated: Verifier) -> None:
    """OIDC's: its keys are fetched, and a broker fetches nothing for a stranger's call."""
    with pytest.raises(BrokerRefused) as refused:
        ask(emulated, mint(emulated, pki=False), "emulator")
    assert refused.value.code == "broker-token-rejected"
