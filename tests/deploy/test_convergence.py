"""Applied twice, killed anywhere, interfered with: the end is the same; destroyed, nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from attestation.errors import Unavailable
from deploy.failures import ApiDisabled
from deploy.google_api import AlreadyExists, ConcurrentChange, GoogleApi
from deploy.observing import Observed, observe
from deploy.planning import Action, plan
from deploy.provisioning import converge, free_pool_id
from deploy.removing import look_inside, plan_removal
from deploy.resources import Project, Resource, operator_of, owner_of
from deploy.rest import url_of
from symbolon.owner.provision import everything_of
from tests.deploy.google_here import GoogleHere, Killed, google_in

OWNER = owner_of(Project(project_id="primus", number="100000000001"))
OPERATOR = operator_of(Project(project_id="secundus", number="200000000002"))
DIGEST = "sha256:" + "1" * 64
MAPPING = {
    "google.subject": "assertion.sub",
    "attribute.image_digest": "assertion.submods.container.image_digest",
}
Everything = tuple[Resource, ...]


def owners(digest: str = DIGEST) -> Everything:
    """All that an owner wants who has a policy."""
    digests = [digest]
    return (
        *OWNER.apis(),
        *OWNER.foundation(),
        OWNER.provider(mapping=MAPPING, condition=f"assertion.swname == '{digest}'"),
        *OWNER.admissions(digests),  # type: ignore[arg-type]
        OWNER.no_other_admissions(digests),  # type: ignore[arg-type]
        OWNER.pull_grant(OPERATOR.workload_account.member),
    )


WANTED: dict[str, Everything] = {
    "owner": owners(),
    "operator": (*OPERATOR.apis(), *OPERATOR.foundation()),
}


def remove(api: GoogleApi, wanted: Everything) -> tuple[Action, ...]:
    def planned(resources: Everything, observed: Observed) -> tuple[Action, ...]:
        return plan_removal(resources, observed, look_inside(api, resources, observed), with_contents=True)

    return converge(api, wanted, planned)


def removed(party: str) -> Everything:
    return everything_of(OWNER) if party == "owner" else WANTED["operator"]


def what_is_seen(api: GoogleApi, party: str) -> list[str]:
    """What lists show of the resources that the party may have made."""
    project = "primus" if party == "owner" else "secundus"
    iam = f"https://iam.googleapis.com/v1/projects/{project}"
    lists = {
        f"https://storage.googleapis.com/storage/v1/b?project={project}": "items",
        f"{iam}/serviceAccounts": "accounts",
        f"{iam}/locations/global/workloadIdentityPools": "workloadIdentityPools",
        f"https://artifactregistry.googleapis.com/v1/projects/{project}/locations/us/repositories": (
            "repositories"
        ),
    }
    found = [
        each for url, key in lists.items() for each in api.call("GET", url, doing="listing").get(key, [])
    ]
    return [each["name"] for each in found if not each["name"].endswith("@developer.gserviceaccount.com")]


@pytest.mark.parametrize("party", WANTED)
def test_a_second_apply_makes_no_writing_call(here: GoogleHere, party: str) -> None:
    api = here.api(party)
    assert converge(api, WANTED[party], plan)
    stands = here.everything()
    assert here.written
    here.asked.clear()
    assert converge(api, WANTED[party], plan) == ()
    assert here.asked
    assert here.written == []
    assert here.everything() == stands


@pytest.mark.parametrize("party", WANTED)
def test_killed_after_any_call_the_next_apply_ends_in_the_same_state(
    here: GoogleHere, party: str, tmp_path: Path
) -> None:
    converge(here.api(party), WANTED[party], plan)
    stands, calls = here.everything(), len(here.asked)
    for call in range(1, calls + 1):
        other, fleet = google_in(tmp_path / str(call))
        other.lives = call
        with pytest.raises(Killed):
            converge(other.api(party), WANTED[party], plan)
        other.lives = None
        converge(other.api(party), WANTED[party], plan)
        assert other.everything() == stands, f"killed after call {call} of {calls}"
        other.asked.clear()
        converge(other.api(party), WANTED[party], plan)
        assert other.written == []
        fleet.stop()


@pytest.mark.parametrize("party", WANTED)
def test_destroyed_nothing_of_ours_is_listed_and_nothing_else_is_touched(
    here: GoogleHere, party: str
) -> None:
    api = here.api(party)
    project = "primus" if party == "owner" else "secundus"
    beside = {"name": f"{project}-beside", "location": "us-west1"}
    url = f"https://storage.googleapis.com/storage/v1/b?project={project}"
    api.call("POST", url, doing="making", body=beside)
    before = here.everything()
    converge(api, WANTED[party], plan)
    assert len(what_is_seen(api, party)) > 1
    assert remove(api, removed(party))
    assert what_is_seen(api, party) == [f"{project}-beside"]
    assert here.everything()["storage.buckets.json"] == before["storage.buckets.json"]
    assert here.everything()["projects.json"] == before["projects.json"]
    here.asked.clear()
    assert remove(api, removed(party)) == ()
    assert here.written == []


@pytest.mark.parametrize("party", WANTED)
def test_killed_after_any_call_the_next_destroy_leaves_nothing(
    here: GoogleHere, party: str, tmp_path: Path
) -> None:
    converge(here.api(party), WANTED[party], plan)
    here.asked.clear()
    remove(here.api(party), removed(party))
    calls = len(here.asked)
    for call in range(1, calls + 1):
        other, fleet = google_in(tmp_path / str(call))
        converge(other.api(party), WANTED[party], plan)
        other.lives = call
        with pytest.raises(Killed):
            remove(other.api(party), removed(party))
        other.lives = None
        remove(other.api(party), removed(party))
        assert what_is_seen(other.api(party), party) == [], f"killed after call {call} of {calls}"
        fleet.stop()


def test_what_was_destroyed_is_made_again_and_its_pool_restored(here: GoogleHere) -> None:
    api = here.api()
    converge(api, WANTED["owner"], plan)
    stands = here.everything()
    remove(api, removed("owner"))
    done = converge(api, WANTED["owner"], plan)
    assert "restore workload identity pool `primus-wip`" in map(str, done)
    assert here.everything() == stands


def test_an_image_that_the_policy_pins_no_more_is_bound_no_more(here: GoogleHere) -> None:
    api = here.api()
    converge(api, WANTED["owner"], plan)
    done = converge(api, owners("sha256:" + "2" * 64), plan)
    assert [str(action).partition(" ")[0] for action in done] == ["update", "grant", "revoke"]
    members = [
        member
        for binding in here.everything()["iam.serviceAccounts.json"][OWNER.service_account.email]["policy"][
            "bindings"
        ]
        for member in binding["members"]
    ]
    assert [member.rpartition(":")[2][:1] for member in members] == ["2"]


def once(status: int, message: str) -> Callable[[requests.PreparedRequest], Any]:
    """Each writing call is answered so the first time, and done the second time."""
    met: set[str] = set()

    def interfere(request: requests.PreparedRequest) -> Any:
        call = f"{request.method} {request.url}"
        if request.method == "GET" or call in met:
            return None
        met.add(call)
        return status, {"error": {"code": status, "message": message}}

    return interfere


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (409, "There were concurrent policy changes. Please retry."),
        (412, "At least one of the pre-conditions you specified did not hold."),
        (429, "Too many requests."),
        (500, "Internal error."),
        (503, "The service is currently unavailable."),
    ],
)
@pytest.mark.parametrize("party", WANTED)
def test_what_passes_is_waited_for_in_every_call(
    here: GoogleHere, party: str, status: int, message: str, tmp_path: Path
) -> None:
    here.interfere = once(status, message)
    try:
        converge(here.api(party), WANTED[party], plan)
    except ConcurrentChange:  # as many in one run as there are calls: the next run goes on
        converge(here.api(party), WANTED[party], plan)
        converge(here.api(party), WANTED[party], plan)
    undisturbed, fleet = google_in(tmp_path / "undisturbed")
    converge(undisturbed.api(party), WANTED[party], plan)
    assert here.everything() == undisturbed.everything()
    fleet.stop()


@pytest.mark.parametrize(
    ("status", "error"), [(409, AlreadyExists), (412, ConcurrentChange), (429, Unavailable)]
)
def test_patience_is_bounded(here: GoogleHere, status: int, error: type[Exception]) -> None:
    here.interfere = lambda request: (
        None if request.method == "GET" else (status, {"error": {"message": "It is so."}})
    )
    with pytest.raises(error, match=r"It is so\."):
        converge(here.api(), [OWNER.model_bucket], plan)
    assert len(here.asked) <= 12


def test_a_free_id_is_proposed_that_not_even_something_deleted_has(here: GoogleHere) -> None:
    api = here.api()
    assert free_pool_id(api, OWNER.pool) == "primus-wip-2"
    second = url_of(OWNER.pool) + "-2"
    url, _, identifier = second.rpartition("/")
    parameters = {"workloadIdentityPoolId": identifier}
    api.call("POST", url, doing="making", parameters=parameters, body={})
    api.call("DELETE", second, doing="deleting")
    assert free_pool_id(api, OWNER.pool) == "primus-wip-3"


def test_where_an_api_is_not_enabled_it_is_enabled_and_what_appears_is_taken_as_it_is(
    here: GoogleHere,
) -> None:
    api = here.api()
    converge(api, WANTED["owner"], plan)
    stands = here.everything()
    asleep = True

    def interfere(request: requests.PreparedRequest) -> Any:
        nonlocal asleep
        if ":batchEnable" in str(request.url):
            asleep = False
        if ":batchGet" in str(request.url) and asleep:
            return 200, {"services": []}
        return None

    here.interfere = interfere
    observed = observe(api, WANTED["owner"])
    assert observed[url_of(OWNER.pool)] is None
    done = converge(api, WANTED["owner"], plan)
    assert str(done[0]).startswith("enable artifactregistry.googleapis.com, iam.googleapis.com")
    assert len(done) == 1
    assert here.everything() == stands


@pytest.mark.parametrize(("after", "ends_well"), [(3, True), (100, False)])
def test_an_api_that_was_enabled_now_is_waited_for_within_bounds(
    here: GoogleHere, after: int, ends_well: bool
) -> None:
    enabled, refused = False, 0

    def interfere(request: requests.PreparedRequest) -> Any:
        nonlocal enabled, refused
        url = str(request.url)
        enabled = enabled or ":batchEnable" in url
        if ":batchGet" in url and not enabled:
            return 200, {"services": []}
        if url.startswith("https://iam.googleapis.com") and refused < after:
            refused += 1
            detail = {"reason": "SERVICE_DISABLED", "metadata": {"service": "iam.googleapis.com"}}
            return 403, {"error": {"code": 403, "message": "Disabled.", "details": [detail]}}
        return None

    here.interfere = interfere
    slept: list[float] = []
    api = here.api()
    api.sleep = slept.append
    if ends_well:
        converge(api, WANTED["owner"], plan)
        assert slept[:3] == [5.0, 10.0, 20.0]
    else:
        with pytest.raises(ApiDisabled):
            converge(api, WANTED["owner"], plan)
        assert sum(slept) < 180


def test_an_api_that_somebody_else_switched_off_is_not_waited_for(here: GoogleHere) -> None:
    detail = {"reason": "SERVICE_DISABLED", "metadata": {"service": "storage.googleapis.com"}}
    here.interfere = lambda request: (
        (403, {"error": {"message": "Disabled.", "details": [detail]}})
        if str(request.url).startswith("https://storage")
        else None
    )
    api = here.api()
    api.sleep = lambda _s: pytest.fail("it waited")
    with pytest.raises(ApiDisabled):
        converge(api, WANTED["owner"], plan)
