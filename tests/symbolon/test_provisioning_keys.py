"""`owner provision --kms`: the key of a sealed model among the owner's resources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from tests.deploy.google_here import GoogleHere
from tests.symbolon.conftest import Ask
from tests.symbolon.provisioning import POLICY

KEY = "projects/primus/locations/europe-west4/keyRings/models/cryptoKeys/lite0"
SEALED = ("owner", "provision", "--project", "primus", "--policy", "policy.toml", "--kms", KEY)


def test_the_key_of_a_sealed_model_is_made_and_its_binding_follows_the_digest(
    here: GoogleHere, ask: Ask
) -> None:
    planned = ask(*SEALED)
    assert "+ create  key ring `models`" in planned.out
    assert "+ create  key `lite0`\n            purpose: ENCRYPT_DECRYPT\n" in planned.out
    assert f"--project=primus --kms={KEY} --policy policy.toml --apply" in planned.out
    assert ask(*SEALED, "--apply").code == 0
    assert ask(*SEALED, "--apply").out.endswith("nothing had to be done\n")
    Path("policy.toml").write_text(POLICY.replace("1" * 64, "2" * 64))
    moved = ask(*SEALED, "--apply").out
    bound = "done: {} `roles/cloudkms.cryptoKeyDecrypter` on key `lite0` to `principalSet://"
    assert bound.format("grant") in moved
    assert bound.format("revoke") in moved


def test_the_key_is_named_by_the_terms_too(here: GoogleHere, ask: Ask) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "terms.md").read_text()
    terms = page.partition("```toml\n")[2].partition("```")[0].partition("[release]")[0]
    release = f'\n[release]\nmanifest = "{"5" * 64}"\nkms = "{KEY}"\n'
    command = ("owner", "provision", "--project", "primus", "--terms", "terms.toml")
    Path("terms.toml").write_text(terms)
    assert "key ring" not in ask(*command).out
    for text in (terms + release, terms.replace("scale = ", "# scale = ") + release):
        Path("terms.toml").write_text(text)
        planned = ask(*command)
        assert "+ create  key `lite0`" in planned.out
        assert "--project=primus --terms terms.toml --apply" in planned.out
    another = ask(*command, "--kms", KEY.replace("lite0", "another"))
    assert another.code == 7
    assert "`kms` is another key" in another.err


def test_taken_down_the_key_says_what_stays_of_it(here: GoogleHere, ask: Ask) -> None:
    assert ask(*SEALED, "--apply").code == 0
    shown = ask(*SEALED, "--destroy", "--plan")
    assert "  keep    key ring `models`  (stays: it is no more than a name, and costs nothing)" in shown.out
    assert "  keep    key `lite0`  (stays, with its versions: --with-contents schedules" in shown.out
    assert "- delete  `roles/cloudkms.cryptoKeyDecrypter` on key `lite0` to `principalSet" in shown.out
    all_of_it = ask(*SEALED, "--destroy", "--plan", "--with-contents")
    assert "~ change  key `lite0`  (the key stays; until" in all_of_it.out
    assert "            state of version 1: usable -> DESTROY_SCHEDULED" in all_of_it.out
    assert "cryptoKeys" not in "".join(here.written[-1:])
    assert "what they have wrapped opens no more" in all_of_it.out
    kept = ask(*SEALED, "--destroy", "--yes")
    assert kept.code == 0
    said = "key `lite0` and its key ring are not deleted, and its versions stay too, unless --with-contents"
    assert said in kept.out
    assert "DESTROY_SCHEDULED" not in str(here.everything())
    gone = ask(*SEALED, "--destroy", "--with-contents", "--yes")
    assert "done: schedule for destruction version 1 of key `lite0`" in gone.out
    again = ask(*SEALED, "--apply")
    assert again.code == 7
    assert "its primary version is `DESTROY_SCHEDULED`" in again.err
    assert "gcloud kms keys versions create --primary --key=lite0" in again.err


@pytest.mark.parametrize(
    ("key", "words"),
    [
        pytest.param("lite0", "is no name for `kms`", id="no whole name"),
        pytest.param(KEY.replace("primus", "secundus"), "the key is in project `secundus`", id="elsewhere"),
    ],
)
def test_a_key_that_is_none_of_the_owner_s_is_refused(
    here: GoogleHere, ask: Ask, key: str, words: str
) -> None:
    refused = ask("owner", "provision", "--project", "primus", "--kms", key)
    assert refused.code == 7
    assert words in refused.err
    assert here.written == []


def test_the_project_s_number_names_the_same_key(here: GoogleHere, ask: Ask) -> None:
    by_number = ask(
        "owner", "provision", "--project", "primus", "--kms", KEY.replace("primus", "100000000001")
    )
    assert "+ create  key `lite0`" in by_number.out


def test_whoever_may_not_encrypt_is_granted_it_on_the_key_alone(here: GoogleHere, ask: Ask) -> None:
    asked: list[str] = []

    def interfere(request: requests.PreparedRequest) -> tuple[int, dict[str, Any]] | None:
        body = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
        if "testIamPermissions" in str(request.url) and "useToEncrypt" in body:
            asked.append(str(request.url))
            return 200, {}
        return None

    here.interfere = interfere
    line = "`roles/cloudkms.cryptoKeyEncrypter` on key `lite0` to `user:owner@primus.example`"
    assert f"+ create  {line}" in ask(*SEALED).out
    assert f"done: grant {line}" in ask(*SEALED, "--apply").out
    assert f"  keep    {line}" in ask(*SEALED).out
    assert len(asked) >= 3


def test_a_permission_of_cloud_kms_that_is_missing_has_its_line(here: GoogleHere, ask: Ask) -> None:
    detail = {"reason": "IAM_PERMISSION_DENIED", "metadata": {"permission": "cloudkms.cryptoKeys.create"}}
    here.interfere = lambda request: (
        (403, {"error": {"code": 403, "message": "No.", "details": [detail]}})
        if request.method == "POST" and "cryptoKeyId" in str(request.url)
        else None
    )
    refused = ask(*SEALED, "--apply")
    assert refused.code == 4
    assert "--role=roles/cloudkms.admin" in refused.err
