"""What an image lets its operator do, and what its owner's terms say: in words, for who signs an audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from attestation.errors import Misconfigured
from contract.tables import Key, keys_of
from contract.terms import TABLES, OwnerTerms, parse_terms
from policy.launch_spec import LaunchRefused, Monitoring
from policy.launching import LaunchPolicy, parse_launch_policy
from policy.wording import listed

from ..reports.report import Table

_PREFIX: Final = "tee.launch_policy."
_LOGS: Final = {
    "always": "the operator may read what the program writes to its log",
    "never": "nobody reads what the program writes to its log",
    "debugonly": "the log is read on debug machines alone",
}
_MONITORING: Final = {
    Monitoring.NONE: "nothing of the machine's use is reported",
    Monitoring.MEMORY_ONLY: "the operator may see how much memory is used, over time",
    Monitoring.ALL: "the operator may see how memory, processor and disk are used, over time",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What each label of the launch policy lets the operator do: (label, value, in words).

    `refused` is what the launcher says where it would not start such an image.
    """

    rows: tuple[tuple[str, str, str], ...]
    refused: str = ""

    @property
    def table(self) -> Table:
        return Table(head=("label", "value", "in words"), rows=self.rows)

    def document(self) -> dict[str, object]:
        """The labels as JSON."""
        return {
            "labels": {name: {"value": value, "means": means} for name, value, means in self.rows},
            "refused": self.refused,
        }


def labels_in_words(labels: Mapping[str, str]) -> Labels:
    """What the labels let the operator do; one that is absent has the launcher's default."""
    try:
        policy = parse_launch_policy(labels)
    except LaunchRefused as refusal:
        rows = ((name, value, "") for name, value in sorted(labels.items()) if name.startswith(_PREFIX))
        return Labels(rows=tuple(rows), refused=str(refusal))
    return Labels(
        rows=tuple(
            (name, labels.get(f"{_PREFIX}{name}", "(not set)"), means)
            for name, means in _means(policy).items()
        )
    )


def _means(policy: LaunchPolicy) -> dict[str, str]:
    names = listed(list(policy.allow_env_override), "and")
    mounts = listed(list(policy.allow_mount_destinations), "and")
    return {
        "allow_cmd_override": "give the program other arguments"
        if policy.allow_cmd_override
        else "nothing: the program's arguments are the author's",
        "allow_env_override": f"set {names}, and no other variable" if names else "nothing: set no variable",
        "allow_mount_destinations": f"mount memory over {mounts}" if mounts else "nothing: mount nothing",
        "allow_capabilities": "give the program any right of the kernel's"
        if policy.allow_capabilities
        else "nothing: add no right of the kernel's",
        "allow_cgroups": "let the program manage control groups"
        if policy.allow_cgroups
        else "nothing: no control groups of its own",
        "log_redirect": _LOGS[policy.log_redirect],
        "hardened_monitoring": f"on production machines: {_MONITORING[policy.hardened_monitoring]}",
        "debug_monitoring": f"on debug machines: {_MONITORING[policy.debug_monitoring]}",
    }


def terms_in_words(terms: OwnerTerms) -> tuple[str, ...]:
    """Each key of the terms with its value, and what it means, a line each."""
    return tuple(
        f"`{name}.{key.name}` = `{_shown(key, value)}`: {key.meaning}" for name, key, value in _said(terms)
    )


def _said(terms: OwnerTerms) -> Iterator[tuple[str, Key, Any]]:
    """Each key that has a value, after its table's name; a table that the terms lack has none."""
    for name, table in TABLES.items():
        for key in keys_of(table):
            value = getattr(getattr(terms, name), key.name, None)
            if value is not None:
                yield name, key, value


def _shown(key: Key, value: object) -> str:
    """The value with its unit."""
    return f"{key.kind.render(value).strip(chr(34))} {key.unit}".strip()


def terms_document(terms: OwnerTerms) -> dict[str, object]:
    """The terms as JSON: by table and key, each value as `terms.toml` writes it."""
    document: dict[str, dict[str, str]] = {name: {} for name in TABLES if getattr(terms, name) is not None}
    for name, key, value in _said(terms):
        document[name][key.name] = key.kind.render(value)
    return dict(document)


def terms_that_differ(in_image: bytes, given: OwnerTerms) -> tuple[str, ...]:
    """What the image's terms say otherwise than those that were given, key by key, in words."""
    try:
        found = parse_terms(in_image.decode())
    except (UnicodeDecodeError, Misconfigured) as error:
        reason = error.message if isinstance(error, Misconfigured) else "they are not UTF-8"
        return (f"the terms in the image cannot be read: {reason}",)
    different = []
    for table in fields(OwnerTerms):
        ours, theirs = getattr(given, table.name), getattr(found, table.name)
        for key in keys_of(TABLES[table.name]):
            ought, is_so = getattr(ours, key.name, None), getattr(theirs, key.name, None)
            if ought != is_so:
                said = ["nothing" if each is None else key.kind.render(each) for each in (is_so, ought)]
                different.append(
                    f"`{table.name}.{key.name}` is {said[0]} in the image, and {said[1]} in the file"
                )
    return tuple(different)
