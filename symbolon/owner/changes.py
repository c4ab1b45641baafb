"""What an order changes, in plain words: a line of what goes by `-`, one of what comes by `+`."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from attestation.errors import SymbolonError
from contract.approvals import parse_approvals
from contract.licence import Licence, unsafe_read_licence
from contract.licence_templates import Template, parse_templates
from contract.model_keys import parse_model_key
from contract.orders import OrderDocument, Type, parse_epoch, parse_master_key, parse_revocation
from contract.release_refusals import BrokerRefused

from ..rendering import Styled, styled
from .desk import Desk, State
from .licence_words import bound, read_counted, rows_of

_EPOCH: Final = (
    "every licence is void until it is renewed, and what was left of it is used up",
    "every lease ends",
    "orders that were made before are void",
)
_DAY_S: Final = 86_400


def changes(document: OrderDocument, state: State, desk: Desk) -> list[Styled]:
    """What the order changes of what stands now.

    Raises:
        EvidenceRejected: its body is none of its type.
        BrokerRefused, BrokerUnreachable: see there.
    """
    type_ = document.order.type
    new = words_of(type_, document.body)
    old = _old_words(document, state, desk)
    if type_ == "epoch":
        return [styled(f"+ {line}") for line in (*new, *_EPOCH)]
    lines = []
    for line in difflib.ndiff(old, new):
        if line.startswith("? "):
            continue
        style = {"-": "red", "+": "green"}.get(line[0], "dim")
        lines.append(styled((line.rstrip("\n"), style)))
    return lines


def words_of(type_: Type, body: bytes) -> list[str]:
    """A body in words, a line each.

    Raises:
        EvidenceRejected: it is none of that type.
    """
    return list(_WORDS[type_](body))


def _old_words(document: OrderDocument, state: State, desk: Desk) -> list[str]:
    """What stands now in its place, in the same words."""
    type_ = document.order.type
    if type_ == "licence":
        return _licence_words(desk, unsafe_read_licence(document.body).id)
    if type_ in ("revoke", "model"):
        return []
    body = state.documents.get(type_)
    return [] if body is None else words_of(type_, body)


def _licence_words(desk: Desk, id_: str) -> list[str]:
    try:
        said = desk.ask("licence", id_)
    except BrokerRefused as refusal:
        if refusal.code == "licence-unknown":
            return []
        raise
    counted = read_counted(said.get("licence", {}))
    return list(_words_of_licence(counted.licence))


def _policy(body: bytes) -> Iterator[str]:
    """Its usual members in words, and all others as they are: whoever signs it has seen all of it."""
    try:
        document = json.loads(body)
        yield f"provider {document.pop('name')}"
        yield f"issuer {document['oidc'].pop('issuerUri')}"
        mapping, condition = document.pop("attributeMapping"), document.pop("attributeCondition")
        yield from (f"mapping {key} = {each}" for key, each in sorted(mapping.items()))
        yield from (f"asks {clause.strip()}" for clause in condition.split("&&"))
        yield from _members(document)
    except (ValueError, LookupError, TypeError, AttributeError):
        yield "a policy that cannot be read"


def _members(document: dict[str, object], above: str = "") -> Iterator[str]:
    for name, each in sorted(document.items()):
        if isinstance(each, dict):
            yield from _members(each, f"{above}{name}.")
        else:
            yield f"{above}{name} {json.dumps(each)}"


def _template(body: bytes) -> Iterator[str]:
    templates = parse_templates(body)
    if not templates:
        yield "no template: every licence needs the threshold"
    for each in templates:
        yield f"template {each.name}: {_template_words(each)}"


def _template_words(each: Template) -> str:
    first, last = each.versions
    lasts = "any time" if each.lasts_s is None else _length(each.lasts_s)
    parts = [
        f"{each.model_id}, versions {first} {'and later' if last is None else f'to {last}'}",
        "any image" if not each.images else f"images {', '.join(each.images)}",
        "any policy" if each.policy is None else f"under the policy {each.policy}",
        f"runs: {bound(each.runs)}",
        f"pictures: {bound(each.pictures)}",
        f"at once: {bound(each.at_once)}",
        f"for {lasts}, leases to {each.lease_s} s",
    ]
    return "; ".join(parts)


def _length(seconds: int) -> str:
    """All of it: a second that is not shown would be signed unseen."""
    days, rest = divmod(seconds, _DAY_S)
    return f"{days} days" + (f" and {rest} s" if rest else "")


def _approvals(body: bytes) -> Iterator[str]:
    approvals = parse_approvals(body)
    for each in approvals.keys:
        yield f"key {each.key_id} ({each.kind})"
    yield f"{approvals.threshold} of them sign what needs approval"


def _epoch(body: bytes) -> Iterator[str]:
    epoch = parse_epoch(body)
    yield f"epoch {epoch.number} begins after {epoch.size} entries of the log, whose root is {epoch.root}"
    if epoch.restored:
        yield f"it begins after the restore {epoch.restored}, and after no other"


def _licence(body: bytes) -> Iterator[str]:
    yield from _words_of_licence(unsafe_read_licence(body))


def _words_of_licence(licence: Licence) -> Iterator[str]:
    yield from (f"{name}: {words}" for name, words in rows_of(licence))
    yield f"evidence: {licence.evidence}"


def _model(body: bytes) -> Iterator[str]:
    model = parse_model_key(body)
    yield f"the key of {model.model_id}, version {model.version}, manifest {model.manifest}"


_WORDS: Final[dict[Type, Callable[[bytes], Iterator[str]]]] = {
    "policy": _policy,
    "template": _template,
    "approvals": _approvals,
    "master-key": lambda body: iter([f"master key {parse_master_key(body)}"]),
    "epoch": _epoch,
    "licence": _licence,
    "revoke": lambda body: iter([f"the licence {parse_revocation(body)} is revoked"]),
    "model": _model,
}


def changes_document(document: OrderDocument) -> dict[str, Any]:
    """What the order comes to, in words, for a program."""
    try:
        return {"becomes": words_of(document.order.type, document.body)}
    except SymbolonError:
        return {"becomes": []}
