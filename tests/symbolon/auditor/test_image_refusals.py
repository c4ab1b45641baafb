"""What `symbolon auditor image` cannot read or will not be asked: one line, and an exit code of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.images import File, put, tar_of, write_layout
from tests.symbolon.auditor.images_to_audit import NOBODYS, Audit
from tests.symbolon.conftest import Ask


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ("nowhere --source checkout", 7, "is not an image in artifact registry"),
        (
            "docker.io/library/python --source checkout",
            7,
            "neither a folder nor an image",
        ),
        ("checkout --source checkout", 7, "not an OCI layout of one image"),
        ("alone --source wheels", 7, "no `deploy/Dockerfile`"),
        ("alone --source checkout --policy none.toml", 7, "cannot read the policy"),
        ("alone --source checkout --root policy.toml", 7, "the root is no certificate"),
        ("alone --source checkout --engine spade", 2, "invalid choice"),
        ("alone --source checkout --at yesterday", 2, "is not a time"),
        ("alone --source checkout --policy - --bindings -", 2, "standard input (`-`) is named twice"),
        ("alone", 2, "--source"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_line(
    ask: Ask, workplace: Path, options: str, code: int, words: str
) -> None:
    answer = ask("auditor", "image", *options.split(), "--terms", "terms.toml", "--emulator")
    assert (answer.code, words in answer.err) == (code, True)
    assert not answer.out


def test_an_image_that_believes_an_emulator_is_no_production_image(ask: Ask, workplace: Path) -> None:
    answer = ask(*["auditor", "image", "alone", "--source", "checkout", "--terms", "terms.toml"])
    assert answer.code == 4
    assert "the image believes another root than Google's" in answer.err


def test_an_index_of_several_images_is_said(audit: Audit, workplace: Path) -> None:
    index = json.loads((workplace / "alone" / "index.json").read_text())
    (workplace / "alone" / "index.json").write_text(json.dumps({"manifests": index["manifests"] * 2}))
    assert audit("alone").code == 7


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (tar_of(File(path="../../etc/passwd")), "leads out of the image"),
        (b"no tar at all", "no tar archive"),
    ],
)
def test_a_hostile_image_is_one_line_and_its_own_exit_code(
    audit: Audit, workplace: Path, layer: bytes, words: str
) -> None:
    write_layout(workplace / "hostile", [layer])
    answer = audit("hostile")
    assert (answer.code, answer.json["error"]["code"]) == (4, "layer-rejected")
    assert words in answer.err
    assert answer.err.count("\n") == 2


def test_a_configuration_that_is_missing_is_one_line(audit: Audit, workplace: Path) -> None:
    folder = workplace / "bare"
    named = {"config": {"digest": NOBODYS}, "layers": []}
    digest = put(folder, json.dumps(named).encode())
    (folder / "index.json").write_text(json.dumps({"manifests": [{"digest": digest}]}))
    answer = audit("bare")
    assert (answer.code, "has no blob" in answer.err) == (7, True)
