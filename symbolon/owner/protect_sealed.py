"""What `symbolon owner protect` does with a model that lies sealed: its three objects, and the terms.

    look at the bucket → nothing, or: hand over a new key → stream → manifest → `keys.json` → `terms.toml`

A second run finds nothing to do. One that was stopped before the terms were written begins anew, with
another key: what it left in the bucket is overwritten, and no terms ever named it. Of a broker that is
reached elsewhere, or by other pins, the terms alone are written.
"""

from __future__ import annotations

from dataclasses import dataclass

from google.api_core.exceptions import NotFound
from google.cloud import storage
from rich.filesize import decimal

from attestation.errors import ExitCode, Misconfigured, SymbolonError
from contract import wrapped_keys
from contract.dsse import PrivateKey, PublicKey, parse_public_key, public_key_of
from contract.release_terms import ReleaseTerms
from contract.sealed_model import (
    keys_uri,
    manifest_uri,
    open_manifest,
    sign_manifest,
    unsafe_read_manifest,
)
from contract.terms import OwnerTerms
from contract.uris import ObjectUri

from .. import whole_files
from ..inputs import read_text
from ..rendering import columns, console, print_json, printable_lines
from ..steps import Steps
from . import workplace
from .key_holders import KeyHolder, KmsHolder, signing_key_missing
from .model_bucket import PATIENCE, TIMEOUT_S, failures, open_blob
from .packing import Measured
from .sealing import NewSeal, SealedArchive, new_seal
from .uploading import upload_open
from .workplace import Workplace

_JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What lies in the bucket: each object's bytes or size with its generation, 0 for none."""

    stream: storage.Blob
    stream_generation: int
    manifest: bytes
    manifest_generation: int
    keys: bytes
    keys_generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing:
    """What is to be: the archive under a key that `holder` has, signed by that one, where it `can_sign`."""

    measured: Measured
    holder: KeyHolder
    signed_by: PublicKey | None
    can_sign: bool


def protect_sealed(
    place: Workplace,
    measured: Measured,
    holder: KeyHolder,
    key: PrivateKey | None,
    *,
    plan: bool,
    output: str,
    steps: Steps,
) -> ExitCode:
    """The bucket has the model sealed, `holder` can open it, and the terms pin it; or, of a `plan`, what that
    takes.

    Raises: as `protect`; and as `holder`.
    """
    was = place.terms.release
    signed_by = public_key_of(key) if key is not None else None
    if signed_by is None and was is not None and was.signed_by is not None:
        signed_by = parse_public_key(was.signed_by, where="`release.signed_by`")
    wanted = Sealing(measured=measured, holder=holder, signed_by=signed_by, can_sign=key is not None)
    steps.begin("looking at the bucket")
    with failures(place.terms):
        found = _look(place.terms)
    there = _release_there(place.terms, wanted, found)
    done = there is not None and there == was
    if plan or done:
        steps.pause()
        return _tell(place, wanted, found, None, done=done, output=output)
    if there is not None:
        _pin(place, measured, found.stream_generation, there)
        steps.pause()
        return _tell(place, wanted, found, there, done=False, output=output)
    if signed_by is not None and key is None:
        raise signing_key_missing()
    seal = new_seal(
        place.packing, measured, model_id=place.terms.model.uri.name, version=_next_version(found)
    )
    steps.begin("handing over the model's key")
    keys = holder.hand_over(seal)
    steps.begin(f"uploading {decimal(seal.size)},")
    with failures(place.terms):
        generation = _upload(place, measured, seal, found, steps)
        manifest = seal.payload if key is None else sign_manifest(seal.payload, key)
        _write(place.terms, manifest=manifest, keys=keys, found=found)
    release = holder.terms(seal.digest, signed_by)
    _pin(place, measured, generation, release)
    steps.pause()
    return _tell(place, wanted, found, (seal, generation), done=False, output=output)


def read_object(blob: storage.Blob, most_bytes: int) -> tuple[bytes, int]:
    """The object's bytes and its generation; nothing, and 0, where there is none.

    Raises:
        Misconfigured: it is larger than any of its kind.
        GoogleAPIError: as Cloud Storage answers.
    """
    try:
        blob.reload(timeout=TIMEOUT_S, retry=PATIENCE)
    except NotFound:
        return b"", 0
    if blob.size > most_bytes:
        raise Misconfigured(
            f"`{blob.name}` in the bucket is larger than any that this program writes",
            hint="look who wrote it, and remove it",
        )
    generation = int(blob.generation)
    data: bytes = blob.bucket.blob(blob.name, generation=generation).download_as_bytes(timeout=TIMEOUT_S)
    return data, generation


def _look(terms: OwnerTerms) -> Found:
    stream = open_blob(terms)
    try:
        stream.reload(timeout=TIMEOUT_S, retry=PATIENCE)
    except NotFound:
        stream_generation = 0
    else:
        stream_generation = int(stream.generation)
    bucket = stream.bucket
    manifest = read_object(bucket.blob(manifest_uri(terms.model.uri).name), 1 << 24)
    keys = read_object(bucket.blob(keys_uri(terms.model.uri).name), wrapped_keys.MOST_BYTES)
    return Found(
        stream=stream,
        stream_generation=stream_generation,
        manifest=manifest[0],
        manifest_generation=manifest[1],
        keys=keys[0],
        keys_generation=keys[1],
    )


def _release_there(terms: OwnerTerms, wanted: Sealing, found: Found) -> ReleaseTerms | None:
    """What the terms have to say of the sealed model that is there, where it is the one that is wanted."""
    release, signed_by = terms.release, wanted.signed_by
    if release is None or not found.stream_generation or not wanted.holder.is_named(release):
        return None
    asked = (None if signed_by is None else signed_by.text, found.stream_generation)
    if (release.signed_by, terms.model.generation) != asked:
        return None
    try:
        manifest = open_manifest(found.manifest, pinned=release.manifest, signed_by=signed_by)
    except SymbolonError:
        return None
    same = manifest.digest == wanted.measured.digest == terms.model.sha256
    if not same or found.stream.size != manifest.layout.sealed_size:
        return None
    if not wanted.holder.holds(release.manifest, found.keys):
        return None
    return wanted.holder.terms(release.manifest, signed_by)


def _next_version(found: Found) -> int:
    """One more than that of the manifest that is there; 1 where none is, or none of ours."""
    try:
        return unsafe_read_manifest(found.manifest)[0].version + 1
    except SymbolonError:
        return 1


def _locked_out(found: Found) -> str | None:
    """The manifest that is there: images that pin it refuse any other."""
    try:
        return unsafe_read_manifest(found.manifest)[1]
    except SymbolonError:
        return None


def _upload(place: Workplace, measured: Measured, seal: NewSeal, found: Found, steps: Steps) -> int:
    """The generation that the sealed stream has become."""
    with SealedArchive(place.packing, seal) as archive:
        upload_open(
            found.stream,
            archive,
            size=seal.size,
            if_generation_match=found.stream_generation,
            note=lambda size: steps.show(f"{100 * size // seal.size} %"),
        )
        archive.check_same(measured)
    return int(found.stream.generation)


def _write(terms: OwnerTerms, *, manifest: bytes, keys: bytes | None, found: Found) -> None:
    bucket, model = found.stream.bucket, terms.model.uri
    for uri, data, generation in (
        (manifest_uri(model), manifest, found.manifest_generation),
        (keys_uri(model), keys, found.keys_generation),
    ):
        if data is None:
            continue
        bucket.blob(uri.name).upload_from_string(
            data, content_type=_JSON, if_generation_match=generation, timeout=TIMEOUT_S
        )


def _pin(place: Workplace, measured: Measured, generation: int, release: ReleaseTerms) -> None:
    text = read_text(str(place.folder / workplace.TERMS), what="terms")
    pinned = workplace.pinned(text, sha256=measured.digest, generation=generation)
    whole_files.write(place.folder, {workplace.TERMS: workplace.released(pinned, release)})


def _tell(
    place: Workplace,
    wanted: Sealing,
    found: Found,
    made: tuple[NewSeal, int] | ReleaseTerms | None,
    *,
    done: bool,
    output: str,
) -> ExitCode:
    """What is there, or was made: a new seal with its stream's generation, or terms for the one that is."""
    model = place.terms.model.uri
    pinned = made if isinstance(made, ReleaseTerms) else None
    seal, generation = made if isinstance(made, tuple) else (None, None)
    keeps = done or pinned is not None
    action = "keep" if keeps else "replace" if found.stream_generation else "create"
    locked_out = None if keeps else _locked_out(found)
    if output == "json":
        in_kms = isinstance(wanted.holder, KmsHolder)
        print_json(
            {
                "object": {
                    "action": action,
                    "uri": str(model),
                    "size": None if seal is None else seal.size,
                    "replaces": None if keeps else found.stream_generation or None,
                    "replaces_manifest": locked_out,
                },
                "terms": {
                    "action": "keep" if done else "change",
                    "sha256": wanted.measured.digest,
                    "generation": place.terms.model.generation if keeps else generation,
                    "manifest": _pinned_manifest(place, seal) if keeps or seal is not None else None,
                    "kms": wanted.holder.name if in_kms else None,
                    "broker": None if in_kms else wanted.holder.name,
                    "signed_by": None if wanted.signed_by is None else wanted.signed_by.key_id,
                },
                "done": done or made is not None,
            }
        )
        return ExitCode.YES
    rows = [
        (action, f"{model}, {decimal(wanted.measured.size)}, sealed"),
        (action, str(manifest_uri(model))),
        *_holder_rows(wanted, found, model, action),
    ]
    verb = "keep" if done else "change"
    if pinned is not None:
        rows.append((verb, f"{workplace.TERMS}: the broker's address and pins"))
    elif done or seal is not None:
        rows.append((verb, f"{workplace.TERMS}: manifest {_pinned_manifest(place, seal)}"))
    else:
        rows.append(("change", f"{workplace.TERMS}: the manifest's digest, and the generation that it gets"))
    if wanted.signed_by is not None:
        by = "" if done or wanted.can_sign else ", which --sign-with has to name"
        rows.append(("", f"signed by the key {wanted.signed_by.key_id}{by}"))
    terminal = console()
    terminal.print(printable_lines(columns(rows)))
    if locked_out is not None:
        terminal.print(
            f"warning: an image that was published for the manifest {locked_out} refuses this one; to keep"
            " both, give this model another name, by `model.uri` in terms.toml"
        )
    if done:
        terminal.print("nothing to do: the model is there, sealed, and pinned")
    elif made is None:
        terminal.print("nothing was done: this is the plan")
    return ExitCode.YES


def _holder_rows(wanted: Sealing, found: Found, model: ObjectUri, action: str) -> list[tuple[str, str]]:
    """Who opens it, and what is left that opens it no more."""
    name = wanted.holder.name
    if isinstance(wanted.holder, KmsHolder):
        return [(action, f"{keys_uri(model)}: {name} opens it")]
    rows = [(action, f"{name} has its key, and releases it under a licence")]
    if found.keys_generation:
        rows.append(("", f"{keys_uri(model)} opens nothing any more: remove it"))
    return rows


def _pinned_manifest(place: Workplace, seal: NewSeal | None) -> str:
    if seal is not None:
        return seal.digest
    return "" if place.terms.release is None else place.terms.release.manifest
