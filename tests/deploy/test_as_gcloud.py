"""A plan in gcloud's words. That gcloud takes them is for tests/clients to see."""

from __future__ import annotations

import shlex

import pytest

from deploy.as_gcloud import commands_of, render_gcloud
from deploy.planning import Action, Create, Delete, Enable, Give, Restore, Revoke, Update
from deploy.resources import EnabledApi, Grant
from tests.deploy.resources_there import AS_DESCRIBED, ASKING, BUCKET, OWNER, PROJECT, PROVIDER

API = EnabledApi(project=PROJECT, name="iam.googleapis.com")


@pytest.mark.parametrize("kind", AS_DESCRIBED)
def test_what_is_created_bears_the_mark(kind: str) -> None:
    resource, _ = AS_DESCRIBED[kind]
    text = shlex.join([word for words in commands_of(Create(resource=resource)) for word in words])
    assert "managed-by=symbolon" in text


@pytest.mark.parametrize(
    ("action", "lines"),
    [
        pytest.param(
            Enable(apis=(API,)), ["gcloud services enable iam.googleapis.com --project=primus"], id="an API"
        ),
        pytest.param(
            Create(resource=OWNER.model_bucket),
            [
                "gcloud storage buckets create gs://primus-input-bucket --location=us-west1 --project=primus "
                "--uniform-bucket-level-access --public-access-prevention",
                "gcloud storage buckets update gs://primus-input-bucket --versioning "
                "--update-labels=managed-by=symbolon",
            ],
            id="a bucket",
        ),
        pytest.param(
            Update(resource=OWNER.model_bucket, before={}, after={"versioning": {"enabled": True}}),
            ["gcloud storage buckets update gs://primus-input-bucket --versioning"],
            id="a bucket without versions",
        ),
        pytest.param(
            Update(
                resource=OWNER.model_bucket,
                before={},
                after={"iamConfiguration": BUCKET["iamConfiguration"]},
            ),
            [
                "gcloud storage buckets update gs://primus-input-bucket --uniform-bucket-level-access "
                "--public-access-prevention"
            ],
            id="a bucket that is open",
        ),
        pytest.param(
            Update(resource=PROVIDER, before={}, after={"attributeCondition": ASKING["attributeCondition"]}),
            [
                f"gcloud iam workload-identity-pools providers update-oidc {PROVIDER.name} "
                "--attribute-condition=false"
            ],
            id="another condition",
        ),
        pytest.param(
            Restore(resource=OWNER.pool),
            [f"gcloud iam workload-identity-pools undelete {OWNER.pool.name}"],
            id="a deleted pool",
        ),
        pytest.param(
            Restore(resource=PROVIDER),
            [f"gcloud iam workload-identity-pools providers undelete {PROVIDER.name}"],
            id="a deleted provider",
        ),
        pytest.param(
            Give(grant=Grant(on=PROJECT, role="roles/x", member="user:a")),
            ["gcloud projects add-iam-policy-binding primus --member=user:a --role=roles/x --condition=None"],
            id="a grant on a project",
        ),
        pytest.param(
            Revoke(grant=Grant(on=OWNER.repository, role="roles/x", member="user:a")),
            [
                "gcloud artifacts repositories remove-iam-policy-binding primus-artifact-repo --location=us "
                "--member=user:a --role=roles/x --project=primus"
            ],
            id="a grant less on a repository",
        ),
        pytest.param(
            Delete(resource=OWNER.model_bucket, objects=2),
            ["gcloud storage rm --recursive --all-versions gs://primus-input-bucket"],
            id="a bucket with what is in it",
        ),
        pytest.param(
            Delete(resource=OWNER.service_account),
            [
                "gcloud iam service-accounts delete primus-sa@primus.iam.gserviceaccount.com --quiet "
                "--project=primus"
            ],
            id="an account that goes",
        ),
    ],
)
def test_an_action_is_these_commands(action: Action, lines: list[str]) -> None:
    assert [shlex.join(words) for words in commands_of(action)] == lines


def test_a_plan_is_a_script_that_stops_at_the_first_error() -> None:
    script = render_gcloud([Create(resource=OWNER.pool), Delete(resource=PROVIDER)])
    assert script.splitlines()[0] == "set -e"
    assert len(script.splitlines()) == 3
    assert render_gcloud([]) == "# everything is as described\n"
