"""`symbolon owner protect --seal`: sealed once, and opened by whoever may."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from attestation.digests import digest_of
from attestation.errors import ExitCode
from contract.sealed_model import PackedFile, open_manifest
from contract.sealed_stream import Stream
from deploy import key_wrapping
from deploy.google_api import GoogleApi
from emulator.faults import trouble, write_faults
from emulator.running import Running
from symbolon.owner import key_holders
from symbolon.owner import protect_sealed as program
from symbolon.owner.packing import packing_of
from tests.contract.test_sealed_stream import tinks
from tests.kms_keys import asked_of
from tests.sealed_models import opened
from tests.symbolon.conftest import Ask
from tests.symbolon.owner.to_be_sealed import OWNER, THEIRS, Run, There


def test_a_sealed_model_is_opened_by_whoever_may_and_by_any_tink_client(protect: Run, there: There) -> None:
    answered = protect(*there.seal)
    assert answered.code == 0, answered.err
    plain = packing_of(there.mine.parent / "model", None).open().read()
    manifest = open_manifest(there.read(".manifest.json"), pinned=there.release.manifest, signed_by=None)
    assert (manifest.digest, manifest.size, manifest.version) == (digest_of(plain), len(plain), 1)
    assert manifest.files == (
        PackedFile(name="saved_model.pb", size=5),
        PackedFile(name="variables/data", size=256 * (3 << 12)),
    )
    key, data = there.data_key(), there.read()
    stream = Stream(key, header=manifest.header, associated=there.release.manifest, size=manifest.size)
    assert opened(stream, data) == plain
    info = bytes.fromhex(there.release.manifest.removeprefix("sha256:"))
    with tinks(key).new_decrypting_stream(io.BytesIO(data), info) as tink:
        assert tink.read() == plain
    assert b"graph" not in data
    assert there.terms.model.sha256 == digest_of(plain)
    assert there.terms.model.generation == there.generations()["model.tar"]
    assert (there.release.kms, there.release.signed_by) == (there.kms, None)
    assert f"{there.kms} opens it" in " ".join(answered.out.split())


def test_a_second_run_has_nothing_to_do_with_and_without_the_option(protect: Run, there: There) -> None:
    protect(*there.seal)
    before, text = there.generations(), (there.mine / "terms.toml").read_text()
    for options in ((), there.seal):
        answered = protect(*options)
        assert answered.code == 0, answered.err
        assert "nothing to do" in answered.out
    assert (there.generations(), (there.mine / "terms.toml").read_text()) == (before, text)


def test_a_plan_does_nothing_and_asks_for_no_key(
    protect: Run, there: There, through_gateway: Running
) -> None:
    answered = protect(*there.seal, "--plan", "--format", "json")
    assert (answered.json["object"]["action"], answered.json["done"]) == ("create", False)
    assert "nothing was done" in protect(*there.seal, "--plan").out
    assert (there.generations(), there.terms.release) == ({}, None)
    assert asked_of(through_gateway.folder, there.key.kms, "Encrypt") == []
    assert protect(*there.seal).code == 0
    assert len(asked_of(through_gateway.folder, there.key.kms, "Encrypt")) == 1


def test_a_model_that_was_trained_again_is_sealed_anew_as_the_next_version(
    protect: Run, there: There
) -> None:
    protect(*there.seal)
    first, key = there.release, there.data_key()
    (there.mine.parent / "model" / "saved_model.pb").write_bytes(b"trained again")
    assert protect("--format", "json").json["object"]["action"] == "replace"
    assert there.release.manifest != first.manifest
    assert there.data_key() != key
    manifest = open_manifest(there.read(".manifest.json"), pinned=there.release.manifest, signed_by=None)
    assert manifest.version == 2


def test_whoever_seals_another_model_by_the_same_name_is_told_which_images_refuse_it(
    protect: Run, there: There
) -> None:
    """By the plan, and afterwards; not where nothing is replaced, nor in front of a stranger's object."""
    assert "warning" not in protect(*there.seal).out
    before = there.release.manifest
    assert "warning" not in protect().out
    (there.mine.parent / "model" / "saved_model.pb").write_bytes(b"another graph")
    told = f"warning: an image that was published for the manifest {before} refuses this one; to keep both,"
    assert told in protect("--plan").out
    assert json.loads(protect("--plan", "--format", "json").out)["object"]["replaces_manifest"] == before
    assert told in protect().out
    there.bucket.blob("model.tar.manifest.json").upload_from_string(b"[]")
    assert "warning" not in protect("--plan").out


def test_a_model_is_no_longer_sealed_where_that_is_said(protect: Run, there: There) -> None:
    protect(*there.seal)
    answered = protect("--seal", "none")
    assert answered.code == 0, answered.err
    assert there.terms.release is None
    assert digest_of(there.read()) == there.terms.model.sha256
    assert "no longer sealed" in answered.out
    assert (
        "model.tar.keys.json stay, for images of the sealed one: remove them when none runs" in answered.out
    )
    assert "nothing to do" in protect().out


def test_a_run_that_was_stopped_before_the_terms_were_written_is_done_anew(
    protect: Run, there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(program, "_pin", stopped)
        assert protect(*there.seal).code == 130
    assert there.terms.release is None
    assert protect(*there.seal).code == 0
    assert "nothing to do" in protect().out


def test_a_model_that_changes_while_it_is_sealed_is_not_pinned(
    protect: Run, there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrap = key_wrapping.wrap

    def after_a_change(*rest: Any, **options: Any) -> Any:
        (there.mine.parent / "model" / "saved_model.pb").write_bytes(b"GRAPH")
        return wrap(*rest, **options)

    monkeypatch.setattr(key_holders, "wrap", after_a_change)
    answered = protect(*there.seal)
    assert answered.code == ExitCode.MISCONFIGURED
    assert "changed while it was sealed" in answered.err
    assert there.terms.release is None


def test_whoever_may_not_use_the_key_is_told_the_line_that_lets_them(protect: Run, there: There) -> None:
    answered = protect("--seal", f"kms={THEIRS}")
    assert answered.code == ExitCode.REFUSED
    assert f"`{OWNER}` may not use the key: `cloudkms.cryptoKeyVersions.useToEncrypt`" in answered.err
    assert "gcloud kms keys add-iam-policy-binding lite0 --keyring=models" in answered.err
    assert f"--member={OWNER} --role=roles/cloudkms.cryptoKeyEncrypterDecrypter" in answered.err
    assert there.generations() == {}


def test_a_key_that_is_not_there_is_said_with_the_lines_that_make_it(protect: Run, there: There) -> None:
    answered = protect("--seal", f"kms={there.keys.name('absent')}")
    assert answered.code == ExitCode.MISCONFIGURED
    assert (
        f"gcloud kms keyrings create {there.key.kms.ring} --location=europe-west4 --project=primus"
        in answered.err
    )
    assert "gcloud kms keys create absent" in answered.err
    assert there.generations() == {}


VERIFIED = ("verifiedPlaintextCrc32c", "verifiedAdditionalAuthenticatedDataCrc32c")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (dict.fromkeys(VERIFIED, None), "what was sent to"),
        ({VERIFIED[1]: False}, "what was sent to"),
        ({"name": "projects/another"}, "what was received from"),
        ({"ciphertextCrc32c": None}, "what was received from"),
    ],
)
def test_an_answer_of_the_key_that_cannot_be_used_uploads_nothing(
    protect: Run, there: There, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], says: str
) -> None:
    """No emulator gives one of these, so it is made of one that is in order."""
    call = GoogleApi.call

    def spoiled(api: GoogleApi, method: str, url: str, **options: Any) -> Any:
        return call(api, method, url, **options) | (changes if url.endswith(":encrypt") else {})

    monkeypatch.setattr(GoogleApi, "call", spoiled)
    answered = protect(*there.seal)
    assert answered.code == ExitCode.UNAVAILABLE
    assert says in answered.err
    assert there.generations() == {}


def test_a_ciphertext_with_a_wrong_checksum_is_not_written(
    protect: Run, there: There, through_gateway: Running
) -> None:
    write_faults(through_gateway.folder, trouble("kms", "corrupt"))
    answered = protect(*there.seal)
    assert answered.code == ExitCode.UNAVAILABLE
    assert "arrived damaged" in answered.err
    assert there.generations() == {}


def test_what_is_no_key_is_wrong_usage(ask: Ask, there: There) -> None:
    for text in ("kms=lite0", "age=me", "nothing"):
        refused = ask("owner", "protect", there.mine, "--seal", text)
        assert refused.code == ExitCode.USAGE
        assert "argument --seal: " in refused.err


def test_a_signed_manifest_needs_its_key_each_time_that_it_is_written(
    protect: Run, there: There, ask: Ask, tmp_path: Path
) -> None:
    (tmp_path / "passphrase").write_text("a sentence that nobody guesses\n")
    locked = ("--passphrase-file", str(tmp_path / "passphrase"))
    made = ask("owner", "keys", "new", tmp_path / "key.pem", *locked, "--format", "json").json
    signed = protect(*there.seal, "--sign-with", tmp_path / "key.pem", *locked)
    assert signed.code == 0, signed.err
    assert there.release.signed_by == made["public_key"]
    assert json.loads(there.read(".manifest.json"))["signatures"][0]["keyid"] == made["key_id"]
    assert "nothing to do" in protect().out, "what is signed stays so, without the key"
    (there.mine.parent / "model" / "saved_model.pb").write_bytes(b"trained again")
    assert f"signed by the key {made['key_id']}, which --sign-with has to name" in protect("--plan").out
    refused = protect()
    assert refused.code == ExitCode.MISCONFIGURED
    assert "--sign-with FILE" in refused.err
