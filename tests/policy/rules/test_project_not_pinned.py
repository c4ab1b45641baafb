"""The rule project-not-pinned."""

from __future__ import annotations

from typing import Any


def test_a_strangers_project_is_admitted_where_nobody_is_named(findings: Any) -> None:
    assert findings(
        "assertion.submods.container.image_digest == "
        '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'
    ) == [
        {
            "rule": "project-not-pinned",
            "severity": "medium",
            "message": "anybody's project, with anybody's service account, may run the workload",
            "hint": 'ask `assertion.submods.gce.project_number == "…"`, or for the service account',
            "provider": "",
            "place": "condition",
            "span": None,
            "excerpt": "",
            "token": {
                "google_service_accounts": ["workload@somebody-else.iam.gserviceaccount.com"],
                "sub": "https://www.googleapis.com/compute/v1/projects/somebody-else/zones/us-central1-a/instances/vm",
                "submods.container.image_digest": "sha256:" + "a" * 64,
                "submods.gce.project_id": "somebody-else",
                "submods.gce.project_number": "999999999999",
            },
            "decided": True,
            "waived": None,
        }
    ]


def test_naming_the_project_is_enough(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            'assertion.submods.gce.project_id == "secundus"'
        )
        == []
    )


def test_naming_the_account_is_enough(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            '"workload-sa@secundus.iam.gserviceaccount.com" in '
            "assertion.google_service_accounts"
        )
        == []
    )


def test_the_machines_url_names_the_project(findings: Any) -> None:
    assert (
        findings(
            "assertion.submods.container.image_digest == "
            '"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" && '
            'assertion.sub.startsWith("https://www.googleapis.com/compute/v1/projects/secundus/")'
        )
        == []
    )
