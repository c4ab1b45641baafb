"""Who holds the key of a sealed model: Cloud KMS, which wraps it beside the model, or the owner's broker.

KmsHolder      the data key lies wrapped in `keys.json`; the terms name the key that unwraps it
BrokerHolder   the data key goes to the broker by an order; nothing of it lies in the bucket
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from attestation.digests import Digest
from attestation.errors import Misconfigured, SymbolonError
from contract.dsse import PublicKey
from contract.kms_keys import KmsKey
from contract.model_keys import render_model_key, seal_model_key
from contract.release_refusals import BrokerRefused
from contract.release_terms import ReleaseTerms
from contract.wrapped_keys import WrappedKey, entry_of, parse_keys, render_keys
from deploy.key_wrapping import wrap

from ..signing_in import member_of, sign_in
from .desk import Desk
from .sealing import NewSeal

_TRIES = 3


class KeyHolder(Protocol):
    """Whoever opens the model. `name` is for people."""

    @property
    def name(self) -> str: ...

    def is_named(self, release: ReleaseTerms) -> bool:
        """Whether the terms name this one, be it with an older address."""

    def holds(self, manifest: Digest, keys: bytes) -> bool:
        """Whether it can open the model of that manifest; `keys` is the `keys.json` that is there."""

    def hand_over(self, seal: NewSeal) -> bytes | None:
        """It holds the seal's key; what becomes of `keys.json`, None where none is needed."""

    def terms(self, manifest: Digest, signed_by: PublicKey | None) -> ReleaseTerms:
        """What the terms say of a model that it opens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KmsHolder:
    """A key of Cloud KMS."""

    kms: KmsKey

    @property
    def name(self) -> str:
        return str(self.kms)

    def is_named(self, release: ReleaseTerms) -> bool:
        return release.kms == str(self.kms)

    def holds(self, manifest: Digest, keys: bytes) -> bool:
        try:
            entry_of(parse_keys(keys, manifest=manifest), self.kms)
        except SymbolonError:
            return False
        return True

    def hand_over(self, seal: NewSeal) -> bytes:
        """Raises: as `deploy.key_wrapping.wrap`."""
        api = sign_in("owner")
        wrapped = wrap(api, self.kms, seal.key, seal.digest, who=partial(member_of, api))
        return render_keys(seal.digest, (WrappedKey(kms=self.kms, wrapped=wrapped.wrapped),))

    def terms(self, manifest: Digest, signed_by: PublicKey | None) -> ReleaseTerms:
        return ReleaseTerms(
            manifest=manifest, kms=str(self.kms), signed_by=None if signed_by is None else signed_by.text
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerHolder:
    """The owner's broker, at whose desk the owner's key orders."""

    desk: Desk = field(repr=False)

    @property
    def name(self) -> str:
        return self.desk.broker.url

    def is_named(self, release: ReleaseTerms) -> bool:
        return release.broker_key == self.desk.broker.key.text

    def holds(self, manifest: Digest, keys: bytes) -> bool:
        """Raises: as `Desk.ask`."""
        return manifest in self.desk.models()

    def hand_over(self, seal: NewSeal) -> None:
        """Raises: as `Desk.send`; Misconfigured where one key alone may not hand a model over."""
        manifest, broker = seal.manifest, self.desk.broker.key.key_id
        for last in range(_TRIES):
            state = self.desk.state()
            body = render_model_key(
                seal_model_key(
                    seal.key,
                    intake=state.intake,
                    broker=broker,
                    manifest=seal.digest,
                    model_id=manifest.model_id,
                    version=manifest.version,
                )
            )
            try:
                self.desk.send(self.desk.make("model", body, state=state, old=None))
            except BrokerRefused as refusal:
                if refusal.code != "order-out-of-turn" or last == _TRIES - 1:
                    raise
                continue
            return

    def terms(self, manifest: Digest, signed_by: PublicKey | None) -> ReleaseTerms:
        broker = self.desk.broker
        return ReleaseTerms(
            manifest=manifest,
            broker=broker.url,
            broker_key=broker.key.text,
            broker_pins=broker.pins,
            signed_by=None if signed_by is None else signed_by.text,
        )


def signing_key_missing() -> Misconfigured:
    """The failure of a run that would have to sign the manifest, and has no key."""
    return Misconfigured(
        "the terms name the owner's key, and the model is to be sealed anew: its manifest needs signing",
        hint="name the key: --sign-with FILE",
    )
