"""`operator launch`, `stop` and `destroy`: the plan first, somebody's yes, and nothing of anybody else's.

The image is real, and its model is not there: so each job that is launched here ends refused.
"""

from __future__ import annotations

import io
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.confidential_vm import describe, render_instance
from deploy.google_api import COMPUTE, NotFound
from symbolon.operator.launch_file import read_target
from tests.symbolon.conftest import Answered, Ask
from tests.symbolon.operator.conftest import There

ZONE = f"{COMPUTE}/projects/secundus/zones/us-west1-b"
Launch = Callable[..., Answered]


@pytest.fixture
def launch(ask: Ask, there: There) -> Launch:
    """`operator launch` of the owner's image, by a name of the test's own."""

    def launched(name: str, *more: str) -> Answered:
        return ask("operator", "launch", *there.typed, "--name", name, *more)

    return launched


@pytest.fixture
def gone(there: There) -> Iterator[Callable[[str], str]]:
    """Names of VMs that are gone after the test."""
    names: list[str] = []

    def named(name: str) -> str:
        names.append(name)
        return name

    yield named
    for name in names:
        there.stage.operator.api.send("DELETE", f"{ZONE}/instances/{name}", doing="cleaning up")


def is_there(there: There, name: str) -> bool:
    try:
        describe(there.stage.operator.api, read_target(name, project="secundus", zone="us-west1-b").vm)
    except NotFound:
        return False
    return True


def test_a_plan_says_what_is_made_and_what_costs_and_makes_nothing(there: There, launch: Launch) -> None:
    answered = launch("planned", "--plan", "--restart-policy", "OnFailure")
    assert answered.code == 6  # whether the account may pull the image is not seen from here
    plan = answered.out.partition("\nplan\n")[2]
    assert "create  VM `planned` in `us-west1-b` of project `secundus`" in plan
    assert f"tee-image-reference={there.image}" in plan
    assert "costs   the machine by the second while it runs" in plan
    assert "costs   without end where its job fails at each start: restart policy `OnFailure`" in plan
    line = plan.partition("\nthe same by gcloud\n")[2].strip()
    words = shlex.split(line)
    assert words[:5] == ["gcloud", "compute", "instances", "create", "planned"]
    (metadata,) = [each for each in words if each.startswith("--metadata=^~^")]
    assert f"~tee-image-reference={there.image}~" in metadata
    assert not is_there(there, "planned")


def test_a_program_reads_the_plan(launch: Launch) -> None:
    document = launch("planned", "--plan", "--format", "json").json
    assert (document["launched"], document["preflight"]["verdict"]) == (False, "unknown")
    assert {each["what"] for each in document["plan"]} == {"create", "with", "costs", "writes"}
    assert document["gcloud"].startswith("gcloud compute instances create planned --project=secundus ")


def test_nobody_who_could_be_asked_is_no_yes(there: There, launch: Launch) -> None:
    answered = launch("unasked")
    assert (answered.code, answered.err) == (
        7,
        "error: nothing was launched\nhint: nobody is there to be asked: give --yes\n",
    )
    assert not is_there(there, "unasked")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_person_is_asked_and_may_say_no(
    there: There, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    answered = launch("refused")
    assert answered.code == 7
    assert answered.err.startswith("Launch refused? It costs until it ends. [y/N] error: nothing was")
    assert not is_there(there, "refused")


def test_what_would_be_refused_is_not_launched(there: There, launch: Launch) -> None:
    answered = launch("debug", "--debug", "--yes")
    assert (answered.code, answered.out.splitlines()[0].split()[0]) == (3, "REFUSED")
    assert answered.err == "nothing was launched; --anyway launches what would be refused\n"
    assert not is_there(there, "debug")


def test_a_tag_that_moved_since_preflight_is_not_launched(ask: Ask, there: There, tmp_path: Path) -> None:
    file = tmp_path / "launch.toml"
    ask("operator", "preflight", *there.typed, "--name", "moved", "--save", str(file))
    file.write_text(file.read_text().replace(there.digest, f"sha256:{'0' * 64}"))
    answered = ask("operator", "launch", file, "--yes")
    assert (answered.code, "was moved" in answered.err) == (4, True)
    assert not is_there(there, "moved")


def test_a_launched_job_ends_with_its_own_exit_code_and_its_vm_can_be_taken_down(
    ask: Ask, there: There, launch: Launch
) -> None:
    answered = launch("taken-down", "--yes")
    assert answered.code == 7, answered.out  # the owner's model is not there
    assert "ENDED ✗  exit code 7: " in answered.out
    where = ("taken-down", "--project", "secundus")
    status = ask("operator", "status", *where, "--format", "json")
    assert (status.code, status.json["status"], status.json["image"]) == (0, "TERMINATED", there.image)
    again = ask("operator", "watch", *where)
    assert again.code == 7
    unasked = ask("operator", "destroy", *where)
    assert (unasked.code, "error: taken-down was not deleted" in unasked.err) == (7, True)
    gone = ask("operator", "destroy", *where, "--yes")
    assert (gone.code, gone.out) == (0, "taken-down and its disk are gone\n")
    assert "keep    pictures, results, accounts and images" in gone.err
    assert not is_there(there, "taken-down")
    twice = ask("operator", "destroy", *where, "--yes")
    assert (twice.code, twice.out) == (0, "there is no VM taken-down in us-west1-b: nothing to do\n")
    assert ask("operator", "status", *where).code == 3


def test_whoever_does_not_wait_is_told_how_to_look_again(
    ask: Ask, launch: Launch, gone: Callable[[str], str]
) -> None:
    answered = launch(gone("detached"), "--yes", "--detach")
    where = "detached --project secundus --zone us-west1-b"
    assert (answered.code, answered.out.splitlines()[-1]) == (0, f"launched; symbolon operator watch {where}")
    stopped = ask("operator", "stop", *where.split(), "--format", "json")
    assert (stopped.code, stopped.json["did"]) == (0, "stopped")
    assert ask("operator", "status", *where.split(), "--format", "json").json["status"] == "TERMINATED"


def test_a_name_that_is_taken_says_so_before_and_after(launch: Launch, gone: Callable[[str], str]) -> None:
    launch(gone("taken"), "--yes", "--detach")
    assert launch("taken", "--yes").code == 3
    answered = launch("taken", "--yes", "--anyway")
    assert answered.code == 7
    assert "hint: another --name; or `symbolon operator destroy taken`" in answered.err


def test_an_account_that_may_not_be_acted_as_is_told_with_its_way_out(launch: Launch) -> None:
    answered = launch("another", "--yes", "--anyway", "--service-account", "another-sa")
    assert (answered.code, "google answered launching `another` with 400" in answered.err) == (7, True)
    assert "hint: `symbolon operator preflight` says which right is missing" in answered.err


@pytest.mark.parametrize("command", [("stop",), ("destroy", "--yes")], ids=["stop", "destroy"])
def test_a_vm_of_somebody_else_s_is_left_alone(
    ask: Ask, there: There, gone: Callable[[str], str], command: tuple[str, ...]
) -> None:
    """As the codelab's own gcloud line makes one."""
    target = read_target(gone(f"theirs-{command[0]}"), project="secundus", zone="us-west1-b").vm
    body = render_instance(target) | {"labels": {}}
    body["serviceAccounts"][0]["email"] = there.operator.workload_account.email
    there.stage.operator.api.call("POST", f"{ZONE}/instances", doing="making it", body=body)
    verb, *flags = command
    answered = ask("operator", verb, target.name, "--project", "secundus", *flags)
    assert answered.code == 7
    assert f"`{target.name}` was not launched by symbolon, so it is left alone" in answered.err
    assert f"hint: gcloud compute instances delete {target.name}" in answered.err
    assert is_there(there, target.name)


@pytest.mark.parametrize("verb", ["watch", "stop"])
def test_a_vm_that_is_not_there_is_one_line(ask: Ask, there: There, verb: str) -> None:
    answered = ask("operator", verb, "nowhere", "--project", "secundus")
    assert answered.code == 7
    assert len(answered.err.splitlines()) == 2


def test_a_missing_role_is_named(ask: Ask, there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    """The auditor holds nothing in the operator's project."""
    file = str(there.stage.emulator.credentials_file("auditor"))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
    answered = ask("operator", "watch", "nowhere", "--project", "secundus")
    assert answered.code == 4
    assert "Required 'compute.instances.get' permission" in answered.err
    line = "gcloud projects add-iam-policy-binding secundus --member=user:YOU --role="
    assert f"{line}roles/compute.viewer\n" in answered.err
    stopped = ask("operator", "stop", "nowhere", "--project", "secundus")
    assert (stopped.code, f"{line}roles/compute.instanceAdmin.v1\n" in stopped.err) == (4, True)
