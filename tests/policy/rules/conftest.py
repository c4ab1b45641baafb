"""One policy, one rule: what it finds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

from policy.findings import Finding
from policy.linting import lint
from policy.mapping import RECOMMENDED_MAPPING
from policy.policy_set import PolicySet, parse_policy_set, policy_set_of
from policy.proving.prover import Prover
from policy.proving.smt.tokens import SAMPLE, differences

TODAY = date(2026, 6, 1)
POOL = "projects/1/locations/global/workloadIdentityPools/primus"

Shown = list[dict[str, Any]]


@pytest.fixture(scope="session")
def prover() -> Iterator[Prover]:
    with Prover() as prover:
        yield prover


def shown(finding: Finding) -> dict[str, Any]:
    document = finding.document()
    if finding.token is not None:
        changed = {".".join(path) for path, _ in differences(finding.token, SAMPLE)}
        document["token"] = {path: _at(finding.token, path) for path in sorted(changed)}
    return document


def _at(token: Any, path: str) -> Any:
    for name in path.split("."):
        token = token.get(name) if isinstance(token, dict) else None
    return token


@pytest.fixture
def findings(request: pytest.FixtureRequest, prover: Prover) -> Callable[[PolicySet | str], Shown]:
    """What the rule that the test's module is named after finds in a policy, or in a condition.

    A token is shown by what is not as in the prover's sample; None stands for what is not there.
    """
    slug = request.module.__name__.rpartition(".")[2].removeprefix("test_").replace("_", "-")

    def of(policy: PolicySet | str) -> Shown:
        policies = policy_set_of(policy) if isinstance(policy, str) else policy
        return [shown(each) for each in lint(policies, prover, today=TODAY) if each.rule == slug]

    return of


@pytest.fixture(scope="session")
def provider() -> Callable[..., dict[str, Any]]:
    """A provider as Google prints it, with some of it changed."""

    def make(condition: str, *, name: str = "workload", **changed: Any) -> dict[str, Any]:
        return {
            "name": f"{POOL}/providers/{name}",
            "attributeMapping": dict(RECOMMENDED_MAPPING),
            "attributeCondition": condition,
            "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com"},
            **changed,
        }

    return make


@pytest.fixture(scope="session")
def read() -> Callable[..., PolicySet]:
    """A subject of providers as Google prints them, with what is read beside them."""

    def parse(*providers: dict[str, Any], **beside: Any) -> PolicySet:
        document = providers[0] if len(providers) == 1 else list(providers)
        texts = {key: json.dumps(value) for key, value in beside.items()}
        return parse_policy_set(json.dumps(document), name="provider.json", **texts)

    return parse
