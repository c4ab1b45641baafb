"""What `symbolon owner protect` does with a model that lies sealed: its three objects, and the terms.

    look at the bucket → nothing, or: wrap a new key → stream → manifest → `keys.json` → `terms.toml`

A second run finds nothing to do. One that was stopped before the terms were written begins anew, with
another key: what it left in the bucket is overwritten, and no terms ever named it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from google.api_core.exceptions import NotFound
from google.cloud import storage

from attestation.errors import ExitCode, Misconfigured, SymbolonError
from contract import wrapped_keys
from contract.dsse import PrivateKey, PublicKey, parse_public_key, public_key_of
from contract.kms_keys import KmsKey
from contract.sealed_model import (
    keys_uri,
    manifest_uri,
    open_manifest,
    sign_manifest,
    unsafe_read_manifest,
)
from contract.terms import OwnerTerms, ReleaseTerms
from contract.wrapped_keys import WrappedKey, entry_of, parse_keys, render_keys
from deploy.key_wrapping import wrap

from .. import whole_files
from ..inputs import read_text
from ..rendering import columns, console, print_json, printable_lines
from ..signing_in import member_of, sign_in
from ..steps import Steps
from . import workplace
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
    """What is to be: the archive under that key, signed by that one, which `can_sign` now or not."""

    measured: Measured
    kms: KmsKey
    signed_by: PublicKey | None
    can_sign: bool


def protect_sealed(
    place: Workplace,
    measured: Measured,
    kms: KmsKey,
    key: PrivateKey | None,
    *,
    plan: bool,
    output: str,
    steps: Steps,
) -> ExitCode:
    """The bucket has the model sealed, `kms` can open it, and the terms pin it; or, of a `plan`, what that
    takes.

    Raises: as `protect`; and as `deploy.key_wrapping.wrap`.
    """
    was = place.terms.release
    signed_by = public_key_of(key) if key is not None else None
    if signed_by is None and was is not None and was.signed_by is not None:
        signed_by = parse_public_key(was.signed_by, where="`release.signed_by`")
    wanted = Sealing(measured=measured, kms=kms, signed_by=signed_by, can_sign=key is not None)
    steps.begin("looking at the bucket")
    with failures(place.terms):
        found = _look(place.terms)
    done = _is_done(place.terms, wanted, found)
    if plan or done:
        steps.pause()
        return _tell(place, wanted, found, None, done=done, output=output)
    if signed_by is not None and key is None:
        raise Misconfigured(
            "the terms name the owner's key, and the model is to be sealed anew: its manifest needs signing",
            hint="name the key: --sign-with FILE",
        )
    seal = new_seal(
        place.packing, measured, model_id=place.terms.model.uri.name, version=_next_version(found)
    )
    steps.begin("wrapping the model's key")
    api = sign_in("owner")
    wrapped = wrap(api, kms, seal.key, seal.digest, who=partial(member_of, api))
    steps.begin(f"uploading {seal.size / 1e6:,.0f} MB,")
    with failures(place.terms):
        generation = _upload(place, measured, seal, found, steps)
        _write(
            place.terms,
            manifest=(seal.payload if key is None else sign_manifest(seal.payload, key)),
            keys=render_keys(seal.digest, (WrappedKey(kms=kms, wrapped=wrapped.wrapped),)),
            found=found,
        )
    release = ReleaseTerms(
        manifest=seal.digest, kms=str(kms), signed_by=None if signed_by is None else signed_by.text
    )
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


def _is_done(terms: OwnerTerms, wanted: Sealing, found: Found) -> bool:
    """Whether terms and bucket are as they are wanted to be."""
    release, signed_by = terms.release, wanted.signed_by
    if release is None or not found.stream_generation:
        return False
    asked = (str(wanted.kms), None if signed_by is None else signed_by.text)
    if (release.kms, release.signed_by) != asked or terms.model.generation != found.stream_generation:
        return False
    try:
        manifest = open_manifest(found.manifest, pinned=release.manifest, signed_by=signed_by)
        entry_of(parse_keys(found.keys, manifest=release.manifest), wanted.kms)
    except SymbolonError:
        return False
    same = manifest.digest == wanted.measured.digest == terms.model.sha256
    return same and found.stream.size == manifest.layout.sealed_size


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


def _write(terms: OwnerTerms, *, manifest: bytes, keys: bytes, found: Found) -> None:
    bucket, model = found.stream.bucket, terms.model.uri
    for uri, data, generation in (
        (manifest_uri(model), manifest, found.manifest_generation),
        (keys_uri(model), keys, found.keys_generation),
    ):
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
    made: tuple[NewSeal, int] | None,
    *,
    done: bool,
    output: str,
) -> ExitCode:
    model = place.terms.model.uri
    action = "keep" if done else "replace" if found.stream_generation else "create"
    locked_out = None if done else _locked_out(found)
    seal, generation = made if made is not None else (None, None)
    if output == "json":
        print_json(
            {
                "object": {
                    "action": action,
                    "uri": str(model),
                    "size": None if seal is None else seal.size,
                    "replaces": None if done else found.stream_generation or None,
                    "replaces_manifest": locked_out,
                },
                "terms": {
                    "action": "keep" if done else "change",
                    "sha256": wanted.measured.digest,
                    "generation": place.terms.model.generation if done else generation,
                    "manifest": _pinned_manifest(place, seal) if done or seal is not None else None,
                    "kms": str(wanted.kms),
                    "signed_by": None if wanted.signed_by is None else wanted.signed_by.key_id,
                },
                "done": done or made is not None,
            }
        )
        return ExitCode.YES
    size = wanted.measured.size / 1e6
    rows = [
        (action, f"{model}, {size:,.1f} MB, sealed"),
        (action, str(manifest_uri(model))),
        (action, f"{keys_uri(model)}: {wanted.kms} opens it"),
    ]
    if done or seal is not None:
        verb = "keep" if done else "change"
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


def _pinned_manifest(place: Workplace, seal: NewSeal | None) -> str:
    if seal is not None:
        return seal.digest
    return "" if place.terms.release is None else place.terms.release.manifest
