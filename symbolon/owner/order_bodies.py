"""What is ordered, made of the files that an owner has: a policy, templates, public keys."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attestation.digests import parse_digest
from attestation.errors import Misconfigured, quoted
from contract.approvals import make_approvals, render_approvals
from contract.canonical import render_canonical
from contract.formats import check_format
from contract.licence import LONGEST_LEASE_S
from contract.licence_templates import Template, check_template, render_templates
from contract.orders import Epoch, render_epoch
from policy.provider import Provider

from ..inputs import read_text
from ..policies import read_policies
from .desk import State
from .signing_keys import read_public_key

_DAY_S: Final = 86_400
_HINT: Final = "docs/how-to/approve-a-change.md has a file of templates"
_KEYS: Final = frozenset(
    ("model", "first", "last", "images", "policy", "runs", "pictures", "at_once", "days", "lease_s")
)


def policy_body(name: str) -> bytes:
    """The policy in the file, as the broker asks it: one provider in Google's JSON.

    Raises:
        Misconfigured: it is none, is a condition alone, or several.
    """
    _, policies = read_policies(name)
    if len(policies) != 1 or policies[0].provider is None:
        raise Misconfigured(
            f"{quoted(name)} is not the policy of one provider",
            hint="name a policy file (policy.toml), or a provider as gcloud describes it",
        )
    return render_canonical(_document(policies[0].provider))


def _document(provider: Provider) -> dict[str, object]:
    oidc: dict[str, object] = {"issuerUri": provider.issuer}
    if provider.allowed_audiences:
        oidc["allowedAudiences"] = list(provider.allowed_audiences)
    return {
        "name": provider.name,
        "oidc": oidc,
        "attributeMapping": dict(provider.mapping.expressions),
        "attributeCondition": provider.condition,
        "disabled": provider.disabled,
    }


def templates_body(name: str) -> bytes:
    """The templates in the file, a table each.

    Raises:
        Misconfigured: it is no TOML, or a template cannot be meant.
    """
    try:
        document = tomllib.loads(read_text(name, what="templates"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Misconfigured(f"the templates are not TOML: {quoted(str(error))}", hint=_HINT) from None
    check_format(document.pop("format", None), known=1, what="the templates", hint=_HINT)
    return render_templates(tuple(_template(name, table) for name, table in document.items()))


def _template(name: str, table: Any) -> Template:
    if not isinstance(table, Mapping):
        raise Misconfigured(f"{quoted(name)} in the templates is no table", hint=_HINT)
    if unknown := table.keys() - _KEYS:
        raise Misconfigured(
            f"the template {quoted(name)} has an unknown key {quoted(min(unknown))}", hint=_HINT
        )
    try:
        policy, days = table.get("policy"), _whole(table, "days")
        return check_template(
            Template(
                name=name,
                model_id=str(table["model"]),
                versions=(_whole(table, "first") or 1, _whole(table, "last")),
                images=tuple(parse_digest(str(each)) for each in table.get("images", ())),
                policy=None if policy is None else parse_digest(str(policy)),
                runs=_whole(table, "runs"),
                pictures=_whole(table, "pictures"),
                at_once=_whole(table, "at_once"),
                lasts_s=None if days is None else days * _DAY_S,
                lease_s=_whole(table, "lease_s") or LONGEST_LEASE_S,
            )
        )
    except KeyError:
        raise Misconfigured(f"the template {quoted(name)} names no `model`", hint=_HINT) from None
    except (TypeError, ValueError) as error:
        raise Misconfigured(f"the template {quoted(name)} cannot be used: {error}", hint=_HINT) from None


def _whole(table: Mapping[str, Any], key: str) -> int | None:
    value = table.get(key)
    if value is not None and (type(value) is not int or not 0 <= value < 2**53):
        raise ValueError(f"`{key}` is no whole number")
    return value


def approvals_body(files: Sequence[Path], threshold: int) -> bytes:
    """The list of keys that are in the files, or in `FILE.pub`.

    Raises:
        Misconfigured: one is none, one is named twice, or the threshold cannot be met.
    """
    return render_approvals(make_approvals(tuple(map(read_public_key, files)), threshold))


def epoch_body(state: State) -> bytes:
    """The epoch that begins where the broker's log ends now."""
    epoch = Epoch(number=state.epoch + 1, size=state.size, root=state.root, restored=state.restored)
    return render_epoch(epoch)
