"""Attribute mapping within Google's limits, refused in STS's own words."""

from __future__ import annotations

from typing import Any

import pytest

from attestation.errors import Denied, Misconfigured
from policy.deciding import decide
from policy.mapping import RECOMMENDED_MAPPING, AttributeMapping, MappingRejected
from policy.provider import parse_provider

SUBJECT = {"google.subject": "assertion.sub"}


def test_the_recommended_mapping_gives_a_subject_and_the_digest(good: dict[str, Any]) -> None:
    mapped = AttributeMapping.parse(RECOMMENDED_MAPPING).apply(good)
    digest = "sha256:" + "a" * 64
    assert mapped.google == {"subject": f"gcpcs::{digest}::987654321098::1234567890123456789"}
    assert mapped.attribute == {"image_digest": digest}


def test_the_recommended_subject_of_a_real_token_is_within_the_limit(
    production_token: dict[str, Any],
) -> None:
    policies = AttributeMapping.parse(RECOMMENDED_MAPPING).apply(production_token).google["subject"]
    assert isinstance(policies, str)
    assert len(policies) <= 127


def test_what_fails_is_left_out_and_what_is_no_string_is_not_known(good: dict[str, Any]) -> None:
    mapped = AttributeMapping.parse(
        SUBJECT
        | {
            "attribute.number": "assertion.oemid",
            "attribute.absent": "assertion.nothing",
            "attribute.empty": "''",
            "google.groups": "assertion.google_service_accounts",
        }
    ).apply(good | {"sub": "s"})
    assert mapped.google == {"subject": "s", "groups": good["google_service_accounts"]}
    assert mapped.attribute == {"empty": ""}
    assert list(mapped.unknown) == ["attribute.number"]


def test_a_subject_of_127_bytes_is_mapped_and_one_of_128_is_not() -> None:
    mapping = AttributeMapping.parse(SUBJECT)
    assert mapping.apply({"sub": "é" * 63 + "x"}).google["subject"]
    with pytest.raises(MappingRejected) as refusal:
        mapping.apply({"sub": "é" * 64})
    assert refusal.value.error == "invalid_request"
    assert refusal.value.message.startswith(
        "The size of mapped attribute google.subject exceeds the 127 bytes limit."
    )
    assert isinstance(refusal.value, Denied)


@pytest.mark.parametrize("claims", [{}, {"sub": ""}])
def test_a_token_without_a_subject_is_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(MappingRejected) as refusal:
        AttributeMapping.parse(SUBJECT).apply(claims)
    assert refusal.value.error == "unauthorized_client"
    assert refusal.value.message == "Could not obtain a value for google.subject from the given credential."


@pytest.mark.parametrize(
    "expression", ["assertion.sub == 's'", "assertion.number", "[assertion.sub]", "assertion", "null"]
)
def test_a_subject_that_is_no_string_is_refused_in_words_of_its_own(expression: str) -> None:
    mapping = AttributeMapping.parse({"google.subject": expression})
    with pytest.raises(MappingRejected) as refusal:
        mapping.apply({"sub": "s", "number": 1})
    assert refusal.value.error == "unauthorized_client"
    assert refusal.value.message == "The mapped attribute 'google.subject' must be of type STRING."


def test_attributes_beyond_8_kilobytes_are_refused() -> None:
    mapping = AttributeMapping.parse(SUBJECT | {"attribute.a": "assertion.a", "attribute.b": "assertion.a"})
    assert mapping.apply({"sub": "s" * 2, "a": "x" * 4095})
    with pytest.raises(MappingRejected, match="exceeds the 8192 bytes limit"):
        mapping.apply({"sub": "s" * 3, "a": "x" * 4095})
    with pytest.raises(MappingRejected, match="exceeds the 8192 bytes limit") as refusal:
        mapping.apply({"sub": "s", "a": "x" * 4096})
    assert refusal.value.error == "invalid_request"


@pytest.mark.parametrize(
    ("expressions", "message"),
    [
        ({}, "the attribute mapping has no `google.subject`"),
        ({"attribute.a": "assertion.sub"}, "the attribute mapping has no `google.subject`"),
        (SUBJECT | {"google.name": "'a'"}, "`google.name` is no attribute to map to"),
        (SUBJECT | {"attribute.Name": "'a'"}, "`attribute.Name` is no attribute to map to"),
        (SUBJECT | {"attribute.": "'a'"}, "`attribute.` is no attribute to map to"),
        (SUBJECT | {"attribute." + "a" * 101: "'a'"}, f"`attribute.{'a' * 70}…` is no attribute to map to"),
        (SUBJECT | {"attribute.a\n": "'a'"}, "`attribute.a\\n` is no attribute to map to"),
        (SUBJECT | {"attribute.a": 1}, "`attribute.a` must be mapped by an expression, as a string"),
        (
            SUBJECT | {"attribute.a": "assertion."},
            "mapping of `attribute.a`: line 1, column 11: expected a field's name, found the end",
        ),
        (
            SUBJECT | {"attribute.a": "google.subject"},
            "mapping of `attribute.a`: line 1, column 1: the name `google` means nothing here",
        ),
        (
            SUBJECT | {"attribute.a": "'" + "x" * 2047 + "'"},
            "mapping of `attribute.a`: line 1, column 2049: 2,049 characters, Google's limit is 2,048",
        ),
        (
            SUBJECT | {f"attribute.a{number}": "'x'" for number in range(51)},
            "the attribute mapping has 51 custom attributes, Google's limit is 50",
        ),
    ],
)
def test_a_mapping_that_google_would_refuse_is_refused(expressions: Any, message: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        AttributeMapping.parse(expressions)
    assert refusal.value.message == message


def test_the_limits_themselves_are_accepted() -> None:
    most = {f"attribute.{'a' * 97}{number:03}": "'x'" for number in range(49)}
    longest = {"attribute.long": "'" + "x" * 2046 + "'"}
    assert len(AttributeMapping.parse(SUBJECT | most | longest).expressions) == 51
    assert len(AttributeMapping.parse({f"attribute.{'a' * 100}": "'x'"} | SUBJECT).expressions) == 2


def test_a_quoted_expression_is_a_constant_subject() -> None:
    mapping = AttributeMapping.parse({"google.subject": "'assertion.sub'"})
    assert mapping.apply({"sub": "whoever"}).google["subject"] == "assertion.sub"


def test_groups_are_strings_alone_and_nothing_else_becomes_a_list() -> None:
    mapping = AttributeMapping.parse(
        SUBJECT | {"google.groups": "assertion.groups", "attribute.groups": "assertion.groups"}
    )
    no_groups: tuple[object, ...] = (["a", 1], 1, {}, None)
    for groups in no_groups:
        assert mapping.apply({"sub": "s", "groups": groups}).google == {"subject": "s"}
    assert mapping.apply({"sub": "s", "groups": "one"}).google == {"subject": "s", "groups": "one"}
    assert mapping.apply({"sub": "s", "groups": ["a", "b"]}).attribute == {}


def test_an_attribute_may_have_a_point_in_no_name_and_the_first_point_ends_the_namespace() -> None:
    with pytest.raises(Misconfigured, match="is no attribute to map to"):
        AttributeMapping.parse(SUBJECT | {"attribute.a.b": "'x'"})
    mapped = AttributeMapping.parse(SUBJECT | {"attribute.a": "'x'"}).apply({"sub": "s"})
    assert mapped.attribute == {"a": "x"}


def test_every_group_counts_towards_the_8_kilobytes() -> None:
    mapping = AttributeMapping.parse(SUBJECT | {"google.groups": "assertion.groups"})
    assert mapping.apply({"sub": "ss", "groups": ["x" * 4095, "x" * 4095]})
    with pytest.raises(MappingRejected, match="exceeds the 8192 bytes limit"):
        mapping.apply({"sub": "sss", "groups": ["x" * 4095, "x" * 4095]})


def test_half_of_a_surrogate_pair_counts_and_is_no_bug() -> None:
    assert AttributeMapping.parse(SUBJECT).apply({"sub": "\ud800"}).google == {"subject": "\ud800"}


def test_a_refusal_has_the_code_that_the_pages_explain_and_no_hint_of_its_own() -> None:
    refusal = MappingRejected("too large", error="invalid_request")
    assert (refusal.code, refusal.hint) == ("mapping-rejected", "")


def test_the_parsed_expressions_are_there_by_their_keys_and_are_no_part_of_its_identity() -> None:
    mapping = AttributeMapping.parse(SUBJECT | {"attribute.a": "'x'"})
    assert list(mapping.trees) == ["google.subject", "attribute.a"]
    assert mapping == AttributeMapping.parse(SUBJECT | {"attribute.a": "'x'"})
    assert repr(mapping) == f"AttributeMapping(expressions={dict(mapping.expressions)!r})"


UNREAD = "assertion.sub.matches('\\\\p{Greek}') ? 's' : 't'"
"""An expression that Google can evaluate, and this project does not."""


def test_what_is_not_known_is_named_apart_and_makes_its_namespace_unknown() -> None:
    expressions = {"google.subject": UNREAD, "attribute.b": "'b'", "attribute.a": UNREAD}
    mapped = AttributeMapping.parse(expressions).apply({"sub": "s"})
    assert (mapped.google, mapped.attribute) == ({}, {"b": "b"})
    assert list(mapped.unknown) == ["google.subject", "attribute.a"]
    why = mapped.unknown["google.subject"].message
    assert mapped.why_unknown == f"mapping of `google.subject`: {why}; mapping of `attribute.a`: {why}"
    assert mapped.root("google") is mapped.unknown["google.subject"]
    assert mapped.root("attribute") is mapped.unknown["attribute.a"]


def test_an_unknown_attribute_leaves_the_other_namespace_as_it_is() -> None:
    mapped = AttributeMapping.parse(SUBJECT | {"attribute.a": UNREAD}).apply({"sub": "s"})
    assert mapped.root("google") == {"subject": "s"}
    assert mapped.root("attribute") is mapped.unknown["attribute.a"]


def test_of_what_is_known_nothing_is_unknown() -> None:
    mapped = AttributeMapping.parse(SUBJECT | {"attribute.a": "'x'"}).apply({"sub": "s"})
    assert (mapped.why_unknown, mapped.root("google"), mapped.root("attribute")) == (
        "",
        {"subject": "s"},
        {"a": "x"},
    )


def test_values_from_elsewhere_are_gathered_within_the_same_limits() -> None:
    mapping = AttributeMapping.parse(SUBJECT | {"attribute.a": "'x'"})
    gathered = mapping.gathered({"google.subject": "s", "attribute.a": "y", "attribute.b": 1})
    assert (gathered.google, gathered.attribute, gathered.unknown) == (
        {"subject": "s"},
        {"a": "y"},
        gathered.unknown,
    )
    assert list(gathered.unknown) == ["attribute.b"]
    with pytest.raises(MappingRejected, match=r"Could not obtain a value for google\.subject"):
        mapping.gathered({"attribute.a": "y"})
    with pytest.raises(MappingRejected, match="exceeds the 127 bytes limit"):
        mapping.gathered({"google.subject": "s" * 128})


@pytest.mark.parametrize("expression", ["assertion.secboot", "1", "null", "['a']", "{'a': 'b'}", "b'a'"])
@pytest.mark.parametrize("condition", ["true", "has(attribute.a)", "!has(attribute.a)", "attribute.a == 'a'"])
def test_of_an_attribute_that_is_no_string_nobody_says_what_google_makes(
    expression: str, condition: str
) -> None:
    document = {
        "name": "projects/1/locations/global/workloadIdentityPools/pool/providers/prov",
        "attributeMapping": SUBJECT | {"attribute.a": expression},
        "attributeCondition": condition,
        "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com"},
    }
    decision = decide(parse_provider(document), {"sub": "s", "secboot": True})
    assert decision.outcome == "unknown"
    assert "no string" in decision.unknown
