"""Findings in SARIF 2.1.0, as GitHub code scanning reads it.

Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0; GitHub documentation,
"SARIF support for code scanning", for `security-severity` and what a location must have.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from attestation.errors import printable
from policy.findings import Finding, Severity

from ..policy_files import NamedPolicySet
from ..rule_pages import read_page
from .differences import claims_that_matter
from .locating import Place, Region, locate
from .record import Input, Record

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "warning",
    Severity.WARNING: "note",
    Severity.INFO: "note",
}
_SECURITY_SEVERITY: Final = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "3.0",
}
"""What GitHub shows as critical, high, medium and low; of the others it shows the level alone."""


def render_sarif(findings: Iterable[Finding], named: NamedPolicySet, record: Record) -> str:
    """The findings as one SARIF log of one run, with the record of that run."""
    findings = tuple(findings)
    slugs = list(dict.fromkeys(each.rule for each in findings))
    worst = {slug: max(each.severity for each in findings if each.rule == slug) for slug in slugs}
    driver = {
        "name": "symbolon",
        "version": record.version,
        "semanticVersion": record.version,
        "rules": [_rule(slug, worst[slug]) for slug in slugs],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True, "endTimeUtc": record.moment}],
        "artifacts": [_artifact(each) for each in record.inputs],
        "properties": {"question": record.question, "assumptions": list(record.assumptions)},
        "results": [_result(each, slugs.index(each.rule), named) for each in findings],
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2) + "\n"


def _artifact(given: Input) -> dict[str, Any]:
    artifact: dict[str, Any] = {
        "location": {"uri": _uri(given.name)},
        "roles": ["analysisTarget"],
        "description": {"text": given.role},
        "hashes": {"sha-256": given.sha256},
    }
    return artifact if given.text is None else artifact | {"contents": {"text": given.text}}


def _rule(slug: str, severity: Severity) -> dict[str, Any]:
    page = read_page(slug)
    title = page.partition("\n")[0].lstrip("# ") or slug
    properties: dict[str, Any] = {"tags": ["security", "workload-identity"], "precision": "very-high"}
    if severity in _SECURITY_SEVERITY:
        properties["security-severity"] = _SECURITY_SEVERITY[severity]
    return {
        "id": slug,
        "name": "".join(word.capitalize() for word in slug.split("-")),
        "shortDescription": {"text": title},
        "fullDescription": {"text": title},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": properties,
    }


def _result(finding: Finding, rule_index: int, named: NamedPolicySet) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "level": _LEVELS[finding.severity],
        "message": {"text": _plain(_message(finding))},
        "locations": [_location(locate(finding, named), finding)],
        "partialFingerprints": {"symbolon/v1": _fingerprint(finding)},
        "properties": {"severity": finding.severity.label, "decided": finding.decided},
    }
    if finding.token is not None:
        result["properties"]["token"] = finding.token
    if finding.waiver is not None:
        justification = f"{finding.waiver.reason} ({finding.waiver.owner}, until {finding.waiver.expires})"
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": _plain(justification)}
        ]
    return result


def _message(finding: Finding) -> str:
    parts = [finding.message]
    if finding.token is not None:
        claims = "; ".join(f"{path} = {value}" for path, value in claims_that_matter(finding.token))
        parts.append(f"Admitted, for example: {claims}" if claims else "Admitted, for example: a usual token")
    if finding.hint:
        parts.append(f"Hint: {finding.hint}")
    return ". ".join(parts)


def _plain(text: str) -> str:
    """`text` on one line, in which nothing is a link: `[words](target)` would be one."""
    return printable(text).replace("](", "] (")


def _location(place: Place, finding: Finding) -> dict[str, Any]:
    region = place.region or Region(start_line=1, start_column=1, end_line=1, end_column=1)
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(place.name)},
            "region": {
                "startLine": region.start_line,
                "startColumn": region.start_column,
                "endLine": region.end_line,
                "endColumn": region.end_column,
            },
        }
    }
    if finding.provider:
        location["logicalLocations"] = [
            {"fullyQualifiedName": printable(finding.provider), "kind": "resource"}
        ]
    return location


def _uri(name: str) -> str:
    path = PurePath("stdin" if name in ("-", "standard input") else name)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _fingerprint(finding: Finding) -> str:
    """The same for the same finding, wherever in the file it has moved to."""
    parts = (finding.rule, finding.provider, finding.place, finding.excerpt)
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
