"""Jobs whose model lies sealed in front of the emulator, under a key of the owner's in its Cloud KMS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from attestation.digests import Digest
from contract.kms_keys import KmsKey
from contract.release_terms import ReleaseTerms
from contract.terms import parse_terms, render_terms
from contract.wrapped_keys import WrappedKey, render_keys
from deploy.key_wrapping import wrap
from tests.kms_keys import Key
from tests.sealed_models import sealed
from tests.workload.canaries import KEY
from tests.workload.jobs import Job, Stage


def sealed_job(
    stage: Stage,
    key: Key,
    *,
    named: KmsKey | None = None,
    opens: KmsKey | None = None,
    wrapped_for: Digest | None = None,
    replaced: Mapping[str, bytes] | None = None,
    stored: Callable[[bytes], bytes] = bytes,
    **job: Any,
) -> Job:
    """A job whose model lies sealed: `key` has wrapped the model's, which is the canary `KEY`.

    `named` is the key that the terms name, `opens` the one that `keys.json` says it is for, `wrapped_for` the
    manifest that it was wrapped for, `replaced` has other objects by their suffix, and `stored` makes of the
    sealed stream what lies in the bucket.
    """
    it = sealed(stage.model, key=KEY.encode())
    wrapped = wrap(key.api, key.kms, it.key, wrapped_for or it.digest).wrapped
    entry = WrappedKey(kms=opens or key.kms, wrapped=wrapped)
    written = {"manifest.json": it.manifest, "keys.json": render_keys(it.digest, (entry,))}
    edit = job.pop("edit", str)

    def release(text: str) -> str:
        terms = parse_terms(edit(text))
        for suffix, data in {**written, **(replaced or {})}.items():
            stage.models.blob(f"{terms.model.uri.name}.{suffix}").upload_from_string(data)
        pinned = ReleaseTerms(manifest=it.digest, kms=str(named or key.kms))
        return render_terms(replace(terms, release=pinned))

    return stage.job(uploaded=stored(it.stream), edit=release, hasty=True, **job)
