"""What was begun: once for each request, however often it comes, and told to whoever began it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.compute.conftest import URL

_ID = "5b1ff0e2-8c2d-4c44-8c55-5ed5b9be37b4"
_VM = f"{URL}/instances/vm"


def test_operations_are_listed_to_whoever_began_them(platform: Any, insert: Any) -> None:
    name = insert().json["name"]
    listed = platform.call("GET", f"{URL}/operations", by="operator").json["items"]
    assert [each["name"] for each in listed] == [name]


def test_a_request_to_make_a_vm_that_comes_twice_makes_one(insert: Any) -> None:
    first, again = insert(query=f"?requestId={_ID}"), insert(query=f"?requestId={_ID}")
    assert (first.status, again.status, again.json["name"]) == (200, 200, first.json["name"])


@pytest.mark.parametrize("change", ["stop", "start", "setMetadata", "setLabels", "delete"])
def test_a_request_that_comes_twice_changes_once(platform: Any, insert: Any, change: str) -> None:
    insert()
    instance = platform.call("GET", _VM, by="operator").json
    bodies = {
        "setMetadata": {"items": [], "fingerprint": instance["metadata"]["fingerprint"]},
        "setLabels": {"labels": {"a": "b"}, "labelFingerprint": instance["labelFingerprint"]},
    }
    verb, url = ("DELETE", _VM) if change == "delete" else ("POST", f"{_VM}/{change}")
    answers = [
        platform.call(verb, f"{url}?requestId={_ID}", bodies.get(change), by="operator") for _ in range(2)
    ]
    first, again = (answer.json for answer in answers)
    assert [answer.status for answer in answers] == [200, 200]
    assert (again["name"], again["operationType"]) == (first["name"], change)
    other = platform.call(verb, f"{url}?requestId={_ID[::-1]}", bodies.get(change), by="operator")
    assert other.json.get("name") != first["name"]


@pytest.mark.parametrize(
    ("request_id", "why"),
    [
        ("7", "Must be a UUID."),
        ("00000000-0000-0000-0000-000000000000", "The UUID of zeros is not supported."),
        (_ID, "It was another request's."),
    ],
    ids=["no UUID", "the UUID of zeros", "an ID that another request had"],
)
def test_an_id_that_names_no_request_is_refused(
    platform: Any, insert: Any, request_id: str, why: str
) -> None:
    insert(query=f"?requestId={_ID}")
    answer = platform.call("POST", f"{_VM}/stop?requestId={request_id}", by="operator")
    assert (answer.status, answer.json["error"]["message"].endswith(why)) == (400, True)
