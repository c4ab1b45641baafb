"""`symbolon owner protect`: the model is uploaded once, and pinned; what is in the way is said."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage
from google.cloud.exceptions import ServiceUnavailable

from attestation.digests import digest_of
from attestation.errors import ExitCode, Misconfigured
from contract.terms import CredentialTerms, OwnerTerms, parse_terms, render_terms
from contract.uris import ObjectUri
from emulator.running import Running
from symbolon import whole_files
from symbolon.owner import protect as program
from symbolon.owner import uploading, workplace
from symbolon.owner.packing import measure, packing_of
from tests.symbolon.conftest import Answered, Ask
from tests.workload.samples import TERMS

PRIMUS = "100000000001"
SIZE = 20 << 20


@pytest.fixture
def as_party(through_gateway: Running, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], storage.Client]:
    """This process is that party from then on."""

    def become(party: str) -> storage.Client:
        file = str(through_gateway.credentials_file(party))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
        return storage.Client(project={"owner": "primus", "operator": "secundus"}[party])

    return become


@pytest.fixture
def bucket(as_party: Callable[[str], storage.Client], request: pytest.FixtureRequest) -> storage.Bucket:
    """A new bucket of the owner's, who this process is."""
    return as_party("owner").create_bucket(f"models-{abs(hash(request.node.nodeid)):x}")


@pytest.fixture
def mine(bucket: storage.Bucket, tmp_path: Path) -> Path:
    """What `owner init` leaves, of a model that nobody loads; the terms pin another archive."""
    model = tmp_path / "model"
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").write_bytes(b"graph")
    (model / "variables" / "data").write_bytes(bytes(range(256)) * (SIZE // 256))
    return left_by_init(tmp_path / "mine", model, bucket.name)


def left_by_init(folder: Path, model: Path, bucket: str, *, number: str = PRIMUS) -> Path:
    pool = f"projects/{number}/locations/global/workloadIdentityPools/primus-wip"
    credential = CredentialTerms(
        audience=f"//iam.googleapis.com/{pool}/providers/primus-wip-provider",
        service_account="primus-sa@primus.iam.gserviceaccount.com",
    )
    model_terms = replace(TERMS.model, uri=ObjectUri(bucket=bucket, name="model.tar"))
    terms = replace(TERMS, model=model_terms, credential=credential)
    files = {"terms.toml": render_terms(terms, commented=True)}
    whole_files.write(folder, {**files, "owner.toml": workplace.render_here(folder, model, None)})
    return folder


@pytest.fixture
def protect(ask: Ask, mine: Path) -> Callable[..., Answered]:
    return lambda *options: ask("owner", "protect", mine, *options)


Protect = Callable[..., Answered]


def terms_of(mine: Path) -> OwnerTerms:
    return parse_terms((mine / "terms.toml").read_text())


def test_the_model_is_there_as_packed_and_the_terms_pin_it(
    protect: Protect, mine: Path, bucket: storage.Bucket
) -> None:
    answered = protect()
    assert answered.code == 0, answered.err
    blob = bucket.get_blob("model.tar")
    assert blob is not None
    model = terms_of(mine).model
    assert model.sha256 == digest_of(blob.download_as_bytes())
    assert model.sha256 == measure(packing_of(mine.parent / "model", None)).digest
    assert model.generation == int(blob.generation)
    assert answered.out.startswith(f"create  gs://{bucket.name}/model.tar")


def test_a_second_run_has_nothing_to_do_and_makes_no_writing_call(
    protect: Protect, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    protect()
    before = (mine / "terms.toml").read_text()
    monkeypatch.setattr(program, "upload", None)
    answered = protect()
    assert answered.code == 0, answered.err
    assert "nothing to do" in answered.out
    assert (mine / "terms.toml").read_text() == before


def test_a_plan_says_what_would_be_done_and_does_nothing(
    protect: Protect, mine: Path, bucket: storage.Bucket
) -> None:
    before = (mine / "terms.toml").read_text()
    answered = protect("--plan", "--format", "json")
    assert answered.code == 0, answered.err
    assert (answered.json["object"]["action"], answered.json["done"]) == ("create", False)
    assert answered.json["terms"]["generation"] is None
    assert "nothing was done" in protect("--plan").out
    assert bucket.get_blob("model.tar") is None
    assert (mine / "terms.toml").read_text() == before


def test_another_model_replaces_the_one_that_was_there(
    protect: Protect, mine: Path, bucket: storage.Bucket
) -> None:
    protect()
    first = terms_of(mine).model
    (mine.parent / "model" / "saved_model.pb").write_bytes(b"trained again")
    answered = protect("--format", "json")
    assert answered.json["object"]["action"] == "replace"
    assert answered.json["object"]["replaces"] == first.generation
    second = terms_of(mine).model
    assert second.sha256 != first.sha256
    blob = bucket.get_blob("model.tar")
    assert blob is not None
    assert second.generation == int(blob.generation) != first.generation


def test_a_run_that_was_stopped_before_it_pinned_is_gone_on_with(
    protect: Protect, mine: Path, bucket: storage.Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(program, "_pin", stopped)
        assert protect().code == 130
    assert terms_of(mine).model.generation is None
    blob = bucket.get_blob("model.tar")
    assert blob is not None
    monkeypatch.setattr(program, "upload", None)
    assert protect().code == 0
    assert terms_of(mine).model.generation == int(blob.generation)


def stopped(*_: object) -> None:
    raise KeyboardInterrupt


def test_what_somebody_writes_meanwhile_stays(
    protect: Protect, mine: Path, bucket: storage.Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = uploading.upload

    def after_another(blob: storage.Blob, *rest: Any, **options: Any) -> None:
        bucket.blob("model.tar").upload_from_string(b"theirs")
        upload(blob, *rest, **options)

    monkeypatch.setattr(program, "upload", after_another)
    answered = protect()
    assert answered.code == ExitCode.UNAVAILABLE
    assert "somebody wrote" in answered.err
    assert bucket.blob("model.tar").download_as_bytes() == b"theirs"
    assert terms_of(mine).model.generation is None


def test_a_model_that_changes_while_it_is_uploaded_is_not_pinned(
    protect: Protect, mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = uploading.upload

    def after_a_change(*rest: Any, **options: Any) -> None:
        (mine.parent / "model" / "saved_model.pb").write_bytes(b"GRAPH")
        upload(*rest, **options)

    monkeypatch.setattr(program, "upload", after_a_change)
    answered = protect()
    assert answered.code == ExitCode.MISCONFIGURED
    assert "changed while it was uploaded" in answered.err
    assert terms_of(mine).model.generation is None


def test_memory_stays_flat_however_large_the_model_is(protect: Protect, mine: Path) -> None:
    with (mine.parent / "model" / "variables" / "data").open("wb") as file:
        file.truncate(200 << 20)
    protect("--plan")  # whatever is imported is there
    tracemalloc.start()
    try:
        assert protect().code == 0
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()


def test_nobody_is_told_how_to_sign_in(
    protect: Protect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "none"))
    monkeypatch.setattr("google.auth.compute_engine._metadata._NO_GCE_CHECK", True)  # as read at its import
    answered = protect()
    assert answered.code == ExitCode.MISCONFIGURED
    assert answered.err.startswith("error: there are no Google credentials")
    assert "gcloud auth application-default login" in answered.err


def test_a_credential_that_was_taken_back_is_denied(
    protect: Protect, monkeypatch: pytest.MonkeyPatch, through_gateway: Running, tmp_path: Path
) -> None:
    document = json.loads(through_gateway.credentials_file("owner").read_text())
    document["refresh_token"] = "1//not-ours"
    (tmp_path / "adc.json").write_text(json.dumps(document))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "adc.json"))
    answered = protect()
    assert answered.code == ExitCode.REFUSED
    assert "google refused the credentials" in answered.err
    assert "not-ours" not in answered.err


def test_who_lacks_a_role_is_told_which_on_what_and_the_line_that_grants_it(
    protect: Protect, bucket: storage.Bucket, as_party: Callable[[str], storage.Client]
) -> None:
    as_party("operator")
    answered = protect()
    assert answered.code == ExitCode.REFUSED
    assert "`operator@secundus.example` may not use the bucket" in answered.err
    assert "`storage.objects." in answered.err
    line = answered.err.partition("its owner grants it: ")[2].strip()
    assert line == (
        f"gcloud storage buckets add-iam-policy-binding gs://{bucket.name}"
        " --member=user:operator@secundus.example --role=roles/storage.objectUser"
    )


def test_with_the_role_that_was_named_it_goes_on(
    protect: Protect, bucket: storage.Bucket, as_party: Callable[[str], storage.Client], mine: Path
) -> None:
    policy = bucket.get_iam_policy(requested_policy_version=3)
    members = {"user:operator@secundus.example"}
    policy.bindings.append({"role": "roles/storage.objectUser", "members": members})
    bucket.set_iam_policy(policy)
    as_party("operator")
    answered = protect()
    assert answered.code == 0, answered.err
    assert terms_of(mine).model.generation is not None


def test_a_bucket_of_somebody_else_s_project_is_not_written_to(
    ask: Ask, bucket: storage.Bucket, mine: Path, tmp_path: Path
) -> None:
    another = left_by_init(tmp_path / "another", tmp_path / "model", bucket.name, number="4711")
    answered = ask("owner", "protect", another)
    assert answered.code == ExitCode.MISCONFIGURED
    assert f"belongs to project {PRIMUS}, and the terms name project 4711" in answered.err
    assert bucket.get_blob("model.tar") is None


def test_a_bucket_that_is_not_there_is_said_so(protect: Protect, bucket: storage.Bucket) -> None:
    bucket.delete()
    answered = protect()
    assert answered.code == ExitCode.MISCONFIGURED
    assert f"there is no bucket `{bucket.name}`" in answered.err


def test_a_google_that_cannot_be_reached_may_be_asked_again(
    protect: Protect, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ServiceUnavailable("try again")  # type: ignore[no-untyped-call]

    monkeypatch.setattr(storage.Bucket, "reload", fail)
    assert protect().code == ExitCode.UNAVAILABLE


def test_a_model_that_is_gone_is_said_by_its_name(protect: Protect, mine: Path) -> None:
    (mine.parent / "model").rename(mine.parent / "elsewhere")
    answered = protect()
    assert answered.code == ExitCode.MISCONFIGURED
    assert "`model` is not there" in answered.err


def test_terms_that_are_not_in_order_are_refused_before_google_is_asked(protect: Protect, mine: Path) -> None:
    (mine / "terms.toml").write_text("format = 1\n")
    assert protect().code == ExitCode.MISCONFIGURED
    with pytest.raises(Misconfigured):
        workplace.open_workplace(mine)
