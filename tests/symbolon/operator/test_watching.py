"""`operator watch`, with Google as a list of answers: what is shown, and the exit code of each end."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from attestation.errors import NotKnown, Unavailable
from contract.results import JobError
from deploy.confidential_vm import ConfidentialVm
from deploy.google_api import GoogleApi
from symbolon.operator import watching
from symbolon.operator.serial_lines import Line
from symbolon.operator.watching import Screen, progress_of, show_status, watch_vm
from symbolon.policies import NamedPolicy
from tests.deploy.conftest import Bearer, ScriptedGoogle
from tests.symbolon.operator.test_serial_lines import BAD, BEGINS, DENIED, EXITS, GOOD, ONE
from tests.tokens import production_claims

VM = ConfidentialVm(
    project_id="secundus", zone="us-west1-b", name="vm-1", image_reference="", service_account=""
)
INSTANCE: dict[str, Any] = {
    "status": "RUNNING",
    "metadata": {"items": [{"key": "tee-env-RESULT_URI", "value": "gs://results/run"}]},
}
OFF = {**INSTANCE, "status": "TERMINATED"}
HERE = "vm-1 --project secundus --zone us-west1-b"
DEBUG = NamedPolicy(described="a condition", condition='assertion.dbgstat == "enabled"', provider=None)
PRODUCTION = NamedPolicy(
    described="a condition", condition='assertion.dbgstat == "disabled-since-boot"', provider=None
)


@pytest.fixture
def google() -> ScriptedGoogle:
    return ScriptedGoogle()


@pytest.fixture
def api(google: ScriptedGoogle) -> GoogleApi:
    api = GoogleApi(Bearer(), sleep=google.slept.append)  # type: ignore[no-untyped-call]
    api.session.mount("https://", google)
    return api


@pytest.fixture(autouse=True)
def left(monkeypatch: pytest.MonkeyPatch) -> Callable[[JobError | None], None]:
    """What the job left as `error.json`."""
    found: list[JobError | None] = [None]
    monkeypatch.setattr(watching, "read_job_error", lambda _results: found[0])

    def leave(error: JobError | None) -> None:
        found[0] = error

    return leave


def written(google: ScriptedGoogle, *pieces: str, goes_on: bool = False) -> None:
    """Google's answers to whoever watches a VM that writes these pieces."""
    position, answers = 0, [(200, INSTANCE)]
    for piece in pieces:
        position += len(piece)
        answers += [(200, INSTANCE), (200, {"contents": piece, "next": str(position)})]
    if not goes_on:
        answers += [(200, OFF), (200, {"contents": "", "next": str(position)})]
    google.answers[:] = answers


def test_a_job_that_ends_well_ends_it_well(
    api: GoogleApi, google: ScriptedGoogle, capsys: pytest.CaptureFixture[str]
) -> None:
    step = '{"severity": "INFO", "message": "admitted", "step": "impersonate"}\n'
    written(google, BEGINS + step, GOOD + EXITS.format(0))
    assert watch_vm(api, VM, output="human") == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "INFO    launcher    TEE container launcher initiating",
        "INFO    impersonate admitted",
        "INFO    launcher    workload task ended and returned 0",
        "INFO    launcher    TEE container launcher exiting with exit code: 0 (…)",
        "ENDED ✓  every picture has its row",
    ]
    assert err == ""
    assert google.slept == [2.0, 2.0]


@pytest.mark.parametrize(
    ("log", "error", "code"),
    [
        (BEGINS + DENIED + BAD, None, 4),
        (BEGINS + BAD, JobError(family="unavailable", message="m", hint="h"), 5),
        (BEGINS + BAD, JobError(family="misconfigured", message="m", hint="h"), 7),
        (BEGINS + BAD, JobError(family="bug", message="m", hint="h"), 1),
        (BEGINS + EXITS.format(1), None, 7),
        (BEGINS + DENIED.replace('"exit_code": 4', '"exit_code": 3') + BAD, None, 3),
    ],
    ids=[
        "as the log says",
        "as error.json says: unavailable",
        "as error.json says: misconfigured",
        "as error.json says: a bug",
        "the launcher refused",
        "no picture could be read",
    ],
)
def test_it_ends_with_the_job_s_own_exit_code(
    api: GoogleApi,
    google: ScriptedGoogle,
    left: Callable[[JobError | None], None],
    log: str,
    error: JobError | None,
    code: int,
) -> None:
    left(error)
    written(google, log)
    assert watch_vm(api, VM, output="human") == code


def test_where_nothing_says_how_it_ended_it_is_not_known(api: GoogleApi, google: ScriptedGoogle) -> None:
    written(google, BEGINS + BAD)
    with pytest.raises(NotKnown, match="nothing says how the job ended"):
        watch_vm(api, VM, output="human")


def test_a_vm_that_went_away_before_its_job_ended_is_worth_another_try(
    api: GoogleApi, google: ScriptedGoogle
) -> None:
    written(google, BEGINS)
    with pytest.raises(Unavailable, match="`vm-1` was switched off before its job ended"):
        watch_vm(api, VM, output="human")


def test_after_three_ends_alike_it_stops_watching_and_says_what_goes_on(
    api: GoogleApi, google: ScriptedGoogle, capsys: pytest.CaptureFixture[str]
) -> None:
    written(google, ONE, ONE, ONE, goes_on=True)
    assert watch_vm(api, VM, output="human") == 4
    assert google.answers == []  # and nobody asked for more
    err = capsys.readouterr().err
    assert err.startswith("3 starts in a row ended alike. `vm-1` goes on, and costs until it ends")
    assert f"symbolon operator stop {HERE}" in err


def test_ctrl_c_leaves_the_vm_running_and_says_so(
    api: GoogleApi, google: ScriptedGoogle, capsys: pytest.CaptureFixture[str]
) -> None:
    written(google, BEGINS, goes_on=True)

    def interrupted(_delay_s: float) -> None:
        raise KeyboardInterrupt

    api.sleep = interrupted
    with pytest.raises(KeyboardInterrupt):
        watch_vm(api, VM, output="human")
    err = capsys.readouterr().err
    assert "`vm-1` goes on, and costs until it ends or is destroyed." in err
    assert f"symbolon operator watch {HERE}" in err


def test_a_refusal_is_explained_by_the_claims_that_the_job_left(
    api: GoogleApi,
    google: ScriptedGoogle,
    left: Callable[[JobError | None], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    left(JobError(family="denied", message="no", hint="ask", claims=production_claims()))
    written(google, BEGINS + DENIED + BAD)
    assert watch_vm(api, VM, policies=[DEBUG], output="human") == 4
    out = capsys.readouterr().out
    assert "ENDED ✗  exit code 4: no\nhint: ask\n" in out
    assert "WHY  1 of 1 clauses of a condition\n" in out
    assert 'FAIL  ✗  assertion.dbgstat == "enabled"' in out


def test_a_launcher_that_ends_says_what_becomes_of_the_vm(
    api: GoogleApi, google: ScriptedGoogle, capsys: pytest.CaptureFixture[str]
) -> None:
    exits = 'time=x level=INFO msg="TEE container launcher exiting" exit_code=3 exit_msg="rebooting VM"\n'
    written(google, BEGINS + DENIED + BAD + exits)
    watch_vm(api, VM, output="human")
    assert "launcher    TEE container launcher exiting: rebooting VM\n" in capsys.readouterr().out


def test_timings_say_what_each_step_took_whatever_an_image_writes_there(
    api: GoogleApi, google: ScriptedGoogle, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = {
        "attest": [0.5, 1.75],
        "load": [2, None],
        "infer": "x",
        "write": [1],
        "seal": [True, 3],
        "fetch": [2, 3],
    }
    line = json.dumps({"severity": "INFO", "message": "timings", "steps": steps}) + "\n"
    written(google, BEGINS + line + DENIED + BAD)
    watch_vm(api, VM, output="human")
    assert "timings: attest 1.2 s, fetch 1.0 s\n" in capsys.readouterr().out


def test_a_policy_that_admits_the_token_is_not_the_reason(
    api: GoogleApi,
    google: ScriptedGoogle,
    left: Callable[[JobError | None], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    left(JobError(family="denied", message="no", hint="ask", claims=production_claims()))
    written(google, BEGINS + DENIED + BAD)
    assert watch_vm(api, VM, policies=[PRODUCTION], output="human") == 4
    out = capsys.readouterr().out
    assert "WHY  not for a condition, which admits this token: what stands above is the reason\n" in out
    assert "0 of 1" not in out


def test_a_program_reads_a_line_an_object_and_last_the_end(
    api: GoogleApi,
    google: ScriptedGoogle,
    left: Callable[[JobError | None], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    left(JobError(family="denied", message="no", hint="ask", claims=production_claims()))
    written(google, BEGINS + DENIED + BAD)
    watch_vm(api, VM, policies=[DEBUG], output="json")
    *lines, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["source"] for line in lines] == ["launcher", "workload", "launcher"]
    assert lines[1]["code"] == "denied"
    ended = last["ended"]
    assert (ended["exit_code"], ended["by"], ended["message"]) == (4, "workload", "no")
    assert [clause["outcome"] for each in ended["why"] for clause in each["clauses"]] == ["false"]


def test_what_an_earlier_start_left_explains_nothing(
    api: GoogleApi,
    google: ScriptedGoogle,
    left: Callable[[JobError | None], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    left(JobError(family="denied", message="another reason", hint="ask", claims=production_claims()))
    written(google, BEGINS + DENIED + BAD)
    assert watch_vm(api, VM, policies=[DEBUG], output="human") == 4
    assert "WHY" not in capsys.readouterr().out
    written(google, BEGINS + EXITS.format(1))
    assert watch_vm(api, VM, policies=[DEBUG], output="human") == 7
    assert "WHY" not in capsys.readouterr().out


def test_claims_in_the_log_explain_a_refusal_where_error_json_cannot_be_read(
    api: GoogleApi, google: ScriptedGoogle, capsys: pytest.CaptureFixture[str]
) -> None:
    said = json.dumps({"severity": "INFO", "message": "it said", "claims": production_claims()}) + "\n"
    written(google, BEGINS + said + DENIED + BAD)
    assert watch_vm(api, VM, policies=[DEBUG], output="human") == 4
    assert "WHY  1 of 1 clauses of a condition\n" in capsys.readouterr().out
    written(google, BEGINS + said + DENIED + BAD + EXITS.format(3) + BEGINS + DENIED + BAD)
    assert watch_vm(api, VM, policies=[DEBUG], output="human") == 4
    assert "WHY" not in capsys.readouterr().out  # of the start before


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("cannot pull the image: … 403 Forbidden", "the owner grants `roles/artifactregistry.reader`"),
        ("CMD is not allowed to be overridden on this image", "`symbolon operator preflight` says what"),
    ],
    ids=["the registry denies the account", "the labels deny the metadata"],
)
def test_a_launcher_that_refuses_is_quoted_with_who_acts_next(
    api: GoogleApi, google: ScriptedGoogle, capsys: pytest.CaptureFixture[str], words: str, hint: str
) -> None:
    written(google, f"{BEGINS}2026/01/02 03:04:05 {words}\n{EXITS.format(1)}")
    assert watch_vm(api, VM, output="human") == 7
    out = capsys.readouterr().out
    assert f"ENDED ✗  exit code 7: {words}\nhint: {hint}" in out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


HALF = Line(
    source="workload",
    severity="INFO",
    message="50 of 100 images",
    fields={"done": 50, "total": 100, "images_per_second": 12.34, "seconds_left": 125},
)


@pytest.mark.parametrize("rate", ["images_per_second", "pictures_per_second"])
def test_progress_has_pictures_a_second_and_the_time_that_is_left(rate: str) -> None:
    half = replace(HALF, fields={rate: 12.34, "done": 50, "total": 100, "seconds_left": 125})
    assert progress_of(half) == progress_of(HALF)
    assert progress_of(HALF).endswith(" 50 of 100 pictures, 12.3 a second, 2 min 5 s left")
    assert progress_of(HALF).count("█") == 15


def test_on_a_terminal_progress_is_one_line_that_moves(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    screen = Screen(as_json=False, err=terminal)
    screen.show(HALF)
    screen.show(HALF)
    screen.show(Line(source="workload", severity="INFO", message="done"))
    assert terminal.getvalue() == f"\r{progress_of(HALF)}\r{progress_of(HALF)}\n"
    assert capsys.readouterr().out == "INFO                done\n"


def test_what_is_no_number_is_no_progress() -> None:
    odd = Line(source="workload", severity="INFO", message="", fields={"done": "x", "total": None})
    assert progress_of(odd) == "░" * 30 + " 0 of 0 pictures"


def test_control_characters_of_a_workload_are_shown_and_not_obeyed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Screen(as_json=False).show(Line(source="workload", severity="\x1b[2J", message="\x1b[31mred"))
    assert capsys.readouterr().out == "INFO                \\x1b[31mred\n"


@pytest.mark.parametrize(
    ("status", "costs"),
    [("RUNNING", "the machine, its disk and its address"), ("TERMINATED", "its disk, until it is destroyed")],
)
def test_the_status_says_what_costs(
    api: GoogleApi,
    google: ScriptedGoogle,
    capsys: pytest.CaptureFixture[str],
    status: str,
    costs: str,
) -> None:
    google.answers[:] = [(200, {**INSTANCE, "status": status})]
    assert show_status(api, VM, output="json") == 0
    assert json.loads(capsys.readouterr().out)["costs"] == costs


def test_a_vm_that_is_not_there_is_a_no(
    api: GoogleApi, google: ScriptedGoogle, capsys: pytest.CaptureFixture[str]
) -> None:
    google.answers[:] = [(404, {"error": {"message": "not found"}})]
    assert show_status(api, VM, output="human") == 3
    assert capsys.readouterr().out == "there is no VM vm-1 in us-west1-b\n"
