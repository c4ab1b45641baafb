"""A client that is absent: its tests are skipped, but where it is demanded."""

from __future__ import annotations

import pytest

from tests.clients.conftest import installed


def test_a_client_that_nobody_demands_may_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMBOLON_CLIENTS", "gcloud skopeo")
    with pytest.raises(pytest.skip.Exception, match="not required: no-such-client is not installed"):
        installed("no-such-client")


def test_a_client_that_is_demanded_and_gone_fails_its_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMBOLON_CLIENTS", "gcloud no-such-client")
    with pytest.raises(pytest.fail.Exception, match="no-such-client is not installed"):
        installed("no-such-client")
