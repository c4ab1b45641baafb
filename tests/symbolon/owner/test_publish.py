"""`symbolon owner publish`: what the registry serves is what the policy pins, and twice is once.

Here the image has our files alone; `tests/journeys/test_real_image.py` builds the whole one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.appending import BASE_DIGEST, BASE_NAME
from deploy.google_api import GoogleApi
from deploy.layout import Layout
from deploy.policy_beside import get_policy
from deploy.provisioning import ensure
from deploy.pulling import read_image
from deploy.push import parse_image_reference, push, resolve
from deploy.resources import DockerRepository, Project
from emulator.running import Running
from policy.policy_file import parse_policy
from tests.deploy.bases import base, carried, layer
from tests.symbolon.conftest import Ask

REFERENCE = "us-docker.pkg.dev/primus/images/workload:v1"
NOBODYS = "sha256:" + "1" * 64
POLICY = f"""\
[provider]
project_number = "123456789012"
pool = "primus-wip"
name = "primus-wip-provider"

[what]
image_digests = ["{NOBODYS}"]  # none yet

[who]
service_accounts = ["workload-sa@secundus.iam.gserviceaccount.com"]
"""


@pytest.fixture
def workplace(
    through_gateway: Running,
    credentials_of: Callable[[str], Any],
    terms_text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A folder with terms and policy, in a shell that is the owner's."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(through_gateway.credentials_file("owner")))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "terms.toml").write_text(terms_text)
    (tmp_path / "policy.toml").write_text(POLICY)
    project = Project(project_id="primus", number="0")
    ensure(
        GoogleApi(credentials_of("owner")),
        DockerRepository(project=project, location="us", repository_id="images"),
    )
    return tmp_path


@pytest.fixture
def terms_text() -> str:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "terms.md").read_text()
    return page.partition("```toml\n")[2].partition("```")[0]


def pinned(folder: Path) -> tuple[str, ...]:
    return parse_policy((folder / "policy.toml").read_text()).conditions.what.image_digests


def test_the_policy_pins_what_the_registry_serves(
    ask: Ask, workplace: Path, credentials_of: Callable[[str], Any]
) -> None:
    command = f"owner publish --reference {REFERENCE} --layout --emulator --format json"
    answer = ask(*command.split())
    assert answer.code == 0
    served = resolve(GoogleApi(credentials_of("owner")), parse_image_reference(REFERENCE))
    document = answer.json
    assert document["digest"] == served
    assert document["policy"] == {"file": "policy.toml", "changed": True, "beside_image": True}
    assert pinned(workplace) == (served,)
    before = (workplace / "policy.toml").read_bytes()
    again = ask(*command.split()).json
    assert (again["digest"], again["policy"]["changed"]) == (served, False)
    assert (workplace / "policy.toml").read_bytes() == before


def test_the_policy_lies_beside_the_image_unless_it_is_kept(
    ask: Ask, workplace: Path, credentials_of: Callable[[str], Any]
) -> None:
    mine = REFERENCE.replace("workload", "with-policy")
    api, reference = GoogleApi(credentials_of("owner")), parse_image_reference(mine)
    command = ["owner", "publish", "--reference", mine, "--layout", "--emulator", "--format", "json"]
    kept = ask(*command, "--keep-policy").json
    assert get_policy(api, reference, kept["digest"]) is None
    assert not kept["policy"]["beside_image"]
    assert ask(*command).code == 0
    assert get_policy(api, reference, kept["digest"]) == (workplace / "policy.toml").read_text()


def test_a_policy_that_changed_is_put_beside_the_image_that_it_still_pins(
    ask: Ask, workplace: Path, credentials_of: Callable[[str], Any]
) -> None:
    mine = REFERENCE.replace("workload", "attached")
    published = ask(*f"owner publish --reference {mine} --layout --emulator --format json".split()).json
    text = (workplace / "policy.toml").read_text().replace('["workload-sa@', '["another-sa@')
    (workplace / "policy.toml").write_text(text)
    answer = ask("owner", "policy", "attach", "policy.toml", "--reference", mine)
    assert (answer.code, answer.out.startswith("policy.toml lies beside us-docker.pkg.dev/")) == (0, True)
    api, reference = GoogleApi(credentials_of("owner")), parse_image_reference(mine)
    assert get_policy(api, reference, published["digest"]) == text

    (workplace / "policy.toml").write_text(POLICY)
    answer = ask("owner", "policy", "attach", "policy.toml", "--reference", mine)
    assert answer.code == 7
    assert f"does not pin the image that `{mine}` is now: `{published['digest']}`" in answer.err
    assert get_policy(api, reference, published["digest"]) == text


APPENDED = "us-docker.pkg.dev/primus/images/appended:v1"


@pytest.fixture
def below(workplace: Path) -> Layout:
    return base(workplace / "base", layer({"etc/os-release": b""}), layer(carried("tensorflow")))


def test_ours_is_appended_to_a_base_without_any_engine(
    ask: Ask, workplace: Path, below: Layout, credentials_of: Callable[[str], Any]
) -> None:
    """From a folder, and from a registry: what is published is the same but for the name of the base."""
    there = f"oci:base@{below.digest}"
    command = ["owner", "publish", "--reference", APPENDED, "--append", "--emulator", "--format", "json"]
    first, again = (ask(*command, "--base", there).json for _ in range(2))
    api = GoogleApi(credentials_of("owner"))
    assert first["digest"] == again["digest"] == resolve(api, parse_image_reference(APPENDED))
    assert (first["built_by"], first["base"]) == ("symbolon, appended to its base", there)
    assert (pinned(workplace), again["policy"]["changed"]) == ((first["digest"],), False)
    image = read_image(api, parse_image_reference(APPENDED))
    assert image.annotations == {BASE_DIGEST: below.digest}
    assert image.entrypoint == ("python", "-m", "workload")
    assert (
        image.labels["tee.launch_policy.allow_env_override"]
        == "INPUT_URI,RESULT_URI,TOP_K,BATCH_SIZE,LICENCE"
    )

    name = "us-docker.pkg.dev/primus/images/base"
    (workplace / "base" / "index.json").write_text(json.dumps({"manifests": [{"digest": below.digest}]}))
    push(api, workplace / "base", parse_image_reference(f"{name}:v1"))
    fetched = ask(*command, "--base", f"{name}:v1@{below.digest}").json
    assert fetched["digest"] != first["digest"]
    image = read_image(api, parse_image_reference(APPENDED))
    assert image.annotations == {BASE_NAME: f"{name}:v1", BASE_DIGEST: below.digest}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--append", "--append needs the base that carries the requirements"),
        ("--append --base us-docker.pkg.dev/primus/images/base:v1", "not named by its digest"),
        ("--append --base oci:base", "not named by its digest"),
        (f"--append --engine buildah --base oci:base@{NOBODYS}", "neither an engine nor settings"),
        (f"--base oci:base@{NOBODYS}", "no engine builds on it"),
        (f"--append --base oci:base@{NOBODYS}", "the layout has no blob"),
        (f"--append --base oci:nowhere@{NOBODYS}", "the layout has no blob"),
        (f"--append --base localhost/base@{NOBODYS}", "names no registry"),
        ("--append --base oci:python@{bare}", "the base lacks"),
    ],
)
def test_a_base_that_cannot_be_appended_to_is_one_line(
    ask: Ask, workplace: Path, below: Layout, options: str, words: str
) -> None:
    bare = base(workplace / "python", layer(["usr/local/bin/python"])).digest
    typed = options.format(bare=bare).split()
    answer = ask("owner", "publish", "--reference", APPENDED, "--emulator", *typed)
    error, hint = answer.err.splitlines()
    assert (answer.code, words in error, hint.startswith("hint: ")) == (7, True, True), answer.err
    assert pinned(workplace) == (NOBODYS,)


def test_a_plan_does_nothing(ask: Ask, workplace: Path) -> None:
    answer = ask(*f"owner publish --reference {REFERENCE} --layout --emulator --plan".split())
    assert answer.code == 0
    assert "us-docker.pkg.dev/primus/images/workload:v1" in answer.out
    assert pinned(workplace) == (NOBODYS,)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (f"--reference {REFERENCE} --layout", "no machine but an emulator's"),
        (f"--reference {REFERENCE} --layout --emulator --base x@{NOBODYS}", "neither a base nor an engine"),
        (f"--reference {REFERENCE}", "the base has no default"),
        (f"--reference {REFERENCE} --base python:3.11", "not named by its digest"),
        (f"--reference {REFERENCE}@{NOBODYS} --layout --emulator", "only a push can give it"),
        ("--reference docker.io/library/x:v1 --layout --emulator", "not an image in artifact registry"),
        (f"--reference {REFERENCE} --layout --emulator --policy none.toml", "none.toml"),
        (f"--reference {REFERENCE} --layout --emulator --pip-config none.conf", "none.conf"),
        (f"--reference {REFERENCE} --layout --emulator --root policy.toml", "no certificate"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_done(
    ask: Ask, workplace: Path, options: str, words: str
) -> None:
    answer = ask("owner", "publish", *options.split())
    assert answer.code == 7
    assert words in answer.err
    assert pinned(workplace) == (NOBODYS,)


def test_a_policy_that_cannot_be_pinned_is_refused_before_the_build(ask: Ask, workplace: Path) -> None:
    (workplace / "policy.toml").write_text(POLICY.replace("image_digests", '"image_digests"'))
    answer = ask("owner", "publish", "--reference", REFERENCE, "--layout", "--emulator")
    assert answer.code == 7
    assert "the image was not pinned" in answer.err


def test_nobody_elses_registry_takes_it(ask: Ask, workplace: Path) -> None:
    theirs = REFERENCE.replace("primus", "secundus")
    answer = ask("owner", "publish", "--reference", theirs, "--layout", "--emulator")
    assert answer.code == 4
    assert pinned(workplace) == (NOBODYS,)
