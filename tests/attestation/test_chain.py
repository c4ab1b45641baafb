"""Chains of our own certificates: followed as made, rejected with any one thing changed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from attestation import rejections
from attestation.chain import verify_chain
from attestation.errors import EvidenceRejected
from tests.attestation.rejecting import Rejected, each_of, rejected_as
from tests.attestation.signing import (
    DAY_S,
    NOW,
    CertificatePlan,
    ec_key,
    intermediate_plan,
    leaf_plan,
    root_plan,
    rsa_key,
    x5c_of,
)

ROOT, INTERMEDIATE, LEAF = root_plan(), intermediate_plan(), leaf_plan()
INTERMEDIATE_KEY = rsa_key("intermediate")
SMALL_KEY = rsa_key("small", 1024)
OTHER_KEY = rsa_key("somebody else")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A chain and a question about it, to which the answer is the leaf's key."""

    root: CertificatePlan = ROOT
    intermediate: CertificatePlan = INTERMEDIATE
    leaf: CertificatePlan = LEAF
    pinned: CertificatePlan | None = None  # None: the root itself
    x5c: Callable[[list[object]], object] | None = None

    def verify(self) -> rsa.RSAPublicKey:
        chain: object = x5c_of(self.leaf.make(), self.intermediate.make(), self.root.make())
        if self.x5c is not None:
            assert isinstance(chain, list)
            chain = self.x5c(chain)
        return verify_chain(chain, root=(self.pinned or self.root).make(), now=NOW)


GOOD = Attempt()


def with_leaf(**changes: object) -> Attempt:
    return replace(GOOD, leaf=replace(LEAF, **changes))  # type: ignore[arg-type]


def with_intermediate(**changes: object) -> Attempt:
    return replace(GOOD, intermediate=replace(INTERMEDIATE, **changes))  # type: ignore[arg-type]


def with_root(**changes: object) -> Attempt:
    return replace(GOOD, root=replace(ROOT, **changes))  # type: ignore[arg-type]


def with_chain(x5c: Callable[[list[object]], object]) -> Attempt:
    return replace(GOOD, x5c=x5c)


def cut_short(chain: list[object]) -> list[object]:
    """The leaf without the last byte of its DER."""
    der = base64.b64decode(str(chain[0]))[:-1]
    return [base64.b64encode(der).decode(), *chain[1:]]


def with_unused_bit(chain: list[object]) -> list[object]:
    """The leaf's signature (256 bytes, at its end) declared one bit shorter, that bit being zero."""
    der = bytearray(base64.b64decode(str(chain[0])))
    assert der[-257] == 0
    der[-257] = 1
    der[-1] &= 0xFE
    return [base64.b64encode(der).decode(), *chain[1:]]


def as_base64url(chain: list[object]) -> list[object]:
    return [str(text).replace("+", "-").replace("/", "_") for text in chain]


PAST: dict[str, object] = {"begins_at": NOW - 2 * DAY_S, "ends_at": NOW - 1}
FUTURE: dict[str, object] = {"begins_at": NOW + 1, "ends_at": NOW + DAY_S}

REJECTED: Rejected[Attempt] = [
    # the list of certificates
    ("a chain that is null", with_chain(lambda chain: None), rejections.ChainMissing),
    ("a chain that is a string", with_chain(lambda chain: chain[0]), rejections.ChainMalformed),
    ("an empty chain", with_chain(lambda chain: []), rejections.ChainMalformed),
    ("the leaf alone", with_chain(lambda chain: chain[:1]), rejections.ChainMalformed),
    ("the root alone", with_chain(lambda chain: chain[2:]), rejections.ChainMalformed),
    ("a hundred certificates", with_chain(lambda chain: chain * 34), rejections.ChainMalformed),
    ("a number for a certificate", with_chain(lambda chain: [1, *chain[1:]]), rejections.ChainMalformed),
    ("no base64", with_chain(lambda chain: ["*", *chain[1:]]), rejections.ChainMalformed),
    ("no ASCII", with_chain(lambda chain: ["ä", *chain[1:]]), rejections.ChainMalformed),
    (
        "base64 in two lines",
        with_chain(lambda chain: [f"{chain[0]}\n", *chain[1:]]),
        rejections.ChainMalformed,
    ),
    ("base64url", with_chain(as_base64url), rejections.ChainMalformed),
    ("no certificate", with_chain(lambda chain: ["AAAA", *chain[1:]]), rejections.ChainMalformed),
    ("a certificate cut short", with_chain(cut_short), rejections.ChainMalformed),
    ("a signature with an unused bit", with_chain(with_unused_bit), rejections.ChainMalformed),
    # the way to the root
    ("no root", with_chain(lambda chain: chain[:2]), rejections.UntrustedRoot),
    (
        "another root is pinned",
        replace(GOOD, pinned=replace(ROOT, key=OTHER_KEY, issuer_key=OTHER_KEY)),
        rejections.UntrustedRoot,
    ),
    (
        "the pinned root's key in another certificate",
        replace(GOOD, pinned=replace(ROOT, ends_at=ROOT.ends_at + 1)),
        rejections.UntrustedRoot,
    ),
    (
        "leaf and intermediate swapped",
        with_chain(lambda chain: [chain[1], chain[0], chain[2]]),
        rejections.ChainBroken,
    ),
    (
        "intermediate and root swapped",
        with_chain(lambda chain: [chain[0], chain[2], chain[1]]),
        rejections.UntrustedRoot,
    ),
    ("no intermediate", with_chain(lambda chain: [chain[0], chain[2]]), rejections.ChainBroken),
    ("an intermediate of another root", with_intermediate(issuer_key=OTHER_KEY), rejections.ChainBroken),
    ("an intermediate that names another issuer", with_intermediate(issuer="other"), rejections.ChainBroken),
    ("a leaf of another intermediate", with_leaf(issuer_key=OTHER_KEY), rejections.ChainBroken),
    ("a leaf that names another issuer", with_leaf(issuer="other"), rejections.ChainBroken),
    # their time
    ("an expired leaf", with_leaf(**PAST), rejections.CertificateExpired),
    ("an expired intermediate", with_intermediate(**PAST), rejections.CertificateExpired),
    ("an expired root", with_root(**PAST), rejections.CertificateExpired),
    ("a leaf of tomorrow", with_leaf(**FUTURE), rejections.CertificateNotYetValid),
    ("an intermediate of tomorrow", with_intermediate(**FUTURE), rejections.CertificateNotYetValid),
    ("a root of tomorrow", with_root(**FUTURE), rejections.CertificateNotYetValid),
    # what they allow
    (
        "an intermediate that is no authority",
        with_intermediate(is_authority=False),
        rejections.NotACertificateAuthority,
    ),
    (
        "an intermediate that does not say what it is",
        with_intermediate(is_authority=None),
        rejections.NotACertificateAuthority,
    ),
    (
        "an intermediate for tokens",
        with_intermediate(usage="tokens"),
        rejections.NotACertificateAuthority,
    ),
    (
        "an intermediate without usage",
        with_intermediate(usage=None),
        rejections.NotACertificateAuthority,
    ),
    ("a root that is no authority", with_root(is_authority=False), rejections.NotACertificateAuthority),
    ("a root for leaves alone", with_root(path_length=0), rejections.PathTooLong),
    ("a leaf for certificates", with_leaf(usage="certificates"), rejections.KeyUsageForbidden),
    ("a leaf with a critical extension", with_leaf(critical_extension=True), rejections.CriticalExtension),
    (
        "an intermediate with a critical extension",
        with_intermediate(critical_extension=True),
        rejections.CriticalExtension,
    ),
    # keys and signatures
    ("a leaf with a small key", with_leaf(key=SMALL_KEY), rejections.KeyNotAllowed),
    ("a leaf with an elliptic key", with_leaf(key=ec_key()), rejections.KeyNotAllowed),
    ("an intermediate with a small key", with_intermediate(key=SMALL_KEY), rejections.KeyNotAllowed),
    ("a leaf signed with SHA-224", with_leaf(hashed=hashes.SHA224()), rejections.KeyNotAllowed),
    ("a leaf with a PSS signature", with_leaf(with_pss=True), rejections.KeyNotAllowed),
]


@each_of(REJECTED)
def test_one_changed_thing_is_rejected_with_its_own_class(
    attempt: Attempt, rejection: type[EvidenceRejected]
) -> None:
    with rejected_as(rejection):
        attempt.verify()


@pytest.mark.parametrize(
    "attempt",
    [
        pytest.param(with_root(path_length=1), id="a root for one intermediate"),
        pytest.param(with_intermediate(path_length=0), id="an intermediate for leaves"),
        pytest.param(with_leaf(usage=None), id="a leaf that does not say what for, as the platform's"),
        pytest.param(with_leaf(hashed=hashes.SHA384()), id="a leaf signed with SHA-384"),
        pytest.param(with_leaf(hashed=hashes.SHA512()), id="a leaf signed with SHA-512"),
        pytest.param(with_leaf(begins_at=NOW), id="the leaf's first second"),
        pytest.param(with_leaf(ends_at=NOW), id="the leaf's last second"),
    ],
)
def test_what_makes_no_difference_is_accepted(attempt: Attempt) -> None:
    assert attempt.verify() == rsa_key("leaf").public_key()


def test_a_leaf_that_the_root_issued_needs_no_intermediate() -> None:
    leaf = replace(LEAF, issuer="root", issuer_key=rsa_key("root"))
    replace(
        GOOD, leaf=leaf, x5c=lambda chain: [chain[0], chain[2]], root=replace(ROOT, path_length=0)
    ).verify()


def chain_of(length: int) -> list[CertificatePlan]:
    """The leaf, so many less two intermediates, and the root."""
    above = [
        replace(INTERMEDIATE, subject=f"i{number}", issuer=f"i{number + 1}", issuer_key=INTERMEDIATE_KEY)
        for number in range(length - 2)
    ]
    above[-1] = replace(above[-1], issuer="root", issuer_key=rsa_key("root"))
    return [replace(LEAF, issuer="i0"), *above, ROOT]


def verify_plans(plans: list[CertificatePlan]) -> rsa.RSAPublicKey:
    certificates = [plan.make() for plan in plans]
    return verify_chain(x5c_of(*certificates), root=certificates[-1], now=NOW)


def test_five_certificates_are_followed_and_six_are_not_looked_at() -> None:
    assert verify_plans(chain_of(5)) == rsa_key("leaf").public_key()
    with pytest.raises(rejections.ChainMalformed, match="is not a list of 2 to 5 certificates"):
        verify_plans(chain_of(6))


def test_a_certificate_is_named_by_its_place_from_the_leaf_up() -> None:
    for place in range(3):
        plans = chain_of(4)
        plans[place] = replace(plans[place], critical_extension=True)
        with pytest.raises(rejections.CriticalExtension) as caught:
            verify_plans(plans)
        assert caught.value.message == f"certificate {place + 1} has the critical extension `1.2.3.4`"


@pytest.mark.parametrize(("place", "path_length"), [(1, 0), (2, 1), (3, 2)])
def test_a_path_may_be_as_long_as_each_authority_allows_and_no_longer(place: int, path_length: int) -> None:
    plans = chain_of(4)
    plans[place] = replace(plans[place], path_length=path_length)
    verify_plans(plans)
    if path_length:
        plans[place] = replace(plans[place], path_length=path_length - 1)
        with pytest.raises(rejections.PathTooLong, match=f"may not have {path_length} intermediates"):
            verify_plans(plans)


@pytest.mark.parametrize("critical", [False, True])
def test_name_constraints_are_refused_whether_they_are_marked_critical_or_not(critical: bool) -> None:
    constraints = x509.NameConstraints([x509.DNSName("confidentialcomputing.googleapis.com")], None)
    for place in range(4):
        plans = chain_of(4)
        plans[place] = replace(plans[place], extension=(constraints, critical))
        expected = rejections.CriticalExtension if critical else rejections.NamesConstrained
        with pytest.raises(EvidenceRejected) as caught:
            verify_plans(plans)
        assert type(caught.value) is expected
        if not critical:
            said = f"certificate {place + 1} constrains names, which are not compared here"
            assert caught.value.message == said


def test_another_extension_that_is_not_critical_says_nothing() -> None:
    alternative = x509.SubjectAlternativeName([x509.DNSName("somewhere.example")])
    for place in range(4):
        plans = chain_of(4)
        plans[place] = replace(plans[place], extension=(alternative, False))
        verify_plans(plans)


@pytest.mark.parametrize(
    ("order", "said"),
    [
        pytest.param([0, 1, 2, 2], "certificate 4 of `x5c` is certificate 3 again", id="the root"),
        pytest.param([0, 1, 1, 2], "certificate 3 of `x5c` is certificate 2 again", id="an intermediate"),
        pytest.param([0, 0, 1, 2], "certificate 2 of `x5c` is certificate 1 again", id="the leaf"),
        pytest.param([2, 0, 1, 2], "certificate 4 of `x5c` is certificate 1 again", id="the root, as a leaf"),
        pytest.param([0, 1, 2, 2, 2], "certificate 4 of `x5c` is certificate 3 again", id="the root, thrice"),
    ],
)
def test_no_certificate_stands_twice_in_a_chain(order: list[int], said: str) -> None:
    with pytest.raises(rejections.CertificateTwice) as caught:
        with_chain(lambda chain: [chain[place] for place in order]).verify()
    assert caught.value.message == said


@pytest.mark.parametrize("place", [0, 1], ids=["leaf", "intermediate"])
def test_a_certificate_with_a_changed_bit_in_any_byte_is_rejected(place: int) -> None:
    certificates = [plan.make() for plan in (LEAF, INTERMEDIATE, ROOT)]
    der = certificates[place].public_bytes(Encoding.DER)
    for byte in range(len(der)):
        changed = bytearray(der)
        changed[byte] ^= 1 << (byte % 8)
        x5c = x5c_of(*certificates)
        x5c[place] = base64.b64encode(changed).decode()
        with pytest.raises(EvidenceRejected):
            verify_chain(x5c, root=certificates[-1], now=NOW)
