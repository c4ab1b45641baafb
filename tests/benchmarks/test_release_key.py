"""The benchmark of a broker's releases runs for a moment, and says where a bound is not kept."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from attestation.errors import ExitCode
from benchmarks import release_key
from tests.release import brokers

KEPT = release_key.Rate(
    database="sqlite", brokers=1, a_second=50.0, median_s=0.01, p99_s=0.1, commits_a_second=500.0
)


def test_a_broker_is_asked_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_key, "_PEER_S", 0.05)
    monkeypatch.setattr(release_key, "_WARM_S", 0.05)
    rate = release_key.measure("sqlite", seconds=0.4, clients=2)
    assert (rate.database, rate.brokers) == ("sqlite", 1)
    assert min(rate.a_second, rate.commits_a_second) > 0
    assert 0 < rate.median_s <= rate.p99_s


def test_a_release_of_another_key_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broker:
        def release(self) -> tuple[object, bytes, object]:
            return None, b"", type("Answer", (), {"sealed": b"sealed"})

    monkeypatch.setattr(release_key, "open_key", lambda *_, **__: b"another" + brokers.DATA_KEY[7:])
    with pytest.raises(SystemExit, match="released another key"):
        release_key._release(Broker())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rate", "code"),
    [
        pytest.param(KEPT, ExitCode.YES, id="just as it has to be"),
        pytest.param(replace(KEPT, a_second=49.9), ExitCode.ANSWERED_NO, id="too few a second"),
        pytest.param(replace(KEPT, p99_s=0.101), ExitCode.ANSWERED_NO, id="too slow"),
        pytest.param(replace(KEPT, database="postgresql"), ExitCode.ANSWERED_NO, id="too few for PostgreSQL"),
    ],
)
def test_the_exit_code_says_whether_the_bounds_are_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], rate: release_key.Rate, code: int
) -> None:
    monkeypatch.setattr(release_key, "measure", lambda name, **_: rate)
    monkeypatch.setattr(sys, "argv", ["release_key", "--database", rate.database, "--format", "json"])
    assert release_key.main() == code
    assert [each["database"] for each in json.loads(capsys.readouterr().out)] == [rate.database]
    assert "sqlite, 1 broker " in release_key.render(KEPT)
