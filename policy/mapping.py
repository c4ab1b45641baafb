"""Attribute mapping: what a token's claims become in Google's hands, within Google's limits.

    mapping = AttributeMapping.parse({"google.subject": "assertion.sub", "attribute.zone": "…"})
    mapped = mapping.apply(claims)       # Mapped(google={"subject": …}, attribute={…})

Source: IAM API, WorkloadIdentityPoolProvider.attributeMapping (limits and keys); the wordings are
those of sts.googleapis.com, for a subject of another type in google-github-actions/auth#378. An
expression that fails leaves its attribute out; for `google.subject` that is a refusal. What becomes
of another attribute that is no string is not known: no document says it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from attestation.errors import Denied, Misconfigured

from .cel.condition import Expression
from .cel.syntax import NOWHERE, InvalidExpression, Node
from .cel.values import ErrorValue, unknown_value
from .wording import quoted

MOST_SUBJECT_BYTES: Final = 127
MOST_CUSTOM_ATTRIBUTES: Final = 50
MOST_EXPRESSION_CHARACTERS: Final = 2048
MOST_MAPPED_BYTES: Final = 8 * 1024

RECOMMENDED_MAPPING: Final = {
    "google.subject": '"gcpcs::" + assertion.submods.container.image_digest + "::"'
    ' + assertion.submods.gce.project_number + "::" + assertion.submods.gce.instance_id',
    "attribute.image_digest": "assertion.submods.container.image_digest",
}
"""Google's recommended mapping: at most 121 bytes of subject, and principals by image digest."""

_KEY = re.compile(r"google\.(?:subject|groups)|attribute\.[a-z0-9_]{1,100}")


class MappingRejected(Denied):
    """The token cannot be mapped. `message` is STS's `error_description`, `error` is its `error`."""

    code = "mapping-rejected"

    def __init__(self, message: str, *, error: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.error = error


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """The attributes of one federated identity: what `google` and `attribute` are in a condition.

    `unknown` are those of which it is not known what Google makes of them, with the evaluation's error.
    """

    google: Mapping[str, object]
    attribute: Mapping[str, str]
    unknown: Mapping[str, ErrorValue] = field(default_factory=dict)

    @property
    def why_unknown(self) -> str:
        """What is not known of the attributes, in one line; "" when all of them are."""
        return "; ".join(f"mapping of `{key}`: {value.message}" for key, value in self.unknown.items())

    def root(self, namespace: str) -> Mapping[str, object] | ErrorValue:
        """`google` or `attribute` for an evaluation: unknown as a whole when one of it is unknown."""
        for key, value in self.unknown.items():
            if key.startswith(f"{namespace}."):
                return value
        return self.google if namespace == "google" else self.attribute


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeMapping:
    """Target attribute → CEL expression over `assertion`; `google.subject` is always among them."""

    expressions: Mapping[str, str]
    _compiled: Mapping[str, Expression] = field(repr=False, compare=False)

    @classmethod
    def parse(cls, expressions: Mapping[str, str]) -> AttributeMapping:
        """A mapping that Google would accept.

        Raises:
            Misconfigured: a key or an expression that is not one, or a limit that is passed.
        """
        if "google.subject" not in expressions:
            raise Misconfigured(
                "the attribute mapping has no `google.subject`",
                hint='map it, for instance to `"gcpcs::" + assertion.submods.container.image_digest`',
            )
        compiled = {key: _compiled(key, text) for key, text in expressions.items()}
        custom = [key for key in expressions if key.startswith("attribute.")]
        if len(custom) > MOST_CUSTOM_ATTRIBUTES:
            raise Misconfigured(
                f"the attribute mapping has {len(custom)} custom attributes,"
                f" Google's limit is {MOST_CUSTOM_ATTRIBUTES}"
            )
        return cls(expressions=dict(expressions), _compiled=compiled)

    @property
    def trees(self) -> Mapping[str, Node]:
        """The expressions, parsed."""
        return {key: expression.tree for key, expression in self._compiled.items()}

    def apply(self, assertion: Mapping[str, object]) -> Mapped:
        """What these claims are mapped to. What is unknown is left out of both, and named apart.

        Raises:
            MappingRejected: there is no subject, or what is mapped is too large; in STS's words.
        """
        return self.gathered(
            {key: expression.evaluate(assertion) for key, expression in self._compiled.items()}
        )

    def gathered(self, values: Mapping[str, object]) -> Mapped:
        """The attributes that these values of the expressions come to, within Google's limits.

        Raises:
            MappingRejected: as `apply`.
        """
        google: dict[str, object] = {}
        attribute: dict[str, str] = {}
        unknown: dict[str, ErrorValue] = {}
        for key, value in values.items():
            namespace, name = key.split(".", 1)
            if isinstance(value, ErrorValue) and value.unknown:
                unknown[key] = value
            elif isinstance(value, str) and namespace == "attribute":
                attribute[name] = value
            elif isinstance(value, str) or (name == "groups" and _is_list_of_strings(value)):
                google[name] = value
            elif key != "google.subject" and not isinstance(value, ErrorValue):
                unknown[key] = unknown_value("what Google makes of one that is no string", NOWHERE)
            if key == "google.subject" and not isinstance(value, str | ErrorValue):
                raise MappingRejected(
                    "The mapped attribute 'google.subject' must be of type STRING.",
                    error="unauthorized_client",
                    hint="map the claim itself; a comparison belongs into the attribute condition",
                )
        subject = google.get("subject")
        if "google.subject" not in unknown and (not isinstance(subject, str) or not subject):
            raise MappingRejected(
                "Could not obtain a value for google.subject from the given credential.",
                error="unauthorized_client",
                hint="the expression for `google.subject` must yield a string that is not empty",
            )
        _check_sizes(google, attribute)
        return Mapped(google=google, attribute=attribute, unknown=unknown)


def _is_list_of_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _compiled(key: str, text: str) -> Expression:
    if not _KEY.fullmatch(key):
        raise Misconfigured(
            f"{quoted(key)} is no attribute to map to",
            hint="the keys are `google.subject`, `google.groups` and `attribute.NAME`,"
            " with a name of 1 to 100 of `a-z`, `0-9` and `_`",
        )
    if not isinstance(text, str):
        raise Misconfigured(
            f"{quoted(key)} must be mapped by an expression, as a string",
            hint="write the expression in quotes",
        )
    try:
        return Expression(text, most_characters=MOST_EXPRESSION_CHARACTERS)
    except InvalidExpression as invalid:
        raise Misconfigured(f"mapping of `{key}`: {invalid.message}", hint=invalid.hint) from invalid


def _size(value: object) -> int:
    parts = value if isinstance(value, list) else [value]
    return sum(len(part.encode(errors="surrogatepass")) for part in parts if isinstance(part, str))


def _check_sizes(google: Mapping[str, object], attribute: Mapping[str, str]) -> None:
    if _size(google.get("subject")) > MOST_SUBJECT_BYTES:
        raise MappingRejected(
            "The size of mapped attribute google.subject exceeds the 127 bytes limit."
            " Either modify your attribute mapping or the incoming assertion to produce a mapped attribute"
            " that is less than 127 bytes.",
            error="invalid_request",
            hint="map it to digest, project number and instance, as Google recommends; `sub` is a long URL",
        )
    if sum(map(_size, [*google.values(), *attribute.values()])) > MOST_MAPPED_BYTES:
        raise MappingRejected(
            "The size of all mapped attributes exceeds the 8192 bytes limit.",
            error="invalid_request",
            hint="map fewer or shorter claims",
        )
