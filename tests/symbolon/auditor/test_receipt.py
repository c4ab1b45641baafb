"""A receipt is verified, or refused for one thing by its name: every vector, and what a person reads."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from contract.operator_names import OPERATOR_NAMES
from contract.receipt import parse_receipt
from deploy.image import RUNTIMES, read_dockerfile
from symbolon.error_codes import EXPLAINED
from tests.receipt_folders import write_vectors
from tests.receipt_vectors import VECTORS
from tests.receipts import IMAGE, NOW, Draft, results_of, root
from tests.symbolon.conftest import Ask

EXIT_CODES = {"verified": 0, "not-known": 6, "receipt-format-unknown": 7}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vectors")
    write_vectors(folder)
    return folder


@pytest.fixture(scope="module")
def vectors(folder: Path) -> dict[str, dict[str, Any]]:
    return {
        each["vector"]: each for each in json.loads((folder / "vectors.json").read_text(encoding="utf-8"))
    }


def arguments(folder: Path, vector: dict[str, Any]) -> list[str]:
    """What a person types to ask what the vector asks."""
    typed = ["auditor", "receipt", "verify", str(folder / vector["receipt"]), "--at", str(vector["at"])]
    typed += ["--root", str(folder / vector["root"])]
    for option, value in (
        ("--results", vector["results"]),
        ("--policy", vector["policy"]),
        ("--proof", vector["proof"]),
    ):
        typed += [option, str(folder / value)] if value else []
    typed += ["--broker-key", vector["broker_key"]] if vector["broker_key"] else []
    typed += ["--image-digest", vector["image_digest"]] if vector["image_digest"] else []
    return typed + (["--emulator"] if vector["emulator"] else [])


@pytest.mark.parametrize("sentence", [vector.sentence for vector in VECTORS])
def test_a_vector_is_answered_by_its_class(
    ask: Ask, folder: Path, vectors: dict[str, dict[str, Any]], sentence: str
) -> None:
    vector = vectors[sentence]
    expected = vector["expected"]
    answered = ask(*arguments(folder, vector), "--format", "json")
    document = answered.json
    found = document.get("why", {"code": "verified"})["code"]
    assert (found, answered.code) == (expected, EXIT_CODES.get(expected, 4))
    assert (document.get("verdict") == "verified") == (expected == "verified")


def test_there_are_more_than_twenty_refusals_and_each_class_is_explained() -> None:
    assert len({vector.sentence for vector in VECTORS}) == len(VECTORS)
    refused = [vector.expected for vector in VECTORS if vector.expected != "verified"]
    assert len(refused) > 20
    assert set(refused) <= set(EXPLAINED)


def test_the_vectors_are_the_same_wherever_they_are_made(folder: Path, tmp_path: Path) -> None:
    write_vectors(tmp_path)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert len(files) > len(VECTORS)
    assert [(tmp_path / each).read_bytes() for each in files] == [
        (folder / each).read_bytes() for each in files
    ]


def test_an_unchanged_draft_is_the_one_that_every_refusal_differs_from() -> None:
    assert parse_receipt(Draft().make()) == parse_receipt(Draft(results=results_of(40)).make())


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_operator_sets_what_the_label_of_the_image_allows(runtime: str) -> None:
    labels = read_dockerfile(runtime=runtime).labels
    assert tuple(labels["tee.launch_policy.allow_env_override"].split(",")) == OPERATOR_NAMES


def test_a_person_reads_the_verdict_its_steps_and_their_anchors(
    ask: Ask, folder: Path, vectors: dict[str, dict[str, Any]]
) -> None:
    answered = ask(*arguments(folder, vectors["the image that was demanded, with its results"]))
    lines = answered.out.splitlines()
    assert lines[0].startswith("VERIFIED  ")
    assert f"image    {IMAGE}, sealed 2027-01-15T08:00:00Z (claimed)" in lines
    steps = [line.split()[2] for line in lines if line.startswith("pass")]
    assert steps == [
        *("envelope", "attestation", "nonce", "statement", "machine"),
        *("overrides", "network", "results", "counts", "image"),
    ]
    assert "[the root that was given]" in answered.out


def test_of_a_sealed_model_the_manifest_is_told(
    ask: Ask, folder: Path, vectors: dict[str, dict[str, Any]]
) -> None:
    typed = arguments(folder, vectors["a statement with a sealed model"])
    manifest = "sha256:" + "e" * 64
    assert f"manifest {manifest}, sealed" in ask(*typed).out.splitlines()
    assert ask(*typed, "--format", "json").json["statement"]["model"]["sealed_manifest"] == manifest
    plain = arguments(folder, vectors["the image that was demanded, with its results"])
    assert "manifest " not in ask(*plain).out


def test_an_emulator_s_verdict_says_so_first(
    ask: Ask, folder: Path, vectors: dict[str, dict[str, Any]]
) -> None:
    vector = vectors["an emulator's, read as one"]
    answered = ask(*arguments(folder, vector))
    assert answered.out.startswith("VERIFIED (emulator)  ")
    assert ask(*arguments(folder, vector), "--format", "json").json["emulator"] is True


def test_what_fails_is_the_last_step_that_is_looked_at(
    ask: Ask, folder: Path, vectors: dict[str, dict[str, Any]]
) -> None:
    answered = ask(*arguments(folder, vectors["a token of another receipt"]))
    assert answered.out.startswith("REJECTED  nonce-mismatch: ")
    assert "FAIL  ✗  nonce" in answered.out
    assert "statement    not reached" in answered.out
    assert IMAGE not in answered.out  # nothing of it is believed, so nothing of it is told


def test_a_certificate_that_has_expired_since_is_told(
    ask: Ask, folder: Path, vectors: dict[str, dict[str, Any]]
) -> None:
    answered = ask(*arguments(folder, vectors["a certificate has expired since"]))
    assert (
        "certificate 1 has expired since, so that this moment rests on the token's own word" in answered.out
    )


def test_the_clauses_that_refuse_are_told(ask: Ask, folder: Path, vectors: dict[str, dict[str, Any]]) -> None:
    vector = vectors["a policy that refuses its claims"]
    answered = ask(*arguments(folder, vector))
    assert answered.out.startswith("DENIED  refused-by-policy: ")
    assert '`hwmodel` is "GCP_AMD_SEV"' in answered.out
    (clause,) = ask(*arguments(folder, vector), "--format", "json").json["clauses"]
    assert clause["outcome"] == "false"


def test_a_policy_that_nobody_can_evaluate_leaves_the_question_open(
    ask: Ask, folder: Path, vectors: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    policy = tmp_path / "unknown.cel"
    policy.write_text(r"""assertion.swname.matches("\\p{Greek}")""", encoding="utf-8")
    vector = vectors["the image that was demanded, with its results"] | {"policy": str(policy)}
    answered = ask(*arguments(folder, vector))
    assert answered.code == 6
    assert answered.out.startswith("OPEN  it is not known whether Google admits these claims")


def test_without_a_root_it_is_google_s(ask: Ask, folder: Path, vectors: dict[str, dict[str, Any]]) -> None:
    vector = vectors["the image that was demanded, with its results"]
    typed = arguments(folder, vector)
    place = typed.index("--root")
    answered = ask(*typed[:place], *typed[place + 2 :], "--format", "json")
    assert (answered.code, answered.json["why"]["code"]) == (4, "untrusted-root")
    assert "SHA-256 148b2938…, pinned in this program" in answered.out


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        pytest.param(["no-such-file"], 7, "cannot read the receipt", id="no file"),
        pytest.param(["{receipt}", "--results", "no-such-folder"], 7, "is no folder", id="no folder"),
        pytest.param(["{receipt}", "--root", "{receipt}"], 7, "is not a certificate", id="no root"),
        pytest.param(["{receipt}", "--proof", "{receipt}"], 7, "`format` is missing", id="no proof"),
        pytest.param(["-", "--policy", "-"], 2, "named twice", id="standard input twice"),
    ],
)
def test_what_cannot_be_asked_gets_one_line(
    ask: Ask, folder: Path, typed: list[str], code: int, said: str
) -> None:
    answered = ask(
        "auditor",
        "receipt",
        "verify",
        *(each.format(receipt=folder / "00" / "receipt.json") for each in typed),
    )
    assert (answered.code, answered.out) == (code, "")
    first, *rest = answered.err.splitlines()
    assert first.startswith("error: ") and said in first
    assert len(rest) <= 1


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param(["--image-digest", "latest"], id="no digest"),
        pytest.param(["--at", "yesterday"], id="no time"),
        pytest.param(["--results", "gs://"], id="no bucket"),
    ],
)
def test_what_can_never_be_asked_is_wrong_usage(ask: Ask, typed: list[str]) -> None:
    answered = ask("auditor", "receipt", "verify", "receipt.json", *typed)
    assert (answered.code, answered.out) == (2, "")
    assert answered.err.startswith("usage: symbolon auditor receipt verify")
    assert f"{typed[0]}" in answered.err.splitlines()[-1]


def test_what_is_no_receipt_gets_one_line_with_its_class(ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "cat.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n")
    answered = ask("auditor", "receipt", "verify", file, "--image-digest", IMAGE)
    assert (answered.code, answered.err) == (4, "")
    assert answered.out == "REJECTED  receipt-malformed: the receipt is not UTF-8\n"


def test_results_that_are_a_pipe_or_without_end_are_not_waited_for(
    ask: Ask, folder: Path, vectors: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    vector = vectors["the image that was demanded, with its results"]
    for name, data in Draft().results.items():
        (tmp_path / name).write_bytes(data)
    for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero")):
        (tmp_path / "result").unlink()
        make(tmp_path / "result")
        answered = ask(*arguments(folder, vector | {"results": str(tmp_path)}))
        assert (answered.code, answered.out) == (7, "")
        assert answered.err.startswith("error: `result` is no file\n")


def test_the_emulator_on_this_machine_is_the_one_in_the_usual_folder(
    ask: Ask,
    folder: Path,
    vectors: dict[str, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    typed = arguments(folder, vectors["an emulator's, read as one"])
    place = typed.index("--root")
    without_root = [*typed[:place], *typed[place + 2 :]]
    answered = ask(*without_root)
    assert (answered.code, answered.out) == (7, "")
    assert answered.err.startswith("error: no emulator has signed anything in the usual folder\nhint: ")
    verifier = tmp_path / "symbolon" / "emulator" / "verifier"
    verifier.mkdir(parents=True)
    own, kept = root("another root"), verifier / "pki-chain.pem"
    kept.write_bytes(own.public_bytes(Encoding.PEM))
    assert ask(*without_root, "--format", "json").json["why"]["code"] == "untrusted-root"
    kept.write_bytes(root().public_bytes(Encoding.PEM))
    assert "[the root of the emulator on this machine]" in ask(*without_root).out


def test_a_row_that_is_handed_in_takes_the_place_of_the_proof_s_own(
    ask: Ask, folder: Path, vectors: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    vector = vectors["one row by its proof alone"]
    proof = json.loads((folder / vector["proof"]).read_text(encoding="utf-8"))
    row = tmp_path / "row.json"
    row.write_text(proof["row"] + "\n", encoding="utf-8")
    assert ask(*arguments(folder, vector), "--row", row).out.endswith(proof["row"] + "\n")
    row.write_text(proof["row"].replace("0.25", "0.75"), encoding="utf-8")
    assert (
        ask(*arguments(folder, vector), "--row", row, "--format", "json").json["why"]["code"]
        == "proof-rejected"
    )


def test_a_row_without_its_proof_proves_nothing(
    ask: Ask, folder: Path, vectors: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    vector = vectors["one row by its proof alone"]
    row = tmp_path / "row.json"
    row.write_text(
        json.loads((folder / vector["proof"]).read_text(encoding="utf-8"))["row"], encoding="utf-8"
    )
    answered = ask("auditor", "receipt", "verify", folder / vector["receipt"], "--row", row)
    assert (answered.code, answered.out) == (4, "")
    assert "`symbolon operator results prove` writes one" in answered.err


def test_the_moment_of_asking_is_now_unless_it_is_given(ask: Ask, folder: Path) -> None:
    """The vectors are sealed in 2027, which is the future for whoever asks before."""
    receipt, pem = folder / "00" / "receipt.json", folder / "root.pem"
    typed = [receipt, "--root", pem, "--at", str(NOW - 10_000_000), "--format", "json"]
    answered = ask("auditor", "receipt", "verify", *typed)
    assert answered.json["why"]["code"] == "token-issued-in-future"
