"""What `symbolon owner rotate` does: the model's key wrapped anew, and nothing else touched.

    read `keys.json` → unwrap → wrap by the key's newest version → write `keys.json` under its generation

The stream stays as it is, and so do manifest, terms and image. A second run finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from attestation.digests import Digest
from attestation.errors import ExitCode, Misconfigured
from contract import wrapped_keys
from contract.kms_keys import KmsKey, parse_kms_key
from contract.sealed_model import keys_uri
from contract.sealed_stream import KEY_BYTES
from contract.wrapped_keys import WrappedKey, entry_of, parse_keys, render_keys
from deploy.google_api import GoogleApi
from deploy.key_wrapping import unwrap, wrap

from ..inputs import WrongUsage
from ..rendering import columns, console, print_json, printable_lines
from ..signing_in import member_of, sign_in
from ..steps import Steps
from .model_bucket import TIMEOUT_S, failures, open_blob
from .protect_sealed import read_object
from .workplace import Workplace, open_workplace


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What becomes of one key's entry: `keep`, `wrap` again, `add` or `remove`; `version` is the new
    one's."""

    action: str
    kms: KmsKey
    version: str | None = None


def rotate(
    folder: Path,
    *,
    add: Sequence[KmsKey],
    remove: Sequence[KmsKey],
    plan: bool,
    output: str,
    steps: Steps,
) -> ExitCode:
    """`keys.json` has the model's key wrapped by the newest version of each key that is to open it.

    Raises:
        Misconfigured: the model is not sealed, or the terms' own key is to be removed.
        EvidenceRejected: `keys.json` is another manifest's, or not as this program writes it.
        Denied, Unavailable, ConcurrentChange: as Cloud KMS and Cloud Storage answer.
    """
    place = open_workplace(folder)
    release = place.terms.release
    if release is None:
        raise Misconfigured(
            "the model does not lie sealed, so there is no key to rotate",
            hint="seal it: symbolon owner protect --seal kms=KEY",
        )
    if release.kms is None:
        raise Misconfigured(
            f"the owner's broker `{release.broker}` holds the model's key, and no `keys.json` does",
            hint="the broker's own master key is rotated where it runs: symbolon broker rotate-master DIR",
        )
    ours = parse_kms_key(release.kms, where="`release.kms`")
    if ours in remove:
        raise Misconfigured(
            f"`{ours}` is the key that the terms name: without its entry no image opens the model",
            hint="seal the model with another key first: symbolon owner protect --seal kms=KEY",
        )
    if both := set(add) & set(remove):
        raise WrongUsage(
            f"`{both.pop()}` is to be added and removed", hint="name it once, by --add or by --remove"
        )
    steps.begin("reading the wrapped keys")
    with failures(place.terms):
        blob = open_blob(place.terms).bucket.blob(keys_uri(place.terms.model.uri).name)
        data, generation = read_object(blob, wrapped_keys.MOST_BYTES)
    known = parse_keys(data, manifest=release.manifest)
    steps.begin("asking the key")
    api = sign_in("owner")
    opened = unwrap(api, ours, entry_of(known, ours).wrapped, release.manifest, who=partial(member_of, api))
    if len(opened.key) != KEY_BYTES:
        raise Misconfigured(
            f"`{ours}` opens something that is no key of a model",
            hint="seal the model again: symbolon owner protect",
        )
    changes = _changes(known, ours, add=add, remove=remove, is_newest=opened.by_primary)
    if not plan and any(each.action != "keep" for each in changes):
        steps.begin("wrapping the model's key")
        done = [_wrapped(api, each, opened.key, release.manifest, known) for each in changes]
        changes = [change for change, _ in done]
        entries = tuple(entry for _, entry in done if entry is not None)
        with failures(place.terms):
            blob.upload_from_string(
                render_keys(release.manifest, entries),
                content_type="application/json",
                if_generation_match=generation,
                timeout=TIMEOUT_S,
            )
    steps.pause()
    return _tell(place, changes, plan=plan, output=output)


def _changes(
    known: Sequence[WrappedKey],
    ours: KmsKey,
    *,
    add: Sequence[KmsKey],
    remove: Sequence[KmsKey],
    is_newest: bool,
) -> list[Change]:
    """What becomes of each entry. Another key's is kept, and wrapped again where it is to be added."""
    there = {each.kms for each in known}
    changes = []
    for kms in sorted(there, key=str):
        again = (kms == ours and not is_newest) or kms in add
        changes.append(Change(action="remove" if kms in remove else "wrap" if again else "keep", kms=kms))
    return changes + [Change(action="add", kms=kms) for kms in dict.fromkeys(add) if kms not in there]


def _wrapped(
    api: GoogleApi, change: Change, key: bytes, manifest: Digest, known: Sequence[WrappedKey]
) -> tuple[Change, WrappedKey | None]:
    """The change with the version that wrapped it, and the entry that it comes to."""
    if change.action == "remove":
        return change, None
    if change.action == "keep":
        return change, next(each for each in known if each.kms == change.kms)
    wrapped = wrap(api, change.kms, key, manifest, who=partial(member_of, api))
    return replace(change, version=wrapped.version), WrappedKey(kms=change.kms, wrapped=wrapped.wrapped)


def _tell(place: Workplace, changes: Sequence[Change], *, plan: bool, output: str) -> ExitCode:
    changed = any(each.action != "keep" for each in changes)
    uri = keys_uri(place.terms.model.uri)
    if output == "json":
        print_json(
            {
                "object": {"action": "change" if changed else "keep", "uri": str(uri)},
                "keys": [
                    {"action": each.action, "kms": str(each.kms), "version": each.version} for each in changes
                ],
                "done": not plan or not changed,
            }
        )
        return ExitCode.YES
    rows = [
        (each.action, str(each.kms) + (f", version {each.version}" if each.version else ""))
        for each in changes
    ]
    terminal = console()
    terminal.print(printable_lines(columns(rows)))
    if not changed:
        terminal.print("nothing to do: the newest version of the key has wrapped the model's")
    elif plan:
        terminal.print("nothing was done: this is the plan")
    else:
        terminal.print(
            printable_lines(f"{uri} is written; the model, its manifest and the terms are as they were")
        )
        if any(each.action == "wrap" for each in changes):
            terminal.print(
                "once no other copy of keys.json is needed, older versions of the key may be disabled"
            )
    return ExitCode.YES
