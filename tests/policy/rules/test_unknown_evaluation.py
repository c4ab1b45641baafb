"""The rule unknown-evaluation."""

from __future__ import annotations

from typing import Any

import pytest

ZONE = "assertion.submods.gce.zone"


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (f'{ZONE}.matches("\\\\p{{Greek}}")', "scripts are not supported"),
        (f'{ZONE}.matches("\\\\p{{Gre" + "ek}}")', "scripts are not supported"),
        (f'{ZONE}.matches("\\\\C" + "+")', "`\\x5cC`"),
        (f'assertion.secboot || {ZONE}.matches("(?i)é")', "beyond ASCII"),
        (f'{ZONE}.extract("{{a}}{{b}}") == "x"', "is no template"),
        ("timestamp(assertion.iat) < assertion.iat", "times, as of `timestamp`"),
        ("google.protobuf.Int64Value{} == assertion.iat", "the message `google.protobuf.Int64Value{…}`"),
        ("Int64Value{value: assertion.iat} == assertion.iat", "the message `Int64Value{…}`"),
        ("google.protobuf.Any != type(1)", "`google.protobuf.Any` may be a type"),
        (f'double("{"1" * 1000}") > 1.0', "1,000 characters"),
    ],
)
def test_a_part_that_only_google_can_evaluate_is_told(findings: Any, condition: str, reason: str) -> None:
    (finding,) = findings(condition)
    assert finding["message"].startswith("not known what Google makes of it: ")
    assert reason.replace("\\x5c", "\\") in finding["message"]
    assert finding["excerpt"] in condition.split(" || ")[-1]


@pytest.mark.parametrize(
    "expression", ["assertion.secboot", "assertion.iat", "assertion.swversion", "1 == 2"]
)
def test_an_attribute_that_is_no_string_is_told(
    findings: Any, read: Any, provider: Any, expression: str
) -> None:
    mapping = {"google.subject": "assertion.sub", "attribute.kind": expression}
    found = findings(read(provider("assertion.swname == 'GCE'", attributeMapping=mapping)))
    (finding,) = [each for each in found if each["rule"] == "unknown-evaluation"]
    assert finding["message"].endswith("the attribute is no string")
    assert (finding["place"], finding["excerpt"]) == ("mapping attribute.kind", expression)
    for fine in (f"string({expression})", "assertion.sub", "assertion.aud", "assertion.nothing"):
        mapping["attribute.kind"] = fine
        found = findings(read(provider("assertion.swname == 'GCE'", attributeMapping=mapping)))
        assert not [each for each in found if "no string" in each["message"]], fine


def test_what_this_project_evaluates_is_fine(findings: Any) -> None:
    assert findings(f'{ZONE}.matches("^us-" + "[a-z0-9-]+$") && double("0x1p3") == 8.0') == []
