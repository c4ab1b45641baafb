"""What `symbolon owner licence issue|renew|transfer|revoke` do: a licence is signed, and ordered.

    what stands → the licence, signed → within a template, or signed by enough → the broker has it → its file

The licence's file is for its holder, who launches with its name, and with its secret finds their own entries
in the broker's log. It opens no model.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from attestation.digests import Digest, digest_of
from attestation.errors import ExitCode, Misconfigured
from contract.licence import DEFAULT_LEASE_S, Holder, Licence, next_of, sign_licence
from contract.orders import OrderDocument, render_revocation
from contract.release import is_name
from contract.release_log import SECRET_BYTES
from contract.release_refusals import BrokerRefused
from contract.terms import ScaleMissing, parse_terms

from .. import whole_files
from ..brokers import TERMS
from ..inputs import WrongUsage, read_text
from ..rendering import console, print_json
from .desk import Desk, State
from .licence_words import Counted, document_of, read_counted, rows_of
from .ordering import Outcome, send_or_keep, tell

CURRENT = "current"
_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What was typed of a licence; None is what was not, and `unbound` names the bounds that are to go."""

    model_id: str | None = None
    versions: tuple[int, int | None] | None = None
    accounts: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    images: tuple[Digest, ...] = ()
    policy: str | None = None
    starts_at: int | None = None
    ends_at: int | None = None
    runs: int | None = None
    pictures: int | None = None
    at_once: int | None = None
    lease_s: int | None = None
    unbound: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where a licence's file goes; `is_earlier` is one that another took the place of."""

    folder: Path
    licence: Licence
    envelope: bytes
    is_earlier: bool = False

    @property
    def name(self) -> str:
        serial = f"-{self.licence.serial}" if self.is_earlier else ""
        return f"licence-{self.licence.id}{serial}.json"

    def write(self) -> Path:
        """The file has the licence, for its owner's eyes and the holder's."""
        whole_files.write(self.folder, {self.name: self.envelope.decode()})
        path = self.folder / self.name
        path.chmod(0o600)
        return path


def issue(desk: Desk, bounds: Bounds, *, id_: str | None, folder: Path, output: str) -> ExitCode:
    """The broker has a new licence, and the folder its file; or an order waits for signatures.

    With the `id_` of one that is there and says the same, there is nothing to do.

    Raises:
        WrongUsage: it names no holder, or neither an image nor a policy.
        Misconfigured: one of that name is there, and says something else.
        BrokerRefused, BrokerUnreachable: see there.
    """
    if not (bounds.accounts or bounds.projects):
        raise WrongUsage(
            "the licence names no holder", hint="give --to-account EMAIL, or --to-project PROJECT"
        )
    if not (bounds.images or bounds.policy):
        raise WrongUsage(
            "the licence names neither an image nor a policy",
            hint="give --image DIGEST, or --policy current for whatever the broker's policy admits",
        )
    state = desk.state()
    new = Licence(
        id=secrets.token_hex(16) if id_ is None else _named(id_),
        serial=1,
        model_id=bounds.model_id or _model_of_terms(),
        versions=bounds.versions or (1, None),
        holder=Holder(service_accounts=bounds.accounts, projects=bounds.projects),
        images=bounds.images,
        policy=_policy(bounds.policy, state),
        evidence="confidential-space",
        starts_at=desk.at if bounds.starts_at is None else bounds.starts_at,
        ends_at=bounds.ends_at,
        runs=bounds.runs,
        pictures=bounds.pictures,
        at_once=bounds.at_once,
        lease_s=bounds.lease_s or DEFAULT_LEASE_S,
        issued_at=desk.at,
        secret=os.urandom(SECRET_BYTES),
    )
    if id_ is not None and (there := _find(desk, new.id)) is not None:
        return _there_already(there, new, folder, output=output, says_start=bounds.starts_at is not None)
    return _order(desk, new, None, folder, output=output)


def renew(desk: Desk, id_: str, bounds: Bounds, *, reinstate: bool, folder: Path, output: str) -> ExitCode:
    """The licence says what was typed, and all else as before; what is used of it stays used.

    Raises:
        Misconfigured: the broker has no such licence, or it is revoked and nobody said `reinstate`.
        BrokerRefused, BrokerUnreachable: see there.
    """
    counted = _get(desk, id_)
    was = counted.licence
    if counted.revoked_at is not None and not reinstate:
        raise Misconfigured(
            "the licence is revoked, and a renewal would bring it back", hint="say so: --reinstate"
        )
    policy = was.policy if bounds.policy is None else _policy(bounds.policy, desk.state())
    changed = replace(
        was,
        versions=bounds.versions or was.versions,
        images=bounds.images or was.images,
        policy=None if "policy" in bounds.unbound else policy,
        lease_s=bounds.lease_s or was.lease_s,
        ends_at=_or("ends_at", bounds, was),
        runs=_or("runs", bounds, was),
        pictures=_or("pictures", bounds, was),
        at_once=_or("at_once", bounds, was),
    )
    if changed == was and counted.revoked_at is None:
        return _nothing_to_do(was, output=output)
    return _order(desk, next_of(changed, issued_at=desk.at), counted, folder, output=output)


def transfer(
    desk: Desk, id_: str, *, accounts: tuple[str, ...], projects: tuple[str, ...], folder: Path, output: str
) -> ExitCode:
    """The licence is another holder's, with what is left of it, and a secret that the last one does not know.

    What opens the log's entries until then stays in a file beside the new one.

    Raises:
        WrongUsage: nobody is named.
        Misconfigured: the broker has no such licence, or it is revoked.
        BrokerRefused, BrokerUnreachable: see there.
    """
    if not (accounts or projects):
        raise WrongUsage("nobody is named", hint="give --to-account EMAIL, or --to-project PROJECT")
    counted = _get(desk, id_)
    if counted.revoked_at is not None:
        raise Misconfigured("the licence is revoked", hint="issue another one")
    holder = Holder(service_accounts=tuple(sorted(accounts)), projects=tuple(sorted(projects)))
    if counted.licence.holder == holder:
        return _nothing_to_do(counted.licence, output=output)
    Kept(folder=folder, licence=counted.licence, envelope=counted.envelope, is_earlier=True).write()
    changed = replace(counted.licence, holder=holder, secret=os.urandom(SECRET_BYTES))
    return _order(desk, next_of(changed, issued_at=desk.at), counted, folder, output=output)


def revoke(desk: Desk, id_: str, *, output: str) -> ExitCode:
    """Nothing is released under the licence any more; what runs ends with its lease.

    Raises:
        Misconfigured: the broker has no such licence.
        BrokerRefused, BrokerUnreachable: see there.
    """
    counted = _get(desk, id_)
    if counted.revoked_at is not None:
        return _nothing_to_do(counted.licence, output=output)
    body, old = render_revocation(counted.licence.id), digest_of(counted.envelope)

    def make(state: State) -> OrderDocument:
        return desk.make("revoke", body, state=state, old=old)

    outcome = _in_turn(desk, make)
    rows = [("revoke", counted.licence.id)]
    if counted.running:
        rows.append(("", f"{counted.running} running: each ends within {counted.licence.lease_s} s"))
    return tell(outcome, rows, output=output, licence=counted.licence.id, running=counted.running)


def _order(desk: Desk, licence: Licence, was: Counted | None, folder: Path, *, output: str) -> ExitCode:
    envelope = sign_licence(licence, desk.key)
    old = None if was is None else digest_of(was.envelope)

    def make(state: State) -> OrderDocument:
        return desk.make("licence", envelope, state=state, old=old)

    outcome = _in_turn(desk, make)
    file = Kept(folder=folder, licence=licence, envelope=envelope).write()
    rows = [*rows_of(licence), ("file", f"{file}, for its holder")]
    return tell(outcome, rows, output=output, licence=document_of(licence), licence_file=str(file))


def _in_turn(desk: Desk, make: Any) -> Outcome:
    """The order is made and sent; anew where another of its type came between."""
    for last in range(_TRIES):
        state = desk.state()
        try:
            return send_or_keep(desk, make(state), state)
        except BrokerRefused as refusal:
            if refusal.code != "order-out-of-turn" or last == _TRIES - 1:
                raise
    raise AssertionError("the last try returns or raises")


def _find(desk: Desk, id_: str) -> Counted | None:
    try:
        return read_counted(desk.ask("licence", id_).get("licence", {}))
    except BrokerRefused as refusal:
        if refusal.code == "licence-unknown":
            return None
        raise


def _get(desk: Desk, id_: str) -> Counted:
    found = _find(desk, _named(id_))
    if found is None:
        raise Misconfigured(
            f"the broker has no licence `{id_}`", hint="symbolon owner licence list shows those that it has"
        )
    return found


def _named(id_: str) -> str:
    if not is_name(id_):
        raise WrongUsage("a licence is named by 32 hex digits", hint="symbolon owner licence list shows them")
    return id_


def _there_already(
    there: Counted, wanted: Licence, folder: Path, *, output: str, says_start: bool
) -> ExitCode:
    was = there.licence
    same = replace(
        wanted,
        serial=was.serial,
        issued_at=was.issued_at,
        secret=was.secret,
        starts_at=wanted.starts_at if says_start else was.starts_at,
        images=tuple(sorted(wanted.images)),
        holder=Holder(
            service_accounts=tuple(sorted(wanted.holder.service_accounts)),
            projects=tuple(sorted(wanted.holder.projects)),
        ),
    )
    if same != was or there.revoked_at is not None:
        raise Misconfigured(
            f"the licence `{was.id}` is there, and says something else or is revoked",
            hint="look at it: symbolon owner licence show; change it: symbolon owner licence renew",
        )
    Kept(folder=folder, licence=was, envelope=there.envelope).write()
    return _nothing_to_do(was, output=output)


def _nothing_to_do(licence: Licence, *, output: str) -> ExitCode:
    if output == "json":
        print_json({"licence": document_of(licence), "order": None, "done": True})
    else:
        console().print(f"nothing to do: that is what the broker has of {licence.id}")
    return ExitCode.YES


def _model_of_terms() -> str:
    if not Path(TERMS).is_file():
        raise WrongUsage("no model is named", hint="give --model ID, or go to the folder that has terms.toml")
    try:
        return parse_terms(read_text(TERMS, what="terms")).model.uri.name
    except ScaleMissing as incomplete:
        return incomplete.unscaled.model.uri.name


def _policy(named: str | None, state: State) -> Digest | None:
    if named != CURRENT:
        return None if named is None else Digest(named)
    digest = state.digest("policy")
    if digest is None:
        raise Misconfigured(
            "the broker has no policy yet", hint="order it: symbolon owner order policy policy.toml"
        )
    return digest


def _or(name: str, bounds: Bounds, was: Licence) -> int | None:
    """The bound as it was typed, else as it was; None where it is to go."""
    if name in bounds.unbound:
        return None
    typed: int | None = getattr(bounds, name)
    before: int | None = getattr(was, name)
    return before if typed is None else typed
