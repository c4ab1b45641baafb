"""A command that needs an extra says which, before it fails for want of it."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

import symbolon.extras
from attestation.errors import Misconfigured
from symbolon.extras import require_extra

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def brought(extra: str) -> set[str]:
    """The distributions of an extra, with those of the extras that it names."""
    found: set[str] = set()
    for requirement in EXTRAS[extra]:
        also = re.fullmatch(r"symbolon\[(.+)\]", requirement)
        names = also[1].split(",") if also else []
        found |= set().union(*map(brought, names)) if also else {re.split(r"[^\w.-]", requirement)[0]}
    return found


@pytest.mark.parametrize("extra", ["emulator", "demo"])
def test_every_library_of_an_extra_is_looked_for(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()
    monkeypatch.setattr(symbolon.extras, "distribution", asked.add)
    require_extra(extra)
    assert asked == brought(extra)


def test_a_library_that_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_trustme(name: str) -> object:
        if name == "trustme":
            raise PackageNotFoundError(name)
        return distribution(name)

    monkeypatch.setattr(symbolon.extras, "distribution", without_trustme)
    with pytest.raises(Misconfigured, match=r"^`trustme` is not installed") as missing:
        require_extra("emulator")
    assert missing.value.hint.endswith("scripts/environment emulator")
