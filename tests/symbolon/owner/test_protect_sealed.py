"""`symbolon owner protect --seal` and `owner rotate`: sealed once, opened by whoever may, and rotated."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage
from google.oauth2.credentials import Credentials

from attestation.digests import digest_of
from attestation.errors import ExitCode
from contract.kms_keys import KmsKey
from contract.sealed_model import PackedFile, open_manifest
from contract.sealed_stream import Stream
from contract.terms import OwnerTerms, ReleaseTerms
from contract.wrapped_keys import WrappedKey, entry_of, parse_keys, render_keys
from deploy import key_wrapping
from deploy.confidential_vm import CLOUD_PLATFORM
from deploy.google_api import GoogleApi
from emulator.faults import Faults, trouble, write_faults
from emulator.running import Running
from symbolon.owner import key_holders, workplace
from symbolon.owner import protect_sealed as program
from symbolon.owner.packing import measure, packing_of
from symbolon.owner.sealing import SealedArchive, new_seal
from tests.contract.test_sealed_stream import tinks
from tests.kms_keys import Key, Keys, asked_of
from tests.sealed_models import opened
from tests.symbolon.conftest import Answered, Ask
from tests.symbolon.owner.test_protect import left_by_init, terms_of

OWNER = "user:owner@primus.example"
THEIRS = KmsKey(project="secundus", location="europe-west4", ring="models", key="lite0")
"""A key of which the owner of primus may know nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """An owner with a bucket, a key, and what `owner init` left."""

    keys: Keys
    key: Key
    bucket: storage.Bucket
    mine: Path

    @property
    def kms(self) -> str:
        return str(self.key.kms)

    @property
    def seal(self) -> tuple[str, str]:
        """The option that seals."""
        return "--seal", f"kms={self.kms}"

    @property
    def terms(self) -> OwnerTerms:
        return terms_of(self.mine)

    @property
    def release(self) -> ReleaseTerms:
        release = self.terms.release
        assert release is not None
        return release

    def read(self, suffix: str = "") -> bytes:
        data: bytes = self.bucket.blob(f"model.tar{suffix}").download_as_bytes()
        return data

    def generations(self) -> dict[str, int]:
        return {blob.name: int(blob.generation) for blob in self.bucket.list_blobs()}

    def data_key(self) -> bytes:
        """As whoever may decrypt with the owner's key has it."""
        keys = parse_keys(self.read(".keys.json"), manifest=self.release.manifest)
        wrapped = entry_of(keys, self.key.kms).wrapped
        return key_wrapping.unwrap(self.key.api, self.key.kms, wrapped, self.release.manifest).key


@pytest.fixture(scope="module")
def keys(emulator: Running) -> Iterator[Keys]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in emulator.env.items():
            patch.setenv(name, value)
        file = str(emulator.credentials_file("owner"))
        credentials = Credentials.from_authorized_user_file(file, scopes=[CLOUD_PLATFORM])  # type: ignore[no-untyped-call]
        yield Keys(api=GoogleApi(credentials), ring="models-of-protect")


@pytest.fixture
def there(
    through_gateway: Running,
    keys: Keys,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[There]:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(through_gateway.credentials_file("owner")))
    bucket = storage.Client(project="primus").create_bucket(f"models-{abs(hash(request.node.nodeid)):x}")
    model = tmp_path / "model"
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").write_bytes(b"graph")
    (model / "variables" / "data").write_bytes(bytes(range(256)) * (3 << 12))
    mine = left_by_init(tmp_path / "mine", model, bucket.name)
    yield There(keys=keys, key=keys.new(), bucket=bucket, mine=mine)
    write_faults(through_gateway.folder, Faults())


@pytest.fixture
def protect(ask: Ask, there: There) -> Callable[..., Answered]:
    return lambda *options: ask("owner", "protect", there.mine, *options)


@pytest.fixture
def rotate(ask: Ask, there: There) -> Callable[..., Answered]:
    return lambda *options: ask("owner", "rotate", there.mine, *options)


Run = Callable[..., Answered]


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
        "gcloud kms keyrings create models-of-protect --location=europe-west4 --project=primus"
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


def test_rotation_rewrites_the_wrapped_keys_and_nothing_else(protect: Run, rotate: Run, there: There) -> None:
    protect(*there.seal)
    before, terms, key = there.generations(), (there.mine / "terms.toml").read_text(), there.data_key()
    assert "nothing to do" in rotate().out
    newest = there.key.rotate()
    planned = rotate("--plan", "--format", "json").json
    assert planned["keys"] == [{"action": "wrap", "kms": there.kms, "version": None}]
    answered = rotate("--format", "json")
    assert answered.code == 0, answered.err
    assert answered.json["keys"] == [{"action": "wrap", "kms": there.kms, "version": newest}]
    after = there.generations()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"model.tar.keys.json"}
    assert (there.mine / "terms.toml").read_text() == terms
    there.key.destroy(1)
    assert there.data_key() == key, "the older version is of no use to anybody"
    assert "nothing to do" in rotate().out
    there.key.disable(int(newest))
    refused = rotate()
    assert refused.code == ExitCode.MISCONFIGURED
    assert "current state is: DISABLED" in refused.err
    assert "hint: enable or restore that version: gcloud kms keys versions list --key=lite" in refused.err


def test_a_key_that_was_wrapped_for_another_model_is_not_rotated(
    protect: Run, rotate: Run, there: There
) -> None:
    protect(*there.seal)
    wrapped = key_wrapping.wrap(there.key.api, there.key.kms, bytes(32), digest_of(b"another")).wrapped
    entry = WrappedKey(kms=there.key.kms, wrapped=wrapped)
    wrong = render_keys(there.release.manifest, (entry,))
    there.bucket.blob("model.tar.keys.json").upload_from_string(wrong)
    refused = rotate()
    assert refused.code == ExitCode.MISCONFIGURED
    assert "was wrapped for another model, or altered" in refused.err
    assert there.read(".keys.json") == wrong


def test_another_key_is_added_and_removed(protect: Run, rotate: Run, there: There) -> None:
    protect(*there.seal)
    refused = rotate("--add", str(THEIRS))
    assert refused.code == ExitCode.REFUSED
    assert f"on `{THEIRS}`" in refused.err
    backup = there.keys.new()
    added = rotate("--add", str(backup.kms), "--format", "json").json
    assert {each["kms"]: each["action"] for each in added["keys"]} == {
        there.kms: "keep",
        str(backup.kms): "add",
    }
    entry = entry_of(parse_keys(there.read(".keys.json"), manifest=there.release.manifest), backup.kms)
    opened = key_wrapping.unwrap(backup.api, backup.kms, entry.wrapped, there.release.manifest)
    assert opened.key == there.data_key()
    removed = rotate("--remove", str(backup.kms), "--format", "json").json
    assert [each["action"] for each in removed["keys"] if each["kms"] == str(backup.kms)] == ["remove"]
    assert str(backup.kms).encode() not in there.read(".keys.json")
    assert rotate("--remove", there.kms).code == ExitCode.MISCONFIGURED
    assert "is the key that the terms name" in rotate("--remove", there.kms).err
    assert rotate("--add", str(backup.kms), "--remove", str(backup.kms)).code == ExitCode.USAGE
    again = rotate("--add", there.kms, "--format", "json").json
    assert [each["action"] for each in again["keys"]] == ["wrap"]


def test_what_was_never_sealed_or_is_another_s_is_not_rotated(
    protect: Run, rotate: Run, there: There
) -> None:
    refused = rotate()
    assert (refused.code, "does not lie sealed" in refused.err) == (ExitCode.MISCONFIGURED, True)
    protect(*there.seal)
    theirs = there.read(".keys.json").replace(b'"sha256:', b'"sha256:0')[:-1]
    for data in (theirs, b"{}"):
        there.bucket.blob("model.tar.keys.json").upload_from_string(data)
        refused = rotate()
        assert refused.code in (ExitCode.REFUSED, ExitCode.MISCONFIGURED)
        assert "keys.json" in refused.err


def test_somebody_who_writes_meanwhile_is_not_overwritten(
    protect: Run, rotate: Run, there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    protect(*there.seal)
    there.key.rotate()
    from symbolon.owner import rotate as rotation

    wrap = key_wrapping.wrap

    def after_another(*rest: Any, **options: Any) -> Any:
        there.bucket.blob("model.tar.keys.json").upload_from_string(b"theirs")
        return wrap(*rest, **options)

    monkeypatch.setattr(rotation, "wrap", after_another)
    refused = rotate()
    assert refused.code == ExitCode.UNAVAILABLE
    assert there.read(".keys.json") == b"theirs"


def test_a_sealed_archive_can_be_read_from_any_place_twice(there: There) -> None:
    packing = packing_of(there.mine.parent / "model", None)
    measured = measure(packing)
    seal = new_seal(packing, measured, model_id="it", version=1)
    with SealedArchive(packing, seal) as archive:
        whole = archive.read()
        archive.check_same(measured)
        for start in (0, 1, 40, 41, 1 << 20, (1 << 20) + 5, seal.size - 1, seal.size):
            archive.seek(start)
            assert archive.read(100) == whole[start : start + 100]
            assert archive.tell() == min(start + 100, seal.size)
        archive.check_same(measured)
    assert len(whole) == seal.size
    assert seal.key.hex() not in repr(seal)
    with SealedArchive(packing, seal) as archive, pytest.raises(Exception, match="changed while"):
        archive.read(100)
        archive.check_same(measured)


def test_terms_keep_every_other_letter_when_release_comes_and_goes(there: There) -> None:
    text = (there.mine / "terms.toml").read_text() + "\n# a last word\n"
    release = ReleaseTerms(manifest=digest_of(b"m"), kms=there.kms)
    with_it = workplace.released(text, release)
    assert with_it.startswith(text.rstrip())
    assert workplace.released(with_it, None).rstrip() == text.rstrip()
