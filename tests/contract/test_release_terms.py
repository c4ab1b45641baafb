"""How a sealed model is opened: said whole in the owner's terms, or refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from attestation.digests import Digest
from attestation.errors import Misconfigured
from contract.release_terms import ReleaseTerms
from contract.terms import OwnerTerms, parse_terms, render_terms
from tests.sealed_models import KMS
from tests.workload.samples import TERMS, terms_text

SEALED = replace(
    TERMS,
    release=ReleaseTerms(
        manifest=Digest("sha256:" + "5e" * 32),
        kms=str(KMS),
        signed_by="MCowBQYDK2VwAyEAO2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik=",
    ),
)
RELEASED = replace(
    TERMS,
    release=ReleaseTerms(
        manifest=Digest("sha256:" + "5e" * 32),
        broker="https://broker.primus.example:8443",
        broker_key="MCowBQYDK2VwAyEAO2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik=",
        broker_pins=(Digest("sha256:" + "b1" * 32), Digest("sha256:" + "b2" * 32)),
    ),
)


@pytest.mark.parametrize("terms", [SEALED, RELEASED], ids=["by Cloud KMS", "by a broker"])
def test_what_is_written_is_read_as_it_was(terms: OwnerTerms) -> None:
    assert parse_terms(render_terms(terms)) == terms


def test_terms_without_release_are_of_a_model_that_lies_as_it_is() -> None:
    assert parse_terms(terms_text()).release is None
    assert "release" not in render_terms(TERMS)


BROKER = render_terms(RELEASED).partition("[release]\n")[2].partition("\n\n")[0].splitlines()
RELEASE = render_terms(SEALED).partition("[release]\n")[2].partition("\n\n")[0].splitlines()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], r"do not say `release\.manifest`"),
        (RELEASE[:1], r"do not say `release\.kms`, nor `release\.broker`"),
        ([*RELEASE, BROKER[1]], r"say `release\.kms` and a broker"),
        ([*RELEASE, BROKER[2]], r"say `release\.kms` and a broker"),
        ([*RELEASE, BROKER[3]], r"say `release\.kms` and a broker"),
        ([BROKER[0], *BROKER[2:]], r"do not say `release\.broker`"),
        ([*BROKER[:2], BROKER[3]], r"do not say `release\.broker_key`"),
        (BROKER[:3], r"do not say `release\.broker_pins`"),
        ([BROKER[0], 'broker = "http://broker.example"', *BROKER[2:]], r"`release\.broker` .* not `https://"),
        ([BROKER[0], 'broker = "https://broker.example/"', *BROKER[2:]], r"`release\.broker`"),
        ([BROKER[0], 'broker = "https://me@broker.example"', *BROKER[2:]], r"`release\.broker`"),
        ([*BROKER[:2], 'broker_key = "me"', BROKER[3]], r"`release\.broker_key`"),
        ([*BROKER[:3], "broker_pins = []"], r"`release\.broker_pins` .* not a list of 1 to 2"),
        ([*BROKER[:3], f'broker_pins = ["{"a" * 64}", "{"a" * 64}"]'], r"`release\.broker_pins`"),
        (
            [*BROKER[:3], f'broker_pins = ["{"a" * 64}", "{"b" * 64}", "{"c" * 64}"]'],
            r"`release\.broker_pins`",
        ),
        ([RELEASE[0], 'kms = "lite0"'], r"`release\.kms` .* not `projects/PROJECT/locations"),
        ([RELEASE[0], f'{RELEASE[1][:-1]}/cryptoKeyVersions/1"'], r"`release\.kms`"),
        (['manifest = "sha256:0"', RELEASE[1]], r"`release\.manifest` .* not 64 lower-case hex digits"),
        ([*RELEASE[:2], 'signed_by = "me"'], r"`release\.signed_by`"),
        ([*RELEASE, 'keys = "all"'], r"unknown key `release\.keys`"),
    ],
)
def test_how_a_model_is_opened_is_said_whole_or_refused(lines: list[str], said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        parse_terms(render_terms(TERMS) + "\n".join(["", "[release]", *lines]))
