"""`symbolon operator preflight` says before a launch what the platform would say after it."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from deploy.policy_beside import put_policy
from deploy.push import parse_image_reference, push
from tests.symbolon.conftest import Ask
from tests.symbolon.operator.conftest import There, answers_of, preflight


@pytest.mark.parametrize("policy", ["policy", "provider"])
def test_a_launch_that_will_be_admitted_is_admitted(
    ask: Ask, speaks_for_its_account: There, policy: str
) -> None:
    answered = preflight(
        ask, speaks_for_its_account, "--policy", str(getattr(speaks_for_its_account, policy))
    )
    assert (answered.code, answered.json["verdict"]) == (0, "admitted"), answered.out
    assert {*answers_of(answered).values()} == {"yes"}


def test_a_person_reads_the_same(ask: Ask, speaks_for_its_account: There) -> None:
    answered = ask("operator", "preflight", *speaks_for_its_account.typed)
    assert answered.code == 0
    first, image, *_ = answered.out.splitlines()
    assert first == "ADMITTED  nothing stands in the way of this launch"
    assert image == f"image  {speaks_for_its_account.tag}@{speaks_for_its_account.digest}"
    assert "assumed: the provider asks what the policy says" in answered.out


def test_a_refusal_names_the_clauses_and_what_the_operator_can_change(ask: Ask, there: There) -> None:
    answered = preflight(ask, there, "--debug")
    assert (answered.code, answered.json["verdict"]) == (3, "refused")
    (admission,) = [each for each in answered.json["answers"] if each["asked"] == "admission"]
    assert admission["says"] == "2 of 10 clauses do not hold for the token of this machine"
    assert [clause["text"] for clause in admission["clauses"]] == [
        '"STABLE" in assertion.submods.confidential_space.support_attributes',
        'assertion.dbgstat == "disabled-since-boot"',
    ]
    assert all(clause["fix"].startswith("operator: ") for clause in admission["clauses"])


REFUSED = {
    "a technology that the policy does not take": (
        ["--technology", "TDX"],
        "admission",
        "clauses do not hold",
    ),
    "an account that the policy does not name": (
        ["--service-account", "another-sa"],
        "admission",
        "1 of 10 clauses do not hold",
    ),
    "an account that is not there": (
        ["--service-account", "another-sa"],
        "account",
        "there is no service account `another-sa@secundus.iam.gserviceaccount.com`",
    ),
    "a key that the launcher does not know": (
        ["--metadata", "tee-restartpolicy=Always"],
        "metadata",
        "the launcher does not know `tee-restartpolicy`, and ignores it without a word",
    ),
    "a variable that no label allows": (
        ["--metadata", "tee-env-STORAGE_EMULATOR_HOST=x"],
        "metadata",
        "env var {STORAGE_EMULATOR_HOST x} is not allowed to be overridden on this image",
    ),
    "a command that no label allows": (
        ["--metadata", 'tee-cmd=["sh"]'],
        "metadata",
        "CMD is not allowed to be overridden on this image",
    ),
    "a value that the launcher does not read": (
        ["--metadata", "tee-dev-shm-size-kb=much"],
        "metadata",
        "failed to convert tee-dev-shm-size-kb into uint64, got: much",
    ),
    "more scratch than there is memory": (
        ["--scratch-kib", "99999999"],
        "metadata",
        "failed to validate /dev/shm size",
    ),
    "a machine that cannot be so": (
        ["--machine-type", "c3-standard-4"],
        "machine",
        "`c3-standard-4` cannot be confidential by SEV",
    ),
    "maintenance that cannot be so": (
        ["--maintenance", "MIGRATE", "--machine-type", "c2d-standard-2"],
        "machine",
        "cannot move while its host is maintained",
    ),
    "a zone that is none": (["--zone", "us-nowhere1-a"], "zone", "there is no `n2d-standard-2` in"),
    "a machine type that is not there": (["--machine-type", "n2d-standard-3"], "zone", "there is no `n2d-s"),
    "a folder without photos": (
        ["--input", "gs://secundus-input-bucket/empty"],
        "pictures",
        "no object of 0 in `gs://secundus-input-bucket/empty/` has a picture's name",
    ),
    "a bucket that is not there": (
        ["--input", "gs://no-such-bucket-anywhere"],
        "pictures",
        "there is no bucket",
    ),
    "a bucket for results that is not there": (
        ["--results", "gs://no-such-bucket-anywhere"],
        "writing results",
        "bucket `no-such-bucket-anywhere` is not there",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_refused_is_named_with_its_mending(ask: Ask, there: There, name: str) -> None:
    typed, asked, says = REFUSED[name]
    answered = preflight(ask, there, *typed)
    assert answered.code == 3, answered.out
    found = [each for each in answered.json["answers"] if (each["asked"], each["answer"]) == (asked, "no")]
    assert found, answered.out
    assert says in found[0]["says"]
    mending = found[0].get("fix", "") + "".join(clause["fix"] for clause in found[0].get("clauses", ()))
    assert mending.startswith(("operator: ", "owner: "))


UNKNOWN = {
    "which zone offers TDX": (["--technology", "TDX"], "zone"),
    "SEV-SNP, which Confidential Space does not document": (["--technology", "SEV_SNP"], "machine"),
    "a bucket of somebody else's": (["--input", "gs://primus-input-bucket"], "pictures"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_known_is_said_to_be_unknown(ask: Ask, there: There, name: str) -> None:
    typed, asked = UNKNOWN[name]
    assert answers_of(preflight(ask, there, *typed))[asked] == "unknown"


def test_restarts_are_warned_of_and_refuse_nothing(ask: Ask, speaks_for_its_account: There) -> None:
    answered = preflight(ask, speaks_for_its_account, "--restart-policy", "OnFailure")
    assert (answered.code, answers_of(answered)["restarts"]) == (0, "warning")
    (warning,) = [each for each in answered.json["answers"] if each["asked"] == "restarts"]
    assert "exit code 7 is rebooted for ever" in warning["says"]


def test_without_a_policy_admission_is_not_known(ask: Ask, there: There) -> None:
    typed = [each for each in there.typed if each not in ("--policy", str(there.policy))]
    answered = ask("operator", "preflight", *typed, "--format", "json")
    assert (answered.code, answers_of(answered)["admission"]) == (6, "unknown")


def test_the_policy_beside_the_image_is_asked_where_none_is_given(ask: Ask, there: There) -> None:
    tag = there.owner.repository.image("with-policy", "v1")
    owner, reference = there.stage.owner.api, parse_image_reference(tag)
    digest = push(owner, there.stage.folder / "image-of-primus", reference)
    put_policy(owner, reference, digest, there.policy.read_text(encoding="utf-8"))
    typed = ["--reference", tag, "--project", "secundus", "--input", "gs://secundus-input-bucket/photos"]
    answered = ask("operator", "preflight", *typed, "--format", "json")
    assert (answers_of(answered)["admission"], answers_of(answered)["policy"]) == ("yes", "yes")
    answered = ask("operator", "preflight", *typed, "--debug", "--format", "json")
    assert (answered.code, answers_of(answered)["admission"]) == (3, "no")
    # One that is given is asked, and not the one beside the image.
    answered = ask("operator", "preflight", *typed, "--policy", str(there.policy), "--format", "json")
    assert "policy" not in answers_of(answered)


def test_the_owner_s_terms_are_read_from_the_image(ask: Ask, there: There) -> None:
    answered = preflight(ask, there, "--top-k", "5")
    (found,) = [each for each in answered.json["answers"] if each["asked"] == "owner's terms"]
    assert (
        found["answer"],
        found["says"].startswith("you get 5 classes a picture, of 5 that they allow, "),
    ) == (
        "yes",
        True,
    )
    answered = preflight(ask, there, "--top-k", "6")
    (found,) = [each for each in answered.json["answers"] if each["asked"] == "owner's terms"]
    assert (answered.code, found["answer"]) == (3, "no")
    assert found["says"] == "TOP_K `6` is more than the owner's terms allow"
    assert found["fix"] == "operator: ask for at most 5: set `tee-env-TOP_K=5`"


def test_the_variables_that_the_labels_allow_are_said(ask: Ask, there: There) -> None:
    (found,) = [each for each in preflight(ask, there).json["answers"] if each["asked"] == "metadata"]
    assert found["says"].endswith("and as variables: INPUT_URI, RESULT_URI, TOP_K, BATCH_SIZE, LICENCE")


def test_terms_in_a_large_layer_are_left_to_the_job(
    ask: Ask, there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.image_files.LARGEST_DOCUMENT", 1000)
    answered = preflight(ask, there)
    (found,) = [each for each in answered.json["answers"] if each["asked"] == "owner's terms"]
    assert (found["answer"], found["says"].endswith("which is not read: the job checks at its start")) == (
        "warning",
        True,
    )


def test_what_depends_on_the_machine_s_id_is_not_known(ask: Ask, there: There, tmp_path: Path) -> None:
    condition = tmp_path / "condition.cel"
    condition.write_text('assertion.submods.gce.instance_id.startsWith("7") && assertion.secboot')
    answered = preflight(ask, there, "--policy", str(condition))
    (admission,) = [each for each in answered.json["answers"] if each["asked"] == "admission"]
    assert (answered.code, admission["answer"]) == (6, "unknown")
    (clause,) = admission["clauses"]
    assert clause["reason"] == "what it reads is not known before the machine boots"


def test_a_subject_that_is_made_of_the_machine_s_id_does_not_hinder(
    ask: Ask, there: There, tmp_path: Path
) -> None:
    """Google recommends such a mapping."""
    provider: Any = json.loads(there.provider.read_text(encoding="utf-8"))
    provider["attributeMapping"]["google.subject"] = (
        '"gcpcs::" + assertion.submods.container.image_digest + "::" + assertion.submods.gce.project_number'
        ' + "::" + assertion.submods.gce.instance_id'
    )
    file = tmp_path / "provider.json"
    file.write_text(json.dumps(provider))
    assert answers_of(preflight(ask, there, "--policy", str(file)))["admission"] == "yes"


def test_the_digest_is_pinned_in_a_launch_file_that_says_the_same(
    ask: Ask, speaks_for_its_account: There, tmp_path: Path
) -> None:
    there, file = speaks_for_its_account, tmp_path / "launch.toml"
    assert preflight(ask, there, "--save", str(file)).code == 0
    assert f'reference = "{there.tag}@{there.digest}"' in file.read_text(encoding="utf-8")
    answered = ask("operator", "preflight", file, "--format", "json")
    assert (answered.code, answered.json["reference"]) == (0, f"{there.tag}@{there.digest}")


def test_a_disk_that_is_full_leaves_the_launch_file_as_it_was(
    ask: Ask, speaks_for_its_account: There, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "launch.toml"
    file.write_text("before", encoding="utf-8")
    write = Path.write_text

    def fill_up(self: Path, text: str, **how: Any) -> int:
        write(self, text[:9], **how)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fill_up)
    answered = preflight(ask, speaks_for_its_account, "--save", str(file))
    assert (answered.code, file.read_text("utf-8")) == (7, "before")
    assert "no space left on device" in answered.err
    assert list(tmp_path.iterdir()) == [file]


def test_a_tag_that_was_moved_since_is_rejected(ask: Ask, there: There) -> None:
    before = f"{there.tag}@sha256:{'0' * 64}"
    answered = ask("operator", "preflight", *there.typed, "--reference", before)
    assert answered.code == 4
    assert answered.err.startswith("error: tag `latest` of `us-docker.pkg.dev/primus/primus-artifact-repo/")
    assert f"was moved: it is `{there.digest}` now" in answered.err
    assert "hint: ask the owner which one is meant" in answered.err


BAD = {
    "another registry's image": (
        ["--reference", "docker.io/library/x:1"],
        7,
        "is not an image in artifact reg",
    ),
    "no such image": (["--reference", "{tag}-2"], 7, "with 404"),
    "a project of somebody else's": (["--project", "primus"], 4, "finding project `primus` with 403"),
    "a policy that is not there": (["--policy", "nowhere.toml"], 7, "cannot read the policy `nowhere.toml`"),
    "a file that cannot be written": (["--save", "/nowhere/x"], 7, "cannot write `/nowhere/x`"),
    "a folder that is none": (["--input", "photos"], 7, "the input `photos` names no bucket"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_with_a_hint(ask: Ask, there: There, name: str) -> None:
    typed, code, said = BAD[name]
    typed = [each.format(tag=there.tag) for each in typed]
    answered = ask("operator", "preflight", *there.typed, *typed)
    error, hint = answered.err.splitlines()
    assert (answered.code, said in error, hint.startswith("hint: ")) == (code, True, True), answered.err
    assert ("--member=user:YOU --role=roles/browser" in hint) == (code == 4)


def test_without_credentials_it_says_how_to_have_some(
    ask: Ask, there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere")
    answered = ask("operator", "preflight", *there.typed)
    assert answered.code == 7
    assert answered.err.splitlines()[1].startswith("hint: run `gcloud auth application-default login`")
