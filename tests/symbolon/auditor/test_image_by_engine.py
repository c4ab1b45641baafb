"""`symbolon auditor image` builds the image again with an engine, and compares."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from deploy.engines import ENGINES
from tests.images import File, write_layout
from tests.symbolon.auditor.images_to_audit import BY_FILES, NOBODYS, Audit, reproduction, whole
from tests.symbolon.conftest import Ask


def engine(workplace: Path, monkeypatch: pytest.MonkeyPatch, layout: str) -> None:
    """A `buildah` that leaves the layout, whatever it is given to build."""
    programs = workplace / "bin"
    programs.mkdir()
    place = workplace / layout
    (programs / "buildah").write_text(
        '#!/bin/sh\ncase $1 in\n--version) echo "buildah version 1.28.2";;\n'
        f'push) for last; do :; done; cp -r {place} "${{last#oci:}}";;\nesac\n'
    )
    (programs / "buildah").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")


BASE = ("--base", f"docker.io/library/python:3.11-slim@{NOBODYS}")


def test_an_engine_that_makes_the_same_digest_reproduces_it(
    audit: Audit, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole(workplace, appended=False)
    engine(workplace, monkeypatch, "whole")
    answer = audit("whole", *BASE)
    assert (answer.code, reproduction(answer)["verdict"]) == (0, "reproduced")
    assert reproduction(answer)["rests_on"][:2] == [
        "built again by buildah 1.28.2",
        f"on the base docker.io/library/python:3.11-slim@{NOBODYS}",
    ]


def test_an_engine_that_makes_another_file_is_shown_layer_by_layer(
    audit: Audit, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole(workplace, appended=False)
    shutil.move(workplace / "whole", workplace / "honest")
    shutil.rmtree(workplace / "scratch")
    whole(workplace, File(path="etc/cron.d/evil", mode=0o755), appended=False)
    engine(workplace, monkeypatch, "honest")
    answer = audit("whole", *BASE)
    assert (answer.code, reproduction(answer)["verdict"]) == (3, "differs")
    layers = reproduction(answer)["differences"]["layers"]
    assert [(each["same_tar"], each["differences"]["more"]) for each in layers] == [(True, 0), (False, 0)]
    assert layers[1]["differences"]["first"] == [
        {"path": "etc/cron.d/evil", "what": "added", "detail": "a file"}
    ]


def test_no_engine_is_asked_where_none_is_wanted(
    audit: Audit, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole(workplace, appended=False)
    engine(workplace, monkeypatch, "nowhere")
    assert reproduction(audit("whole", *BASE, *BY_FILES, "--engine", "none"))["verdict"] == "accounted for"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--base", "python:3.11-slim"), "not named by its digest"),
        ((*BASE, "--pip-config", "none.conf"), "no file `none.conf`"),
        ((*BASE, "--engine", "podman"), "`podman` is not installed"),
    ],
)
def test_what_a_build_needs_is_looked_for_before_anything_is_read(
    audit: Audit, workplace: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], words: str
) -> None:
    write_layout(workplace / "hostile", [b"no tar at all"], history=[{"created_by": "an engine"}])
    engine(workplace, monkeypatch, "hostile")
    monkeypatch.setenv("PATH", str(workplace / "bin"))  # no other engine of this machine
    answer = audit("hostile", *options)
    assert (answer.code, words in answer.err) == (7, True)


def test_every_engine_can_be_named(ask: Ask) -> None:
    assert f"--engine {{{','.join((*ENGINES, 'none'))}}}" in ask("auditor", "image", "--help").out
