"""`symbolon owner publish`: what the registry serves is what the policy pins, and twice is once.

Here the image has our files alone; `tests/journeys/test_real_image.py` builds the whole one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.google_api import GoogleApi
from deploy.provisioning import ensure
from deploy.push import parse_image_reference, resolve
from deploy.resources import DockerRepository, Project
from emulator.running import Running
from policy.policy_file import parse_policy
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
    assert document["policy"] == {"file": "policy.toml", "changed": True}
    assert pinned(workplace) == (served,)
    before = (workplace / "policy.toml").read_bytes()
    again = ask(*command.split()).json
    assert (again["digest"], again["policy"]["changed"]) == (served, False)
    assert (workplace / "policy.toml").read_bytes() == before


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
