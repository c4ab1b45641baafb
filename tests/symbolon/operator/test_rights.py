"""`symbolon operator preflight` names each right that is missing, with the line that grants it."""

from __future__ import annotations

from dataclasses import replace

from deploy.push import parse_image_reference, push
from deploy.resources import DockerRepository, Grant
from symbolon.owner.on_stage import ensure_all
from tests.symbolon.conftest import Ask
from tests.symbolon.operator.conftest import OPERATOR, There, answers_of, preflight


def test_whether_the_account_may_pull_is_not_seen_from_outside_the_owner_s_project(
    ask: Ask, there: There
) -> None:
    answered = preflight(ask, there)
    assert answered.code == 6
    found = answers_of(answered)
    assert [asked for asked, answer in found.items() if answer != "yes"] == ["pulling the image"]
    assert answered.json["verdict"] == "unknown"
    (pulling,) = [each for each in answered.json["answers"] if each["asked"] == "pulling the image"]
    assert "gcloud artifacts repositories add-iam-policy-binding primus-artifact-repo" in pulling["fix"]


def test_a_missing_right_is_named_with_the_line_that_grants_it(
    ask: Ask, speaks_for_its_account: There
) -> None:
    there = speaks_for_its_account
    bucket = replace(there.operator.result_bucket, name="secundus-other-bucket")
    ensure_all(there.stage.operator, [bucket])
    answered = preflight(ask, there, "--results", f"gs://{bucket.name}/run")
    (writing,) = [each for each in answered.json["answers"] if each["asked"] == "writing results"]
    assert (answered.code, writing["answer"]) == (3, "no")
    assert writing["says"] == "the account lacks `roles/storage.objectUser` on bucket `secundus-other-bucket`"
    assert writing["fix"] == (
        "operator: gcloud storage buckets add-iam-policy-binding gs://secundus-other-bucket"
        f" --member={there.operator.workload_account.member} --role=roles/storage.objectUser"
    )


def test_a_registry_that_denies_the_account_is_the_owner_s_to_open(
    ask: Ask, speaks_for_its_account: There
) -> None:
    """The operator may read the image, and the VM's account may not."""
    there = speaks_for_its_account
    closed = DockerRepository(project=there.owner.repository.project, location="us", repository_id="closed")
    grant = Grant(on=closed, role="roles/artifactregistry.reader", member=OPERATOR)
    ensure_all(there.stage.owner, [closed, grant])
    tag = closed.image("workload-container", "v1")
    push(there.stage.owner.api, there.stage.folder / "image-of-primus", parse_image_reference(tag))
    answered = preflight(ask, there, "--reference", tag)
    (pulling,) = [each for each in answered.json["answers"] if each["asked"] == "pulling the image"]
    assert (answered.code, pulling["answer"]) == (3, "no")
    assert pulling["fix"].startswith("owner: gcloud artifacts repositories add-iam-policy-binding closed")


def test_an_image_that_the_operator_may_not_read_leaves_the_rest_answered(
    ask: Ask, speaks_for_its_account: There
) -> None:
    there = speaks_for_its_account
    shut = DockerRepository(project=there.owner.repository.project, location="us", repository_id="shut")
    ensure_all(there.stage.owner, [shut])
    answered = preflight(ask, there, "--reference", shut.image("workload-container", "v1"))
    found = answers_of(answered)
    assert (answered.code, found["image"], found["zone"]) == (3, "unknown", "yes")
    assert (found["pulling the image"], found["admission"]) == ("no", "unknown")
    (image,) = [each for each in answered.json["answers"] if each["asked"] == "image"]
    assert image["fix"].endswith(f" --member={OPERATOR} --role=roles/artifactregistry.reader")
