"""A span of a condition is found where the file spells it, whatever kind of file it is."""

from __future__ import annotations

import json

import pytest

from symbolon.reports.locating import Region, locate
from tests.symbolon.policies import ANYBODY, HARDENED, STABLE, provider
from tests.symbolon.reports.samples import finding, named


def at(line: int, column: int, end_line: int, end_column: int) -> Region:
    return Region(start_line=line, start_column=column, end_line=end_line, end_column=end_column)


def found_in(region: Region, text: str) -> str:
    """What the region covers, for one on one line."""
    assert region.start_line == region.end_line
    return text.splitlines()[region.start_line - 1][region.start_column - 1 : region.end_column - 1]


def test_a_span_of_a_condition_is_found_in_a_cel_file() -> None:
    place = locate(finding(span=(ANYBODY.index('"STABLE"'), len(ANYBODY))), named(ANYBODY))
    assert (place.name, place.region) == ("p.cel", at(2, 3, 2, 3 + len(STABLE)))
    assert place.described == "p.cel:2:3"


@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_span_of_a_condition_is_found_among_the_escapes_of_json(ascii_only: bool) -> None:
    condition = 'assertion.swname == "é\U0001f512\\n" &&\n\tassertion.secboot'
    document = provider(condition)
    text = json.dumps(document, indent=2, ensure_ascii=ascii_only)
    start = condition.index("assertion.secboot")
    policies = named(text, "p.json")
    place = locate(finding(span=(start, len(condition)), provider=str(document["name"])), policies)
    assert place.region is not None
    assert found_in(place.region, text) == "assertion.secboot"


def test_of_two_providers_with_one_condition_the_right_one_is_found() -> None:
    documents = [provider(STABLE), provider(STABLE, name="second")]
    text = json.dumps(documents, indent=2)
    policies = named(text, "p.json")
    lines = []
    for document in documents:
        place = locate(finding(span=(0, 8), provider=str(document["name"])), policies)
        assert place.region is not None
        assert found_in(place.region, text) == '\\"STABLE\\"'
        lines.append(place.region.start_line)
    assert lines[0] < lines[1]


def test_a_mapping_a_binding_and_a_waiver_are_found_where_they_are_written() -> None:
    bindings = json.dumps({"bindings": [{"role": "r", "members": ["principalSet://all/*"]}]}, indent=1)
    text = json.dumps(provider(STABLE), indent=1)
    both = named(text, "p.json", bindings=bindings)
    member = finding(place="bindings", span=(0, 20), excerpt="principalSet://all/*")
    assert locate(member, both).name == "bindings.json"
    mapping = finding(
        place="mapping google.subject", span=(10, 13), excerpt="sub", provider=str(provider("")["name"])
    )
    region = locate(mapping, both).region
    assert region is not None
    assert found_in(region, text) == "sub"
    waived = HARDENED + '[[waiver]]\nrule = "deny-list"\nreason = "x"\nowner = "y"\nexpires = 2000-01-01\n'
    region = locate(
        finding(place="waivers", span=(0, 9), excerpt="deny-list"), named(waived, "p.toml")
    ).region
    assert region is not None
    assert found_in(region, waived) == "deny-list"


def test_a_condition_that_the_file_does_not_spell_is_the_file_s_as_a_whole() -> None:
    place = locate(finding(span=(0, 8), excerpt="assertion.zzz"), named(HARDENED, "p.toml"))
    assert (place.region, place.described) == (None, "p.toml")


def test_an_expression_is_found_in_yaml_under_its_own_provider() -> None:
    first = str(provider("")["name"])
    second = first.replace("/first", "/second")
    text = (
        f"attributeCondition: assertion.submods.gce.zone == 'a' && assertion.secboot\n  && {STABLE}\n"
        f"attributeMapping:\n  google.subject: assertion.sub\nname: {first}\n"
        "oidc:\n  issuerUri: https://confidentialcomputing.googleapis.com\n---\n"
        f"attributeCondition: '{STABLE}'\n"
        f"attributeMapping:\n  google.subject: assertion.sub\nname: {second}\n"
        "oidc:\n  issuerUri: https://confidentialcomputing.googleapis.com\n"
    )
    both = named(text, "p.yaml")
    for place, excerpt, of, line in (
        ("mapping google.subject", "assertion.sub", first, 4),
        ("mapping google.subject", "assertion.sub", second, 11),
        ("condition", "assertion.secboot", first, 1),
        ("condition", STABLE, second, 9),
    ):
        each = next(each for each in both.policies.providers if each.name == of)
        written_there = each.condition if place == "condition" else "assertion.sub"
        start = written_there.index(excerpt)
        region = locate(
            finding(place=place, span=(start, start + len(excerpt)), excerpt=excerpt, provider=of), both
        ).region
        assert region is not None
        assert (region.start_line, found_in(region, text)) == (line, excerpt)
