"""Where a name comes from: its flag, its variable, the file, its default; and what none is."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from attestation.errors import Misconfigured
from deploy.resources import Project, operator_of, owner_of
from symbolon.projects import OperatorNames, OwnerNames, add_names, read_names, read_section, typed_flags

WRITTEN = '[owner]\nproject = "from-file"\nmodel_bucket = "from-file-models"\n[operator]\nzone = "a-b"\n'


def typed(party: type[OwnerNames] | type[OperatorNames], *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_names(parser, party)
    return parser.parse_args(words)


def test_a_flag_goes_before_a_variable_a_variable_before_the_file_and_the_file_before_a_default(
    tmp_path: Path,
) -> None:
    def bucket(*words: str, **environ: str) -> str:
        arguments = typed(OwnerNames, *words)
        return read_names(arguments, OwnerNames, environ=environ, folder=tmp_path).model_bucket

    project = ("--project", "primus")
    assert bucket(*project) == "primus-input-bucket"
    (tmp_path / "symbolon.toml").write_text(WRITTEN)
    assert bucket(*project) == "from-file-models"
    assert bucket(*project, PRIMUS_INPUT_STORAGE_BUCKET="from-variable") == "from-variable"
    flag = ("--model-bucket", "from-flag")
    assert bucket(*project, *flag, PRIMUS_INPUT_STORAGE_BUCKET="from-variable") == "from-flag"


def test_a_project_that_nobody_names_is_the_one_of_google_s_libraries(tmp_path: Path) -> None:
    environ = {"GOOGLE_CLOUD_PROJECT": "secundus"}
    names = read_names(typed(OperatorNames), OperatorNames, environ=environ, folder=tmp_path)
    assert (names.project, names.result_bucket) == ("secundus", "secundus-result-bucket")
    (tmp_path / "symbolon.toml").write_text(WRITTEN)
    named = read_names(typed(OwnerNames), OwnerNames, environ=environ, folder=tmp_path)
    assert named.project == "from-file"


def test_without_a_word_the_names_are_the_tutorial_s(tmp_path: Path) -> None:
    owner = read_names(typed(OwnerNames, "--project", "primus"), OwnerNames, environ={}, folder=tmp_path)
    assert owner.owner("100") == owner_of(Project(project_id="primus", number="100"))
    arguments = typed(OperatorNames, "--project", "secundus")
    operator = read_names(arguments, OperatorNames, environ={}, folder=tmp_path)
    assert operator.operator("200") == operator_of(Project(project_id="secundus", number="200"))
    assert operator.zone == "us-west1-b"


@pytest.mark.parametrize(
    ("text", "words", "says"),
    [
        pytest.param("", (), "no `project` is named", id="nobody names the project"),
        pytest.param("", ("--project", "a/b"), "`a/b` is no name for `project`", id="a name of a path"),
        pytest.param("", ("--project", "p" * 30), "is no name for `service_account`", id="a long default"),
        pytest.param("", ("--project", "primus", "--pool", "gcp-x"), "no name for `pool`", id="Google's own"),
        pytest.param("[owner", (), "symbolon.toml is not TOML", id="no TOML"),
        pytest.param("[owners]", (), "unknown section `owners`", id="an unknown section"),
        pytest.param("owner = 1", (), "`owner` of symbolon.toml must be a section", id="no section"),
        pytest.param("[owner]\nbucket = 'x'", (), "unknown key `bucket`", id="an unknown key"),
        pytest.param(
            "[owner]\npool = 7", (), "`owner.pool` of symbolon.toml must be a string", id="a number"
        ),
    ],
)
def test_what_is_no_name_is_refused_with_a_hint(
    tmp_path: Path, text: str, words: tuple[str, ...], says: str
) -> None:
    (tmp_path / "symbolon.toml").write_text(text)
    with pytest.raises(Misconfigured, match=says) as caught:
        read_names(typed(OwnerNames, *words), OwnerNames, environ={}, folder=tmp_path)
    assert caught.value.hint


def test_the_flags_that_were_typed_are_told_again_and_no_others() -> None:
    arguments = typed(OwnerNames, "--project", "primus", "--model-bucket", "b-1")
    assert typed_flags(arguments, OwnerNames) == ("--project=primus", "--model-bucket=b-1")
    assert typed_flags(typed(OwnerNames), OwnerNames) == ()


def test_a_section_of_another_command_is_there_for_it(tmp_path: Path) -> None:
    assert read_section("launch", folder=tmp_path) == {}
    (tmp_path / "symbolon.toml").write_text("[launch]\ntop_k = 5\n")
    assert read_section("launch", folder=tmp_path) == {"top_k": 5}
    (tmp_path / "symbolon.toml").unlink()
    (tmp_path / "symbolon.toml").mkdir()
    with pytest.raises(Misconfigured, match=r"cannot read symbolon\.toml"):
        read_section("launch", folder=tmp_path)
