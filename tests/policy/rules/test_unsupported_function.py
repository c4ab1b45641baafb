"""The rule unsupported-function."""

from __future__ import annotations

from typing import Any


def test_a_function_of_another_extension_is_not_there(findings: Any) -> None:
    assert findings('assertion.swname.toLower() == "confidential_space"') == [
        {
            "rule": "unsupported-function",
            "severity": "high",
            "message": "line 1, column 1: there is no function `toLower`",
            "hint": "write `.lowerAscii()`",
            "provider": "",
            "place": "condition",
            "span": [0, 26],
            "excerpt": "assertion.swname.toLower()",
            "token": None,
            "decided": True,
            "waived": None,
        }
    ]


def test_googles_own_extensions_are_there(findings: Any) -> None:
    assert findings('assertion.swname.extract("CONFIDENTIAL_{what}") == "SPACE"') == []


def test_the_small_letters_of_a_claim_may_be_asked(findings: Any) -> None:
    assert findings('assertion.submods.gce.project_id.lowerAscii() == "secundus"') == []


def test_of_the_other_functions_on_strings_it_is_only_not_known(
    findings: Any, read: Any, provider: Any
) -> None:
    mapping = {"google.subject": "assertion.sub.replace('a', 'b')"}
    found = findings(read(provider("assertion.swname.trim() == 'GCE'", attributeMapping=mapping)))
    assert [(each["message"], each["place"], each["excerpt"]) for each in found] == [
        (
            "it is not known whether Google takes `trim`: we found no document of it",
            "condition",
            "assertion.swname.trim()",
        ),
        (
            "it is not known whether Google takes `replace`: we found no document of it",
            "mapping google.subject",
            "assertion.sub.replace('a', 'b')",
        ),
    ]


def test_a_text_that_is_no_cel_is_another_rules(findings: Any) -> None:
    assert findings("assertion.swname =") == []
