"""The name of a key in Cloud KMS is read whole or not at all."""

from __future__ import annotations

import pytest

from attestation.errors import Misconfigured
from contract.kms_keys import DECRYPTER, ENCRYPTER, ENCRYPTER_DECRYPTER, parse_kms_key

NAME = "projects/primus-project/locations/europe-west4/keyRings/Models_1/cryptoKeys/lite-0"


def test_a_name_is_read_as_it_was_written() -> None:
    assert str(parse_kms_key(NAME, where="here")) == NAME
    of_a_domain = NAME.replace("primus-project", "primus.example:models")
    assert parse_kms_key(of_a_domain, where="here").project == "primus.example:models"


@pytest.mark.parametrize(
    "text",
    ["", "lite-0", NAME + "/cryptoKeyVersions/1", "/" + NAME, NAME + "\n", NAME.replace("lite-0", "a b")],
)
def test_anything_else_is_refused_with_the_shape_of_one(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"here .* names no key of Cloud KMS") as refused:
        parse_kms_key(text, where="here")
    assert refused.value.hint == "write `projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY`"


def test_the_line_that_grants_a_role_names_all_that_gcloud_wants() -> None:
    assert parse_kms_key(NAME, where="").grant_line("user:a@b.example", DECRYPTER) == (
        "gcloud kms keys add-iam-policy-binding lite-0 --keyring=Models_1 --location=europe-west4"
        " --project=primus-project --member=user:a@b.example --role=roles/cloudkms.cryptoKeyDecrypter"
    )


def test_the_roles_are_those_that_cloud_kms_has() -> None:
    assert (ENCRYPTER, ENCRYPTER_DECRYPTER) == (
        "roles/cloudkms.cryptoKeyEncrypter",
        "roles/cloudkms.cryptoKeyEncrypterDecrypter",
    )


def test_the_lines_that_make_a_key_and_list_its_versions_name_all_that_gcloud_wants() -> None:
    key, place = parse_kms_key(NAME, where=""), "--location=europe-west4 --project=primus-project"
    assert key.versions_line() == f"gcloud kms keys versions list --key=lite-0 --keyring=Models_1 {place}"
    assert key.creation_lines() == (
        f"gcloud kms keyrings create Models_1 {place} &&"
        f" gcloud kms keys create lite-0 --keyring=Models_1 {place} --purpose=encryption"
    )
