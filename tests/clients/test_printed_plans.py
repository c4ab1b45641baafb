"""The commands that `--print gcloud` prints, run by the real gcloud, end where `--apply` ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.as_gcloud import render_gcloud
from deploy.google_api import GoogleApi
from deploy.observing import observe
from deploy.planning import Action, plan
from deploy.provisioning import converge
from deploy.removing import look_inside, plan_removal
from emulator import running
from emulator.running import Running
from policy.policy_file import parse_policy
from policy.policy_file import render_gcloud as render_provider
from symbolon.owner.provision import everything_of
from tests.clients.conftest import Shell, installed, shell_in_front_of
from tests.deploy.test_convergence import OWNER, WANTED, owners, removed, what_is_seen
from tests.deploy.test_kms_keys import SEALED
from tests.deploy.test_kms_keys import wanted as sealed

_NEW_EACH_TIME = (
    "createTime",
    "etag",
    "expireTime",
    "id",
    "metageneration",
    "oauth2ClientId",
    "softDeletePolicy",
    "timeCreated",
    "uniqueId",
    "updateTime",
    "updated",
)
_POLICY = """\
[provider]
project_number = "100000000001"
pool = "primus-wip"
name = "of-a-policy-file"
[what]
image_digests = ["sha256:{digest}"]
[who]
project_ids = ["secundus"]
"""
"""Of a policy's bindings the order is nobody's."""


@pytest.fixture(params=WANTED)
def party(request: pytest.FixtureRequest) -> str:
    installed("gcloud")
    return str(request.param)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Running, Running]]:
    """Two emulators that nobody has made anything in."""
    both = running.start(tmp_path / "by-gcloud"), running.start(tmp_path / "by-apply")
    yield both
    for each in both:
        each.stop()


def api_in_front_of(emulator: Running, party: str, monkeypatch: pytest.MonkeyPatch) -> GoogleApi:
    from google.oauth2.credentials import Credentials

    for name, value in emulator.env.items():
        monkeypatch.setenv(name, value)
    file = str(emulator.credentials_file(party))
    return GoogleApi(Credentials.from_authorized_user_file(file))  # type: ignore[no-untyped-call]


def run(shell: Shell, actions: tuple[Action, ...]) -> None:
    """The printed script, as a person would run it."""
    script = shell.folder / "provision.sh"
    script.write_text(render_gcloud(actions))
    shell.run("bash", script)


def stands(api: GoogleApi, party: str) -> Any:
    """What is observed of all that is wanted, without what is new each time."""
    observed = observe(api, WANTED[party])
    return json.loads(json.dumps({url: _without(found) for url, found in observed.items()}))


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(each) for key, each in value.items() if key not in _NEW_EACH_TIME}
    if isinstance(value, list):
        return sorted((_without(each) for each in value), key=json.dumps)
    return value


def test_the_printed_commands_end_where_apply_ends(
    party: str, two: tuple[Running, Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_gcloud, by_apply = two
    shell = shell_in_front_of(by_gcloud, party, tmp_path)
    api = api_in_front_of(by_gcloud, party, monkeypatch)
    run(shell, plan(WANTED[party], observe(api, WANTED[party])))
    assert plan(WANTED[party], observe(api, WANTED[party])) == ()
    made_by_gcloud = stands(api, party)
    other = api_in_front_of(by_apply, party, monkeypatch)
    converge(other, WANTED[party], plan)
    assert made_by_gcloud == stands(other, party)

    api = api_in_front_of(by_gcloud, party, monkeypatch)
    if party == "owner":  # another image: a provider that changes, a binding more, and one less
        changed = owners("sha256:" + "2" * 64)
        run(shell, plan(changed, observe(api, changed)))
        assert plan(changed, observe(api, changed)) == ()
    gone = removed(party)
    observed = observe(api, gone)
    run(shell, plan_removal(gone, observed, look_inside(api, gone, observed), with_contents=True))
    assert what_is_seen(api, party) == []
    if party == "owner":  # a pool that was deleted comes back
        actions = plan(WANTED[party], observe(api, WANTED[party]))
        assert f"restore workload identity pool `{OWNER.pool.pool_id}`" in map(str, actions)
        run(shell, actions)
        assert plan(WANTED[party], observe(api, WANTED[party])) == ()


def test_the_printed_commands_make_a_sealed_model_s_key_and_take_it_down(
    two: tuple[Running, Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed("gcloud")
    shell = shell_in_front_of(two[0], "owner", tmp_path)
    api = api_in_front_of(two[0], "owner", monkeypatch)
    for digest in ("sha256:" + "1" * 64, "sha256:" + "2" * 64):
        wanted = sealed(digest)
        run(shell, plan(wanted, observe(api, wanted)))
        assert plan(wanted, observe(api, wanted)) == ()
    gone = everything_of(SEALED)

    def removal() -> tuple[Action, ...]:
        observed = observe(api, gone)
        inside = look_inside(api, gone, observed)
        return plan_removal(gone, observed, inside, with_contents=True, with_versions=True)

    assert "schedule for destruction version 1 of key `lite0`" in map(str, removal())
    run(shell, removal())
    assert removal() == ()


def test_the_line_of_a_policy_file_is_one_that_gcloud_takes(
    two: tuple[Running, Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed("gcloud")
    shell = shell_in_front_of(two[0], "owner", tmp_path)
    policy = parse_policy(_POLICY.format(digest="1" * 64))
    shell.run("gcloud", "iam", "workload-identity-pools", "create", "primus-wip", "--location=global")
    script = tmp_path / "provider.sh"
    script.write_text(render_provider(policy))
    shell.run("bash", script)
    api = api_in_front_of(two[0], "owner", monkeypatch)
    found = api.call("GET", f"https://iam.googleapis.com/v1/{policy.name}", doing="reading")
    assert found["attributeCondition"] == policy.condition
    assert found["attributeMapping"] == policy.mapping.expressions
