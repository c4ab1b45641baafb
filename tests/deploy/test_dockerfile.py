"""Our subset of the Dockerfile language, and everything else refused."""

from __future__ import annotations

import pytest

from attestation.errors import Misconfigured
from deploy.dockerfile import parse_dockerfile

FROM = "FROM base@sha256:0\n"


def test_an_instruction_goes_on_over_lines_and_comments() -> None:
    parsed = parse_dockerfile(FROM + 'ENV A=1 \\\n    # why\n    B="two words"\n')
    assert parsed.environment == {"A": "1", "B": "two words"}


def test_copied_files_keep_their_names_in_a_folder() -> None:
    parsed = parse_dockerfile(FROM + "COPY --chmod=0600 a/b.py c.py /app/\n")
    assert parsed.copies[0].targets() == {"a/b.py": "app/b.py", "c.py": "app/c.py"}
    assert parsed.copies[0].mode == 0o600


def test_one_file_is_copied_under_the_name_that_is_given() -> None:
    parsed = parse_dockerfile(FROM + 'COPY ["a b.toml", "/app/c.toml"]\n')
    assert parsed.copies[0].targets() == {"a b.toml": "app/c.toml"}


def test_a_relative_destination_is_below_the_working_directory() -> None:
    parsed = parse_dockerfile(FROM + "WORKDIR /srv\nWORKDIR app\nCOPY a.py ./\n")
    assert parsed.working_dir == "/srv/app"
    assert parsed.copies[0].targets() == {"a.py": "srv/app/a.py"}


def test_arguments_and_the_environment_are_filled_in() -> None:
    text = "ARG DIGEST\nFROM base@${DIGEST}\nARG NAME=x\nENV HERE=/$NAME\nLABEL at=${HERE}/y\n"
    parsed = parse_dockerfile(text, arguments={"DIGEST": "sha256:1"})
    assert parsed.base == "base@sha256:1"
    assert parsed.labels == {"at": "/x/y"}


def test_an_argument_from_before_the_stage_is_unknown_in_it() -> None:
    assert parse_dockerfile("ARG A=1\nFROM base\nENV B=$A.\n").environment == {"B": "."}


def test_an_entrypoint_in_shell_form_runs_in_a_shell() -> None:
    assert parse_dockerfile(FROM + "ENTRYPOINT run it\n").entrypoint == ("/bin/sh", "-c", "run it")
    assert parse_dockerfile(FROM + 'ENTRYPOINT ["run", "it"]\n').entrypoint == ("run", "it")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="no stage"),
        pytest.param("ENV A=1\n", id="an instruction before the stage"),
        pytest.param(FROM + FROM, id="a second stage"),
        pytest.param(FROM + "ADD a /b\n", id="an unknown instruction"),
        pytest.param(FROM + "HEALTHCHECK NONE\n", id="an instruction that docker knows"),
        pytest.param(FROM + "ENV A=1 \\\n", id="an instruction without an end"),
        pytest.param(FROM + "ENV A 1\n", id="the old form of ENV"),
        pytest.param(FROM + "ENV A=${B:-1}\n", id="a default in a variable"),
        pytest.param(FROM + "ENV A='1\n", id="a quote without an end"),
        pytest.param(FROM + "COPY a\n", id="a COPY without a destination"),
        pytest.param(FROM + "COPY a b /c\n", id="two files to one name"),
        pytest.param(FROM + "COPY *.py /app/\n", id="a wildcard"),
        pytest.param(FROM + "COPY a/*.py /app/\n", id="a wildcard for a whole name"),
        pytest.param(FROM + "COPY a* /app/\n", id="a wildcard for more than modules"),
        pytest.param(FROM + "COPY a*/b.py /app/\n", id="a wildcard for a folder"),
        pytest.param(FROM + "COPY ../a.py /app/\n", id="a file outside the context"),
        pytest.param(FROM + "COPY --from=other a /b/\n", id="another flag of COPY"),
        pytest.param(FROM + "COPY --chmod=0644 --chown=1 a /b/\n", id="a second flag of COPY"),
        pytest.param(FROM + 'ENTRYPOINT ["a"\n', id="broken json"),
        pytest.param(FROM + 'ENTRYPOINT ["a", 1]\n', id="an array not of strings"),
    ],
)
def test_what_is_not_of_the_subset_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured):
        parse_dockerfile(text)


def test_a_refusal_names_the_line() -> None:
    with pytest.raises(Misconfigured, match="line 3 of the dockerfile: `VOLUME` is not understood"):
        parse_dockerfile(FROM + "# a comment\nVOLUME /data\n")
