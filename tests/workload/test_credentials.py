"""The two credentials where Google does not answer as it should; what it refuses is in test_refusals."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from attestation.errors import Misconfigured, Unavailable
from contract.terms import parse_terms
from emulator import running
from emulator.state import State
from emulator.verifier import Verifier
from tests.workload.samples import FACTS, terms_text
from workload import container, credentials, patience
from workload.patience import Patience

TERMS = parse_terms(terms_text()).credential


@pytest.fixture
def _token_file(emulator: running.Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = Verifier(State(emulator.folder, clock=time.time))
    (tmp_path / "token").write_text(verifier.mint(FACTS))
    monkeypatch.setattr(container, "TOKEN_FILE", tmp_path / "token")
    monkeypatch.setattr(container, "TEESERVER_SOCKET", tmp_path / "absent.sock")
    monkeypatch.setattr(patience, "SERVICES", Patience(total_s=0.5, call_s=9.0, attempts=9))


@pytest.mark.usefixtures("_token_file", "as_operator")
def test_sts_that_cannot_be_reached_is_reported_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with pytest.raises(Unavailable, match=r"`sts\.googleapis\.com` cannot be reached"):
        credentials.owner_credential(TERMS)


@pytest.mark.usefixtures("_token_file", "as_operator")
def test_a_provider_that_does_not_exist_is_for_the_owner_to_name_right() -> None:
    with pytest.raises(Misconfigured, match="STS refuses the exchange"):
        credentials.owner_credential(TERMS)
