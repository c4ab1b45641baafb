"""Each call that provisioning makes is one of Google's, by verb, path, parameters and the body's fields.

Held against the discovery documents that google-api-python-client carries, so that a wrong field fails here
and not in front of Google.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from deploy.observing import holds, look_up_project
from deploy.planning import plan
from deploy.provisioning import converge
from deploy.rest import url_of
from tests.deploy.google_here import GoogleHere
from tests.deploy.test_convergence import OWNER, WANTED, owners, remove, removed
from tests.emulator.discovery import faults_of


def everything_that_is_asked(here: GoogleHere) -> list[requests.PreparedRequest]:
    """All of a life: made, looked at again, changed, taken down with what was in it, and made again."""
    for party in WANTED:
        api = here.api(party)
        project = look_up_project(api, "primus" if party == "owner" else "secundus")
        holds(api, project, ["storage.buckets.get"])
        converge(api, WANTED[party], plan)
        converge(api, WANTED[party], plan)
    api = here.api()
    converge(api, owners("sha256:" + "2" * 64), plan)
    bucket = url_of(OWNER.model_bucket)
    api.call(
        "PATCH", bucket, doing="opening", body={"iamConfiguration": {"publicAccessPrevention": "inherited"}}
    )
    converge(api, WANTED["owner"], plan)
    upload = bucket.replace("/storage/v1/", "/upload/storage/v1/") + "/o?uploadType=media&name=a/b"
    api.send("POST", upload, doing="uploading", data=b"x")
    here.asked = [each for each in here.asked if "/upload/" not in str(each.url)]
    for party in WANTED:
        remove(here.api(party), removed(party))
    converge(api, WANTED["owner"], plan)
    enabled: set[str] = set()

    def interfere(request: requests.PreparedRequest) -> Any:
        if ":batchGet" in str(request.url) and not enabled:
            return 200, {"services": []}
        if ":batchEnable" in str(request.url):
            enabled.add("all")
            return 200, {"name": "operations/acf.1"}
        if "/operations/acf.1" in str(request.url):
            return 200, {"name": "operations/acf.1", "done": True}
        return None

    here.interfere = interfere
    converge(api, WANTED["owner"], plan)
    return here.asked


def test_every_call_is_one_that_google_s_documents_have(here: GoogleHere) -> None:
    asked = everything_that_is_asked(here)
    faults = {f"{each.method} {each.url}": found for each in asked if (found := faults_of(each))}
    assert faults == {}
    verbs = {each.method for each in asked}
    assert verbs == {"DELETE", "GET", "PATCH", "POST", "PUT"}
    services = {urlsplit(str(each.url)).netloc.partition(".")[0] for each in asked}
    assert services == {"artifactregistry", "cloudresourcemanager", "iam", "serviceusage", "storage"}


@pytest.mark.parametrize(
    ("verb", "url", "body", "words"),
    [
        pytest.param("POST", "b?project=p", {"labls": {}}, "body.labls is not in the document", id="a field"),
        pytest.param("POST", "b?project=p", {"labels": []}, "body.labels is no object", id="a type"),
        pytest.param(
            "POST",
            "b?project=p",
            {"versioning": {"enabled": "yes"}},
            "body.versioning.enabled is no boolean",
            id="a type within",
        ),
        pytest.param("POST", "b?projekt=p", {}, "parameter projekt is not in the document", id="a parameter"),
        pytest.param("POST", "b", {}, "parameter project is missing", id="a parameter that is missing"),
        pytest.param("GET", "b/x", {"a": 1}, "there is a body", id="a body where none is taken"),
        pytest.param("PUT", "b/x/policy", {}, "no method is PUT", id="a path"),
    ],
)
def test_a_wrong_call_is_noticed(verb: str, url: str, body: object, words: str) -> None:
    request = requests.Request(verb, f"https://storage.googleapis.com/storage/v1/{url}", json=body).prepare()
    assert [fault for fault in faults_of(request) if words in fault]
