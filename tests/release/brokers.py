"""A broker in a database, and the machine that asks it: what its tests change one thing of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Engine, func, insert, select, update

from attestation.digests import Digest, digest_of
from attestation.errors import EvidenceRejected
from attestation.issuer import ISSUER
from contract.checkpoint import verify_logged
from contract.dsse import public_key_of
from contract.licence import Holder, Licence, sign_licence
from contract.release import (
    Call,
    Release,
    ReleaseRequest,
    audience_of,
    nonce_of,
    open_key,
    parse_challenge,
    parse_release,
    parse_request,
    render_call,
    render_request,
)
from contract.release_refusals import BrokerRefused
from release.broker import Broker, TokenRules, model_context
from release.log.publishing import Publisher
from release.releasing import issue_challenge, release
from release.store import schema
from release.store.engine import reading, writing
from tests.attestation.signing import intermediate_plan, leaf_plan, root_plan, rsa_key, signed, x5c_of
from tests.tokens import production_claims

NOW: Final = 1_800_000_000
IMAGE: Final = Digest("sha256:" + "a" * 64)
MANIFEST: Final = Digest("sha256:" + "5" * 64)
OTHER: Final = Digest("sha256:" + "0" * 64)
LICENCE_ID: Final = "1" * 32
MODEL_ID: Final = "primus/classifier"
DATA_KEY: Final = b"k" * 32
CONDITION: Final = (
    'assertion.swname == "CONFIDENTIAL_SPACE"'
    f' && assertion.submods.container.image_digest == "{IMAGE}"'
    ' && assertion.dbgstat == "disabled-since-boot"'
)
IDENTITY: Final = Ed25519PrivateKey.from_private_bytes(b"i" * 32)
INTAKE: Final = X25519PrivateKey.from_private_bytes(b"t" * 32)
OWNER: Final = Ed25519PrivateKey.from_private_bytes(b"o" * 32)

NOTHING: Final = {"runs": 0, "pictures": 0, "releases": 0, "renewals": 0, "entries": 0}
ONE: Final = {"runs": 1, "pictures": 10, "releases": 1, "renewals": 0, "entries": 1}

Json = Mapping[str, object]


class TestMaster:
    """A master key that everybody knows."""

    __test__ = False
    _key = AESGCM(b"m" * 32)

    def wrap(self, data: bytes, associated: bytes) -> bytes:
        return self._key.encrypt(b"\0" * 12, data, associated)

    def unwrap(self, wrapped: bytes, associated: bytes) -> bytes:
        try:
            return self._key.decrypt(b"\0" * 12, wrapped, associated)
        except InvalidTag:
            raise EvidenceRejected("another key wrapped it") from None

    def is_current(self, wrapped: bytes) -> bool:
        return True


def clock_at(now: float) -> Callable[[], float]:
    """A clock that stands."""
    return lambda: now


@cache
def root() -> x509.Certificate:
    return root_plan().make()


@cache
def x5c() -> list[object]:
    """The platform's certificates, the leaf first."""
    return x5c_of(leaf_plan().make(), intermediate_plan().make(), root())


def policy_text(condition: str = CONDITION, **changes: object) -> bytes:
    """The provider, as its owner hands it to the broker."""
    document = {
        "name": "projects/1/locations/global/workloadIdentityPools/pool/providers/prov",
        "oidc": {"issuerUri": ISSUER},
        "attributeMapping": {"google.subject": "assertion.sub"},
        "attributeCondition": condition,
    }
    return json.dumps(document | changes).encode()


def licence_of(**changes: Any) -> Licence:
    """A licence without bounds, for the machine of `tests.tokens`."""
    licence = Licence(
        id=LICENCE_ID,
        serial=1,
        model_id=MODEL_ID,
        versions=(1, None),
        holder=Holder(service_accounts=("workload-sa@secundus.iam.gserviceaccount.com",)),
        images=(IMAGE,),
        policy=None,
        evidence="confidential-space",
        starts_at=NOW - 1000,
        ends_at=None,
        runs=None,
        pictures=None,
        at_once=None,
        lease_s=3600,
        issued_at=NOW - 1000,
        secret=b"s" * 32,
    )
    return replace(licence, **changes)


def claims_for(
    request: bytes, *, broker: Digest, at: int = NOW, instance: str = "", **changes: object
) -> Json:
    """What the platform says of a machine that asks for a token for this request."""
    claims = production_claims(
        aud=audience_of(broker), eat_nonce=nonce_of(request), iat=at, nbf=at, exp=at + 3600
    )
    if instance:
        claims["submods"]["gce"]["instance_id"] = instance
    return claims | changes


def token_of(claims: Json) -> str:
    """The claims in a token that leads to `root`."""
    return signed({"alg": "RS256", "x5c": x5c()}, claims, rsa_key("leaf"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One machine's question to a broker, and the key that opens its answer."""

    private: X25519PrivateKey
    request: bytes
    call: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A broker, and what a test does to it and asks of it."""

    broker: Broker

    def challenge(self, now: float = NOW) -> str:
        return parse_challenge(issue_challenge(self.broker, now)).challenge

    def ask(
        self,
        now: int = NOW,
        *,
        challenge: str | None = None,
        claims: Json | None = None,
        instance: str = "",
        **changes: Any,
    ) -> Asking:
        """A question at that time; `changes` are the request's, `claims` the token's."""
        private = X25519PrivateKey.generate()
        request = ReleaseRequest(
            broker=self.broker.digest,
            challenge=self.challenge(now) if challenge is None else challenge,
            public_key=private.public_key().public_bytes_raw(),
            licence=LICENCE_ID,
            manifest=MANIFEST,
            purpose="release",
            lease=None,
            pictures=10,
        )
        text = render_request(replace(request, **changes))
        said = claims_for(text, broker=self.broker.digest, at=now, instance=instance, **(claims or {}))
        call = render_call(Call(request=text, token=token_of(said)))
        return Asking(private=private, request=text, call=call)

    def release(self, now: int = NOW, **how: Any) -> Release:
        """The broker's answer to such a question: its key is the model's, its entry in the log."""
        asking = self.ask(now, **how)
        return self.answer(asking, now)

    def answer(self, asking: Asking, now: int = NOW) -> Release:
        return self.opened(asking, parse_release(release(self.broker, asking.call, clock_at(now))))

    def opened(self, asking: Asking, answer: Release) -> Release:
        """The answer: the model's key opens for who asked, and the log has it."""
        if answer.sealed is not None:
            assert open_key(answer.sealed, asking.private, request=asking.request) == DATA_KEY
        verify_logged(answer.logged, public_key_of(IDENTITY))
        return answer

    def renew(self, lease: str, now: int = NOW, **how: Any) -> Release:
        return self.release(now, purpose="renew", lease=lease, pictures=0, **how)

    def license(self, **changes: Any) -> Licence:
        """The licence, changed; what is used of it stays."""
        licence = licence_of(**changes)
        values = {"serial": licence.serial, "envelope": sign_licence(licence, OWNER)}
        licences = schema.licences
        with writing(self.broker.engine) as connection:
            found = connection.execute(
                update(licences).where(licences.c.id == licence.id).values(values)
            ).rowcount
            if not found:
                connection.execute(
                    insert(licences).values(id=licence.id, runs_used=0, pictures_used=0, **values)
                )
        return licence

    def revoke(self, at: int = NOW) -> None:
        with writing(self.broker.engine) as connection:
            connection.execute(update(schema.licences).values(revoked_at=at))

    def set_policy(self, body: bytes) -> Digest:
        documents, digest = schema.documents, digest_of(body)
        with writing(self.broker.engine) as connection:
            connection.execute(documents.delete().where(documents.c.kind == schema.POLICY))
            connection.execute(
                insert(documents).values(kind=schema.POLICY, name=schema.CURRENT, digest=digest, body=body)
            )
        return digest

    def add_model(self, manifest: Digest = MANIFEST, model_id: str = MODEL_ID, version: int = 1) -> None:
        wrapped = self.broker.master.wrap(DATA_KEY, model_context(manifest))
        with writing(self.broker.engine) as connection:
            connection.execute(
                insert(schema.models).values(
                    manifest=manifest, model_id=model_id, version=version, wrapped=wrapped
                )
            )

    def counts(self) -> dict[str, int]:
        """What has to be the same, always: runs counted, releases stored, entries of them; and pictures."""
        licences, releases, entries = schema.licences, schema.releases, schema.log_entries
        with reading(self.broker.engine) as connection:
            used = connection.execute(
                select(func.sum(licences.c.runs_used), func.sum(licences.c.pictures_used))
            ).one()
            stored = connection.execute(select(releases.c.purpose)).scalars().all()
            logged = connection.execute(select(func.count()).select_from(entries)).scalar_one()
        return {
            "runs": int(used[0] or 0),
            "pictures": int(used[1] or 0),
            "releases": stored.count("release"),
            "renewals": stored.count("renew"),
            "entries": int(logged),
        }

    def believing(self, mode: Any) -> World:
        """The same broker, where another platform is believed."""
        tokens = TokenRules(root=self.broker.tokens.root, mode=mode)
        return World(broker=replace(self.broker, tokens=tokens))


def make_broker(engine: Engine) -> Broker:
    return Broker(
        engine=engine,
        identity=IDENTITY,
        intake=INTAKE,
        master=TestMaster(),
        tokens=TokenRules(root=root(), mode="production"),
        log=Publisher(engine, IDENTITY),
    )


def make_world(engine: Engine, **licence: Any) -> World:
    """A broker in an empty database, with the policy, the model and the licence."""
    world = World(broker=make_broker(engine))
    world.set_policy(policy_text())
    world.add_model()
    world.license(**licence)
    return world


def refused(
    world: World, code: str, asking: Asking | None = None, now: int = NOW, **how: Any
) -> BrokerRefused:
    """The refusal, which counted nothing."""
    before = world.counts()
    asking = world.ask(now, **how) if asking is None else asking
    with pytest.raises(BrokerRefused) as caught:
        release(world.broker, asking.call, clock_at(now))
    assert caught.value.code == code, caught.value.message
    assert world.counts() == before
    return caught.value


def challenge_of(asking: Asking) -> str:
    return parse_request(asking.request).challenge
