"""By which token a part is believed, and by which it is not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

import emulator.verifier
from attestation.errors import EvidenceRejected, Misconfigured
from contract.parts import AUDIENCE
from emulator import running
from emulator.state import State
from emulator.verifier import Verifier
from policy.launch_claims import LaunchFacts
from tests.launches import DIGEST
from tests.workload.launching import launched, verifier_of
from tests.workload.samples import FACTS
from workload import container
from workload.part_tokens import Machine, learn_machine

NONCE = "ab" * 32


@pytest.fixture
def verifier(emulator: running.Running) -> Verifier:
    return verifier_of(emulator)


@pytest.fixture
def machine(verifier: Verifier, tmp_path: Path) -> Iterator[Machine]:
    with launched(verifier, FACTS, tmp_path) as machine:
        yield machine


def test_a_machine_knows_its_image_and_its_instance_and_its_tokens_are_its_own(machine: Machine) -> None:
    assert (machine.image_digest, machine.instance_id) == (DIGEST, FACTS.instance_id)
    token = machine.ask(NONCE)
    machine.verify(token, NONCE)


Mint = Callable[[Verifier], str]


def of(facts: LaunchFacts = FACTS, *, audience: str = AUDIENCE, nonces: tuple[str, ...] = (NONCE,)) -> Mint:
    return lambda verifier: verifier.mint(facts, audience=audience, nonces=nonces, pki=True)


@pytest.mark.parametrize(
    ("mint", "said"),
    [
        pytest.param(of(replace(FACTS, image_digest=DIGEST[:-1] + "0")), "of another image", id="image"),
        pytest.param(of(replace(FACTS, debug=True)), "of another kind of machine", id="a debug machine"),
        pytest.param(
            of(replace(FACTS, hardware="GCP_INTEL_TDX")), "of another kind of machine", id="hardware"
        ),
        pytest.param(of(nonces=("cd" * 32,)), "for something else than it says", id="another nonce"),
        pytest.param(of(nonces=(NONCE, "cd" * 32)), "for something else than it says", id="a nonce more"),
        pytest.param(of(nonces=()), "for something else than it says", id="no nonce"),
        pytest.param(of(audience="symbolon:receipt:v1"), "no accepted audience", id="another purpose"),
        pytest.param(
            lambda verifier: verifier.mint(FACTS, audience=AUDIENCE, nonces=[NONCE]),
            "x5c",
            id="no PKI one",
        ),
        pytest.param(lambda _: "", "three parts", id="nothing"),
        pytest.param(lambda verifier: of()(verifier)[:-4] + "AAAA", "signature", id="another signature"),
    ],
)
def test_a_token_that_says_something_else_proves_nothing(
    machine: Machine, verifier: Verifier, mint: Mint, said: str
) -> None:
    machine.verify(of()(verifier), NONCE)
    with pytest.raises(EvidenceRejected, match=said):
        machine.verify(mint(verifier), NONCE)


def test_a_stable_system_believes_no_other_and_any_other_believes_a_stable_one(
    machine: Machine, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older one, of which a hole may be known, is one on which an operator may write rows."""
    stable = of()(verifier)
    newest = emulator.verifier._submods

    def older(facts: LaunchFacts, launched: Mapping[str, Any]) -> dict[str, Any]:
        submods: dict[str, Any] = newest(facts, launched)
        submods["confidential_space"]["support_attributes"] = ["USABLE"]
        return submods

    monkeypatch.setattr(emulator.verifier, "_submods", older)
    usable = of()(verifier)
    with pytest.raises(EvidenceRejected, match="of a system that was not marked `STABLE`"):
        machine.verify(usable, NONCE)
    learned = learn_machine()
    learned.verify(usable, NONCE)
    learned.verify(stable, NONCE)


def test_a_token_of_the_operators_own_platform_proves_nothing(machine: Machine, tmp_path: Path) -> None:
    another = Verifier(State(tmp_path / "another", clock=lambda: 1.8e9))
    with pytest.raises(EvidenceRejected, match="does not end in the pinned root"):
        machine.verify(of()(another), NONCE)


def test_a_token_whose_hour_is_over_proves_what_it_did(machine: Machine, emulator: running.Running) -> None:
    earlier = Verifier(State(emulator.folder, clock=lambda: time.time() - 7200))
    machine.verify(of()(earlier), NONCE)


def test_an_image_that_was_built_for_another_platform_is_refused(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    another = Verifier(State(tmp_path / "another", clock=lambda: 1.8e9))
    (tmp_path / "other.pem").write_bytes(another.root.public_bytes(Encoding.PEM))
    monkeypatch.setattr(container, "ROOT_FILE", tmp_path / "other.pem")
    with pytest.raises(EvidenceRejected, match="does not end in the pinned root"):
        learn_machine()


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_an_image_without_a_root_says_who_adds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "root.pem").write_bytes(content)
    monkeypatch.setattr(container, "ROOT_FILE", tmp_path / "root.pem")
    with pytest.raises(Misconfigured, match="holds no root of the platform") as refused:
        learn_machine()
    assert "`root.pem`" in refused.value.hint
