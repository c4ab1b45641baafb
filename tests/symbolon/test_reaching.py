"""Who a command acts as: whoever the shell is logged in as, and nobody where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from attestation.errors import Misconfigured
from emulator.running import Running
from symbolon.reaching import open_api


def test_the_shells_credentials_are_used(through_gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(through_gateway.credentials_file("owner")))
    url = "https://cloudresourcemanager.googleapis.com/v3/projects/primus"
    assert open_api("owner").call("GET", url, doing="looking")["projectId"] == "primus"


def test_without_credentials_the_way_to_some_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(Misconfigured, match="no Google credentials") as refused:
        open_api("owner")
    assert "symbolon emulator env owner" in (refused.value.hint or "")
