"""What the command's tests share: calling it as a person does, in this process or in one of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from policy.proving.prover import Prover
from symbolon.__main__ import main
from tests.symbolon.policies import ANYBODY, written


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine does not spend the budget of a question that another one answers at once."""
    monkeypatch.setattr("policy.linting.BUDGET_S", 600.0)
    monkeypatch.setitem(Prover.__init__.__kwdefaults__ or {}, "budget_s", 600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What the command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Ask = Callable[..., Answered]


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    """`ask("owner", "policy", …)` is the command with these arguments."""

    def asked(*arguments: str | Path) -> Answered:
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Answered(code=code, out=captured.out, err=captured.err)

    return asked


@pytest.fixture
def anybody(tmp_path: Path) -> Path:
    """A condition that admits any production image."""
    return written(tmp_path / "anybody.cel", ANYBODY)


@pytest.fixture(scope="session")
def model_cache(pytestconfig: pytest.Config) -> Path:
    """Where tests keep the demo's model from one run to the next; the user's own cache is left alone."""
    assert pytestconfig.cache is not None
    return pytestconfig.cache.mkdir("symbolon-models")


@pytest.fixture(scope="session")
def vectors() -> Path:
    """Real tokens that Google's verifier signed."""
    folder = Path(os.environ.get("SYMBOLON_VECTORS", Path(__file__).parents[3] / "shared" / "vectors"))
    if not folder.is_dir():
        pytest.skip("the vectors of real tokens are not beside this checkout (SYMBOLON_VECTORS)")
    return folder
