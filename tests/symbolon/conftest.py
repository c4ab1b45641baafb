"""What the command's tests share: calling it as a person does, in this process or in one of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from policy.proving.prover import Prover
from symbolon.__main__ import main
from tests.symbolon.policies import ANYBODY, written
from tests.symbolon.provisioning import POLICY

if TYPE_CHECKING:
    from tests.deploy.google_here import GoogleHere


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


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleHere]:
    """Google in this process, which either party's command reaches, in a folder of the test's own."""
    import symbolon.operator.provision as of_operator
    import symbolon.owner.provision as of_owner
    from tests.deploy.google_here import google_in

    google, fleet = google_in(tmp_path / "google")
    for party, module in (("owner", of_owner), ("operator", of_operator)):
        monkeypatch.setattr(module, "sign_in", lambda _, party=party: google.api(party))
    for name in ("GOOGLE_CLOUD_PROJECT", "PRIMUS_PROJECT_ID", "SECUNDUS_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    Path("policy.toml").write_text(POLICY)
    yield google
    fleet.stop()


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
