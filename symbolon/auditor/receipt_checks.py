"""What each step of a receipt's plan demands, and the class of what does not hold.

The plan itself, with its order, is `symbolon.auditor.receipt_plan`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Final

from cryptography import x509

from attestation.chain import verify_chain
from attestation.claims import Container
from attestation.digests import Digest
from attestation.errors import Denied, EvidenceRejected, Misconfigured, NotKnown, quoted
from attestation.rejections import CertificateExpired, ClaimMissing, TokenIssuedInFuture
from attestation.tokens import UnverifiedToken
from attestation.verification import VerifiedClaims, verify_pki_token
from contract.operator_names import OPERATOR_NAMES
from contract.parts import part_name
from contract.receipt import AUDIENCE, Statement, nonce_of
from contract.request import parse_request
from contract.results import CODELAB_NAME
from contract.row_proof import RowProof
from policy.deciding import sum_of
from policy.schema import ENCRYPTED_MEMORY, SIGNATURE_ALGORITHMS, UNDOCUMENTED_ENCRYPTED_MEMORY

from ..handed_tokens import moment
from ..judging import ClauseAnswer, judge
from ..policies import NamedPolicy
from .receipt_roots import Trust

LEEWAY_S: Final = 300
"""How far the verifier's clock may be behind the platform's."""
_NOBODY_S: Final = "0" * 64


class NonceMismatch(EvidenceRejected):
    """The token was made for something else than this statement."""

    code = "nonce-mismatch"


class StatementContradicted(EvidenceRejected):
    """The token's claims say otherwise than the statement."""

    code = "statement-contradicted"


class UnprotectedMachine(EvidenceRejected):
    """The machine was open to its operator: a debug image, another system, or memory in clear."""

    code = "unprotected-machine"


class OverridesBeyondLabel(EvidenceRejected):
    """The operator set what the image's label does not allow, or what the statement does not say."""

    code = "overrides-beyond-label"


class NetworkNotDirect(EvidenceRejected):
    """The image spoke to Google through a proxy, or trusted a private certificate authority."""

    code = "network-not-direct"


class EmulatorEvidence(EvidenceRejected):
    """An emulator made the token: on somebody's own machine, for development and tests."""

    code = "emulator-evidence"


class CountsContradict(EvidenceRejected):
    """The statement's numbers do not fit one another, or the results."""

    code = "counts-contradict"


class AnotherImage(Denied):
    """The receipt is of another image than the one that was demanded."""

    code = "another-image"


class RefusedByPolicy(Denied):
    """The policy that was given does not admit the token's claims; `clauses` are those that say so."""

    code = "refused-by-policy"

    def __init__(self, message: str, *, clauses: tuple[ClauseAnswer, ...]) -> None:
        super().__init__(message)
        self.clauses = clauses


def check_attestation(token: UnverifiedToken, trust: Trust, *, at: float) -> tuple[VerifiedClaims, str]:
    """The claims, believed at the token's own time; and which certificate has expired since, by `at`."""
    issued_at = token.claims.get("iat")
    if type(issued_at) is not int:
        raise ClaimMissing("claim `iat` is absent, or is no whole number")
    root = trust.root_of(token)
    verified = verify_pki_token(token, root=root, audiences=[AUDIENCE], now=issued_at, leeway_s=0)
    if issued_at > at + LEEWAY_S:
        raise TokenIssuedInFuture(
            f"the token says that it was issued at {moment(issued_at)}, after the moment of asking,"
            f" {moment(at)}",
            hint="check --at, or the clock",
        )
    if "symbolon_emulator" in verified.raw and not trust.emulator:
        raise EmulatorEvidence("an emulator made the token", hint="--emulator reads an emulator's receipt")
    return verified, _expired_since(token, root, at)


def _expired_since(token: UnverifiedToken, root: x509.Certificate, at: float) -> str:
    try:
        verify_chain(token.header.get("x5c"), root=root, now=at)
    except CertificateExpired as expired:
        return expired.message.partition(" at ")[0]
    return ""


def check_nonce(payload: bytes, verified: VerifiedClaims) -> None:
    if verified.claims.eat_nonce != (nonce_of(payload),):
        raise NonceMismatch("the token was made for something else than this statement")


def container_of(verified: VerifiedClaims) -> Container:
    submods = verified.claims.submods
    if submods is None or submods.container is None:
        raise StatementContradicted("the token speaks of no container")
    return submods.container


def shown(claim: str | None) -> str:
    """The claim as a message has it.

    >>> shown("enabled"), shown(None)
    ('`enabled`', 'absent')
    """
    return "absent" if claim is None else quoted(claim, most_characters=200)


def check_statement(statement: Statement, verified: VerifiedClaims, container: Container) -> str:
    mode = "emulator" if "symbolon_emulator" in verified.raw else "production"
    for what, said, claimed in (
        ("image", statement.image_digest, container.image_digest),
        ("reference", statement.image_reference, container.image_reference),
        ("mode", statement.mode, mode),
    ):
        if said != claimed:
            raise StatementContradicted(
                f"the statement's {what} is {quoted(said, most_characters=200)}, the token's is"
                f" {shown(claimed)}"
            )
    return f"image {statement.image_digest}"


def check_machine(verified: VerifiedClaims) -> str:
    claims = verified.claims
    if claims.dbgstat != "disabled-since-boot":
        raise UnprotectedMachine(
            f"`dbgstat` is {shown(claims.dbgstat)}: who can log in can have anything attested"
        )
    if claims.swname != "CONFIDENTIAL_SPACE":
        raise UnprotectedMachine(f"`swname` is {shown(claims.swname)}, not `CONFIDENTIAL_SPACE`")
    if claims.secboot is not True:
        raise UnprotectedMachine("`secboot` is not true: it may have started another system")
    if claims.hwmodel in (None, "GCP_SHIELDED_VM"):
        raise UnprotectedMachine(f"`hwmodel` is {shown(claims.hwmodel)}: its memory is not encrypted")
    if claims.hwmodel not in (*ENCRYPTED_MEMORY, *UNDOCUMENTED_ENCRYPTED_MEMORY):
        raise NotKnown(
            f"`hwmodel` is {quoted(claims.hwmodel)}, and whether that encrypts its memory is not known here"
        )
    return f"Confidential Space on {claims.hwmodel}, closed to debugging"


def check_overrides(statement: Statement, container: Container) -> str:
    if container.cmd_override:
        raise OverridesBeyondLabel("the operator replaced the image's command")
    overridden = sorted(container.env_override or {})
    beyond = [name for name in overridden if name not in OPERATOR_NAMES]
    if beyond:
        raise OverridesBeyondLabel(f"the operator set {', '.join(map(quoted, beyond[:3]))}")
    try:
        request = parse_request(container.env or {})
    except Misconfigured as error:
        raise OverridesBeyondLabel(f"the token's environment is no request: {error.message}") from None
    if (str(request.input), str(request.result)) != (statement.input_uri, statement.result_uri) or (
        request.top_k not in (None, statement.top_k)
    ):
        raise OverridesBeyondLabel("the operator asked for something else than the statement says")
    return f"the operator set {', '.join(overridden) or 'nothing'}, as the statement says"


def check_network(statement: Statement) -> str:
    through = [
        what
        for what, used in (
            ("a proxy", statement.proxy),
            ("a private certificate authority", statement.private_ca),
        )
        if used
    ]
    if through and statement.mode != "emulator":
        raise NetworkNotDirect(f"the image reached Google through {' and '.join(through)}")
    return f"through {' and '.join(through)}, as in front of an emulator" if through else "without a proxy"


def check_counts(statement: Statement, unreadable: int | None) -> str:
    rows, inputs = statement.rows.size, statement.inputs.size
    if rows != inputs:
        raise CountsContradict(f"the statement has {rows} rows for {inputs} inputs")
    *parts, last = [subject.name for subject in statement.subjects] or [""]
    in_order = parts == [part_name(index) for index in range(len(parts))]
    if last != CODELAB_NAME or not in_order or not 0 < len(parts) <= rows:
        raise CountsContradict(
            f"the statement's subjects are not the parts of its {rows} rows, in order, and `{CODELAB_NAME}`"
        )
    if statement.unreadable > rows or unreadable not in (None, statement.unreadable):
        raise CountsContradict(
            f"the statement says that {statement.unreadable} of {rows} pictures could not be read"
            + (f", the results {unreadable}" if unreadable is not None else "")
        )
    passed_over = sum(statement.left_out.values())
    return f"{rows} pictures, {statement.unreadable} of them unreadable; {passed_over} objects are none"


def check_row(statement: Statement, proof: RowProof) -> str:
    if proof.size != statement.rows.size:
        raise CountsContradict(
            f"the proof is for one of {proof.size} rows, and the receipt has {statement.rows.size}"
        )
    proof.verify(statement.rows.root)
    return f"row {proof.index + 1} of {proof.size} is as it was written"


def check_image(statement: Statement, demanded: Digest) -> str:
    if statement.image_digest != demanded:
        raise AnotherImage(f"the receipt is of `{statement.image_digest}`, not of `{demanded}`")
    return "the image is the one that was demanded"


def check_policy(
    policies: Sequence[NamedPolicy], verified: VerifiedClaims, *, image_is_demanded: bool
) -> str:
    judgements = [judge(policy, verified.raw) for policy in policies]
    outcome = sum_of([judgement.outcome for judgement in judgements])
    if outcome == "admitted":
        strangers = _with_strangers_images(verified.raw)
        if not image_is_demanded and any(
            judge(policy, stranger).outcome != "refused" for stranger in strangers for policy in policies
        ):
            raise NotKnown(
                "the policy admits the token's claims, and anybody's image with them: whether this one may be"
                " believed is open",
                hint="let the policy ask for the image, or demand it: --image-digest D",
            )
        return "the policy admits the token's claims"
    if outcome == "unknown":
        why = next(judgement.unknown for judgement in judgements if judgement.outcome == "unknown")
        raise NotKnown(f"it is not known whether Google admits these claims: {why}")
    clauses = judgements[0].failing if len(judgements) == 1 else ()
    raise RefusedByPolicy("the policy does not admit the token's claims", clauses=clauses)


def _with_strangers_images(claims: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """The claims that the same machine would have with images of somebody whom nobody has heard of.

    A stranger can have any registry, even one whose name differs by a letter; a project of their own at the
    same one, even one whose name begins alike; any path there, even one that repeats the whole reference; and
    any signatures but those by somebody else's key.
    """
    submods = claims.get("submods")
    assert isinstance(submods, dict)  # noqa: S101  verified claims
    container, digest = submods["container"], f"sha256:{_NOBODY_S}"
    registry, _, path = str(container.get("image_reference", "")).partition("/")
    name, by_digest, _ = path.partition("@")
    end = f"@{digest}" if by_digest else ""
    project, _, rest = name.partition("/")
    whole = f"{registry}/{name}{end}"
    references = (
        f"registry.invalid/{name}{end}",
        f"{registry}/nobody/{rest}{end}",
        f"{registry}/{project}-nobody/{rest}{end}",
        f"{registry}.invalid/{name}{end}",
        f"registry.invalid/{whole}",
        f"{registry}/nobody/{whole}",
        f"{registry.replace('.', '-', 1)}/{name}{end}",  # a dot in a regular expression is any character
    )
    signed = [{"key_id": _NOBODY_S, "signature_algorithm": each} for each in SIGNATURE_ALGORITHMS]
    for reference, signatures in product(references, ([], signed)):
        another = {
            **container,
            "image_digest": digest,
            "image_id": digest,
            "image_reference": reference,
            "image_signatures": [{**each, "signature": "AA=="} for each in signatures],
        }
        yield {**claims, "submods": {**submods, "container": another}}
