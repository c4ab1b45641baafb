"""What the terms in the image say of a request, before there is a machine: of a licence above all."""

from __future__ import annotations

from typing import Any

import pytest

from contract.terms import OwnerTerms, render_terms
from deploy.confidential_vm import ConfidentialVm
from symbolon.operator import terms_ahead
from symbolon.operator.answers import Answer
from tests.contract.test_release_terms import RELEASED
from tests.workload.samples import TERMS

LICENCE = "0123456789abcdef" * 2
FOLDERS = {"INPUT_URI": "gs://photos/june", "RESULT_URI": "gs://results/june"}


def asked(monkeypatch: pytest.MonkeyPatch, terms: OwnerTerms, **environment: str) -> Answer:
    monkeypatch.setattr(terms_ahead, "read_file", lambda *_: render_terms(terms).encode())
    vm = ConfidentialVm(
        project_id="secundus",
        zone="us-west1-b",
        name="vm",
        image_reference="",
        service_account="",
        environment={**FOLDERS, **environment},
    )
    nothing: Any = None
    return terms_ahead.check_terms(nothing, nothing, nothing, vm)


def test_a_licence_is_asked_for_by_the_broker_and_not_foretold(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = asked(monkeypatch, RELEASED, LICENCE=LICENCE)
    assert answer.standing == "yes"
    assert f"licence {LICENCE}" in answer.says
    assert "known to `https://broker.primus.example:8443` alone" in answer.says


def test_a_licence_that_is_missing_is_said_before_anything_is_launched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = asked(monkeypatch, RELEASED)
    assert (answer.standing, "LICENCE is not set" in answer.says) == ("no", True)
    assert "tee-env-LICENCE" in answer.fix


def test_a_licence_that_nobody_asks_for_is_said_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = asked(monkeypatch, TERMS, LICENCE=LICENCE)
    assert (answer.standing, "name no broker" in answer.says) == ("no", True)
    assert "licence" not in asked(monkeypatch, TERMS).says
