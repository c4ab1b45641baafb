"""Findings that an owner knows of and accepts, until a day that is written down.

[[waiver]]
rule = "second-provider"
reason = "the other provider is our CI's; no binding names the pool as a whole"
owner = "security@primus.example"
expires = 2027-01-31                # the last day that it counts
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime

from attestation.errors import Misconfigured

from .rule_slugs import SLUGS
from .wording import did_you_mean, listed, quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """Whose word stands against the findings of one rule, why, and until which day."""

    rule: str
    reason: str
    owner: str
    expires: date


def parse_waivers(tables: object) -> tuple[Waiver, ...]:
    """The waivers of a policy file's `[[waiver]]` tables.

    Raises:
        Misconfigured: an unknown rule or key, a missing one, or a rule that is waived twice.
    """
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise Misconfigured(
            "`waiver` must be tables, `[[waiver]]`",
            hint="write `[[waiver]]` on a line of its own, and its keys below it",
        )
    waivers = tuple(map(_waiver, tables))
    for i, each in enumerate(waivers):
        if each.rule in [earlier.rule for earlier in waivers[:i]]:
            raise Misconfigured(
                f"{quoted(each.rule)} is waived twice", hint="keep one, with both reasons in it"
            )
    return waivers


def _waiver(table: dict[str, object]) -> Waiver:
    known = [each.name for each in fields(Waiver)]
    for key in table:
        if key not in known:
            raise Misconfigured(
                f"a waiver has an unknown key {quoted(key)}",
                hint=f"its keys are {listed([quoted(each) for each in known], 'and')}",
            )
    rule, reason, owner = (_text(table, key) for key in ("rule", "reason", "owner"))
    if rule not in SLUGS:
        raise Misconfigured(
            f"{quoted(rule)} is no rule, so it cannot be waived",
            hint=did_you_mean(rule, SLUGS) or "`symbolon --explain all` lists the rules",
        )
    expires = table.get("expires")
    if not isinstance(expires, date) or isinstance(expires, datetime):
        raise Misconfigured(
            "a waiver's `expires` must be a date, `2027-01-31`",
            hint="write it without quotes: `expires = 2027-01-31`",
        )
    return Waiver(rule=rule, reason=reason, owner=owner, expires=expires)


def _text(table: dict[str, object], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise Misconfigured(
            f"a waiver's `{key}` must be a string that is not empty",
            hint=f'write it in quotes: `{key} = "…"`',
        )
    return value
