"""Google's answers by who acts next: whoever enables, pays, asks for more, grants or chooses."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from attestation.errors import SymbolonError, Unavailable
from deploy.failures import (
    Answer,
    ApiDisabled,
    BillingOff,
    PermissionDenied,
    QuotaExceeded,
    answer_of,
    failure_of,
)


def answered(status: int, body: dict[str, Any]) -> SymbolonError:
    response = requests.Response()
    response.status_code = status
    response._content = json.dumps(body).encode()
    return failure_of(status, answer_of(response), "creating x")


def info(reason: str, **metadata: str) -> dict[str, Any]:
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "metadata": metadata}
    return {"error": {"message": "Words.", "status": "PERMISSION_DENIED", "details": [detail]}}


@pytest.mark.parametrize(
    ("status", "body", "family", "hint"),
    [
        pytest.param(
            403,
            info("SERVICE_DISABLED", service="iam.googleapis.com", consumer="projects/100"),
            ApiDisabled,
            "gcloud services enable iam.googleapis.com --project=100",
            id="an API that is off",
        ),
        pytest.param(
            403,
            info("SERVICE_DISABLED", service="x; rm -rf ~", consumer="projects/$(id)"),
            ApiDisabled,
            "gcloud services enable xrm-rf --project=id",
            id="an API that is off, in words that are none",
        ),
        pytest.param(
            403,
            {"error": {"message": "x", "errors": [{"reason": "accessNotConfigured"}]}},
            ApiDisabled,
            "gcloud services enable API --project=PROJECT",
            id="an API that is off, of the older services",
        ),
        pytest.param(
            403,
            info("BILLING_DISABLED"),
            BillingOff,
            "gcloud billing projects link",
            id="billing that is off",
        ),
        pytest.param(
            403,
            {
                "error": {
                    "message": "The billing account for the owning project is disabled in state absent",
                    "errors": [{"reason": "accountDisabled"}],
                }
            },
            BillingOff,
            "gcloud billing projects link",
            id="billing that is off, in Cloud Storage's words",
        ),
        pytest.param(
            403,
            {"error": {"message": "Quota exceeded for quota metric", "status": "PERMISSION_DENIED"}},
            QuotaExceeded,
            "ask Google for more quota",
            id="quota",
        ),
        pytest.param(
            429,
            {"error": {"message": "x", "errors": [{"reason": "quotaExceeded"}]}},
            QuotaExceeded,
            "ask Google for more quota",
            id="quota, of the older services",
        ),
        pytest.param(
            429,
            {"error": {"message": "Rate limit exceeded.", "status": "RESOURCE_EXHAUSTED"}},
            Unavailable,
            "try again later",
            id="too many requests",
        ),
    ],
)
def test_an_answer_says_who_acts_next_and_how(
    status: int, body: dict[str, Any], family: type[SymbolonError], hint: str
) -> None:
    error = answered(status, body)
    assert type(error) is family
    assert hint in error.hint
    assert "\n" not in error.message


@pytest.mark.parametrize(
    ("body", "permission"),
    [
        pytest.param(
            info("IAM_PERMISSION_DENIED", permission="iam.serviceAccounts.create"),
            "iam.serviceAccounts.create",
            id="in the details",
        ),
        pytest.param(
            {
                "error": {
                    "message": "a@b.example does not have storage.buckets.create access to the Google Cloud "
                    "project. Permission 'storage.buckets.create' denied on resource (or it may not exist)."
                }
            },
            "storage.buckets.create",
            id="in the words",
        ),
        pytest.param(info("IAM_PERMISSION_DENIED", permission="--role=x"), "", id="something that is none"),
        pytest.param({"error": {"message": "No."}}, "", id="nowhere"),
        pytest.param({"error": {"message": "see cloud.google.com for more"}}, "", id="an address"),
    ],
)
def test_the_permission_that_is_missing_is_found(body: dict[str, Any], permission: str) -> None:
    error = answered(403, body)
    assert isinstance(error, PermissionDenied)
    assert error.permission == permission


def test_an_operation_that_failed_says_the_same() -> None:
    assert isinstance(failure_of(403, Answer(words="Billing is off."), "x"), BillingOff)
