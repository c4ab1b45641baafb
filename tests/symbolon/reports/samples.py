"""What the tests of reports share: policies as they were read, findings, a record, and a hostile text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from policy.findings import Finding, Severity
from policy.policy_set import parse_policy_set
from symbolon.policy_files import NamedPolicySet, NamedText
from symbolon.reports.record import record_of

RECORD = record_of("why?", [], now=datetime(2026, 1, 31, 12, tzinfo=UTC))
FORBIDDEN = ("\u202e", "\x1b", "\x00")
EVIL = "</code></pre><script>alert(1)</script><img src=x onerror=y> `|[a](https://e.example) @me " + "".join(
    FORBIDDEN
)


def named(text: str, name: str = "p.cel", **beside: str) -> NamedPolicySet:
    files = {key: NamedText(name=f"{key}.json", text=value) for key, value in beside.items()}
    return NamedPolicySet(
        policies=parse_policy_set(
            text, name=name, bindings=beside.get("bindings"), image=beside.get("image")
        ),
        policy=NamedText(name=name, text=text),
        bindings=files.get("bindings"),
        image=files.get("image"),
    )


def finding(**changes: Any) -> Finding:
    given: dict[str, Any] = {"rule": "deny-list", "severity": Severity.HIGH, "message": "no"}
    return Finding(**given | changes)
