"""The calls of Cloud Storage, held against Google's discovery document of storage v1."""

from __future__ import annotations

import re
from typing import Any

import pytest

from emulator.storage.calls import CALLS, HARMLESS
from tests.emulator.discovery import Method, read_api

HOST = "https://storage.googleapis.com"
API = read_api("storage", "v1")
SAMPLES = {
    "bucket": "bucket-of-primus",
    "object": "o",
    "sourceBucket": "bucket-of-primus",
    "sourceObject": "o",
}
SAMPLES |= {"destinationBucket": "bucket-of-primus", "destinationObject": "new", "project": "primus"}
SAMPLES |= {"permissions": "storage.objects.get", "projectId": "primus"}
BODIES: dict[str, dict[str, Any]] = {
    "buckets.insert": {"name": "another-bucket"},
    "buckets.setIamPolicy": {"bindings": []},
    "objects.compose": {"sourceObjects": [{"name": "o"}]},
    "objects.insert": {"name": "new"},
}
NO_QUERY = re.compile(r"\{\w+\}")


@pytest.fixture
def there(platform: Any) -> Any:
    """All services, with a bucket and an object in it."""
    platform.call("POST", f"{HOST}/storage/v1/b?project=primus", {"name": "bucket-of-primus"})
    stored = platform.call("POST", f"{HOST}/upload/storage/v1/b/bucket-of-primus/o?uploadType=media&name=o")
    assert stored.status == 200
    return platform


def address(method: Method, path: str, *, without: str = "") -> str:
    """The method's address with everything that is required, but for one parameter."""
    filled = NO_QUERY.sub(lambda match: SAMPLES.get(match[0][1:-1], "x"), path)
    query = {name: SAMPLES.get(name, "1") for name in method.required if f"{{{name}}}" not in path}
    return f"{HOST}{filled}?" + "&".join(f"{key}={value}" for key, value in query.items() if key != without)


def test_the_document_is_read_at_all() -> None:
    assert len(API.methods) > 70
    assert API.methods["objects.insert"].paths == (
        "/storage/v1/b/{bucket}/o",
        "/resumable/upload/storage/v1/b/{bucket}/o",
        "/upload/storage/v1/b/{bucket}/o",
    )


@pytest.mark.parametrize("name", CALLS)
def test_a_served_call_is_one_of_googles_with_its_parameters(name: str) -> None:
    method = API.methods[name]
    assert CALLS[name].parameters - method.optional - method.required == set()
    assert {each for each in method.required if f"{{{each}}}" not in method.paths[0]} <= CALLS[
        name
    ].parameters


def test_what_is_harmless_is_in_the_document_or_of_every_google_api() -> None:
    of_uploads = {"upload_id", "uploadType"}
    of_any_api = {"$alt", "$prettyPrint", "alt", "fields", "key", "prettyPrint", "quotaUser", "userIp"}
    assert HARMLESS - of_any_api - of_uploads == {"projection", "userProject"}


@pytest.mark.parametrize("name", CALLS)
def test_a_served_call_answers_at_googles_path_in_googles_types(there: Any, name: str) -> None:
    method = API.methods[name]
    if name == "objects.insert":
        begun = there.call("POST", f"{address(method, method.paths[1])}uploadType=resumable", BODIES[name])
        answer = there.call("PUT", begun.headers["location"])
    else:
        if name == "buckets.delete":
            there.call("DELETE", f"{HOST}/storage/v1/b/bucket-of-primus/o/o")
        answer = there.call(method.verb, address(method, method.paths[0]), BODIES.get(name))
    assert answer.status == (200 if method.answer else 204), answer.text
    if method.answer:
        assert answer.json
        assert API.check_answer(name, answer.json) == []


@pytest.mark.parametrize("name", sorted(API.methods.keys() - CALLS))
def test_an_absent_call_is_refused_with_a_sentence_that_no_client_repeats(there: Any, name: str) -> None:
    method = API.methods[name]
    for path in method.paths:
        body: dict[str, Any] | None = {} if method.verb in ("PATCH", "POST", "PUT") else None
        refused = there.call(method.verb, address(method, path), body)
        assert refused.status == 400
        [error] = refused.json["error"]["errors"]
        assert error["reason"] in ("invalid", "notEmulated")
        assert "emulator" in error["message"]


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        (name, parameter)
        for name in CALLS
        for parameter in API.methods[name].required
        if f"{{{parameter}}}" not in API.methods[name].paths[0]
    ],
)
def test_what_is_required_is_asked_for(there: Any, name: str, parameter: str) -> None:
    method = API.methods[name]
    refused = there.call(method.verb, address(method, method.paths[0], without=parameter), BODIES.get(name))
    assert (refused.status, parameter in refused.text) == (400, True)


@pytest.mark.parametrize("name", CALLS)
def test_a_parameter_that_is_not_honoured_is_refused(there: Any, name: str) -> None:
    method = API.methods[name]
    if not (refused := sorted(method.optional - CALLS[name].parameters - HARMLESS)):
        return
    path = method.paths[-1]
    for parameter in refused:
        kind = "&uploadType=media&name=new" if name == "objects.insert" else ""
        url = f"{address(method, path)}&{parameter}=true{kind}"
        answer = there.call(method.verb, url, BODIES.get(name))
        assert answer.status == 400, parameter


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"size": 5}, "answer.size is no string"),
        ({"size": "five"}, "answer.size is no whole number in a string"),
        ({"novelty": 1}, "answer.novelty is not in the document"),
        ({"metadata": {"a": 1}}, "answer.metadata.a is no string"),
        ({"acl": [1]}, "answer.acl[0] is no object"),
    ],
)
def test_an_answer_of_another_type_is_found(change: dict[str, Any], fault: str) -> None:
    assert API.check_answer("objects.get", {"size": "5", "name": "o"}) == []
    assert API.check_answer("objects.get", {"size": "5", "name": "o"} | change) == [fault]
