"""Whether a policy admits exactly one image, by proof: a text may name a digest and mean nothing by it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from policy.proving.attacking import Attack
from policy.proving.prover import Prover
from symbolon.auditor.image_policy import PolicyAnswer, ask_policy
from symbolon.policy_files import read_policy_set

OURS, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64
CLAIM = "assertion.submods.container.image_digest"
POOL = "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p"


def asked(tmp_path: Path, condition: str, *members: str) -> PolicyAnswer:
    (tmp_path / "c.cel").write_text(condition)
    bindings = None
    if members:
        bindings = str(tmp_path / "b.json")
        role = {"role": "roles/iam.workloadIdentityUser", "members": members}
        Path(bindings).write_text(json.dumps({"bindings": [role]}))
    named = read_policy_set(str(tmp_path / "c.cel"), bindings=bindings)
    with Prover(attack=Attack(count=20)) as prover:
        return ask_policy(named, OURS, prover)


@pytest.mark.parametrize(
    ("condition", "word", "code"),
    [
        pytest.param(f'{CLAIM} == "{OURS}"', "pins it", 0, id="this image alone"),
        pytest.param(f'{CLAIM} in ["{OURS}"] && assertion.secboot', "pins it", 0, id="and more is asked"),
        pytest.param(f'{CLAIM} in ["{OURS}", "{OTHER}"]', "does not pin it", 3, id="another image too"),
        pytest.param(f'{CLAIM} == "{OTHER}"', "refuses it", 3, id="another image alone"),
        pytest.param(f'{CLAIM} != "{OURS}" || true', "does not pin it", 3, id="named, and any image"),
        pytest.param(f'{CLAIM} == "{OURS}" && false', "refuses it", 3, id="named, and nobody"),
        pytest.param("assertion.secboot", "does not pin it", 3, id="no image named"),
    ],
)
def test_the_answer_is_the_proof_s(tmp_path: Path, condition: str, word: str, code: int) -> None:
    answer = asked(tmp_path, condition)
    assert (answer.word, int(answer.exit_code)) == (word, code)
    if word == "pins it":
        assert answer.rests_on[0] == "a proof: no admitted token has another image digest"
        assert "attacked with 20 tokens" in answer.rests_on[-1]


def test_a_policy_that_pins_another_image_names_it(tmp_path: Path) -> None:
    assert f"it admits, for example, `{OTHER}`" in asked(tmp_path, f'{CLAIM} == "{OTHER}"').said


def test_what_is_not_decided_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Prover.__init__.__kwdefaults__ or {}, "budget_s", 1e-9)
    answer = asked(tmp_path, f'{CLAIM} == "{OURS}" && assertion.swversion.exists(x, x.matches("(a+)+b"))')
    assert (answer.word, int(answer.exit_code)) == ("not known", 6)


@pytest.mark.parametrize(
    ("member", "word"),
    [
        (f"{POOL}/attribute.image_digest/{OURS}", "pins it"),
        ("serviceAccount:a@b.iam.gserviceaccount.com", "pins it"),
        (f"{POOL}/attribute.image_digest/{OTHER}", "does not pin it"),
        (f"{POOL}/*", "does not pin it"),
    ],
)
def test_bindings_that_let_in_more_do_not_pin_it(tmp_path: Path, member: str, word: str) -> None:
    answer = asked(tmp_path, f'{CLAIM} == "{OURS}"', member)
    assert answer.word == word
