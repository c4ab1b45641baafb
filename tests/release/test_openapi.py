"""The broker answers as its own description says, whatever it is sent, and that names all its answers."""

from __future__ import annotations

import io
import json
import re
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from starlette.routing import Route

from contract.release_refusals import REFUSALS
from release.bodies import Room
from release.event_log import EventLog
from release.metrics import Metrics
from release.openapi import render_openapi
from release.server import Service, make_app
from release.workers import Workers
from tests.release.served import Served, make_served

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
DOCUMENT = json.loads(render_openapi())
schema = schemathesis.openapi.from_dict(DOCUMENT)


@pytest.fixture(scope="module")
def certificate(served: Served, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the server shows, as a file for a client that wants an authority."""
    path = tmp_path_factory.mktemp("shown") / "certificate.pem"
    path.write_text(ssl.get_server_certificate(served.address))
    return str(path)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = make_served(tmp_path_factory.mktemp("served"))
    made.start()
    made.sell()
    yield made
    made.stop()


@schema.parametrize()
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_each_call_answers_as_it_is_described(case: Any, served: Served, certificate: str) -> None:
    host, port = served.address
    case.call_and_validate(base_url=f"https://{host}:{port}", verify=certificate, checks=CHECKS)


def test_the_description_names_every_call_that_there_is_and_no_other() -> None:
    described = {
        (method.upper(), re.sub(r"\{\w+\}", "{}", path))
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
    }
    made = {
        (method, re.sub(r"\{[\w:]+\}", "{}", route.path))
        for route in routes()
        for method in route.methods or ()
        if method != "HEAD"
    }
    tiles = {("GET", "/tile/{}")}, {("GET", "/tile/{}/{}"), ("GET", "/tile/entries/{}")}
    assert made - tiles[0] == described - tiles[1]
    assert (made & tiles[0], described & tiles[1]) == tiles


def test_every_refusal_is_named_where_its_status_is() -> None:
    named: dict[str, set[int]] = {}
    for methods in DOCUMENT["paths"].values():
        for call in methods.values():
            for status, answer in call["responses"].items():
                code = answer["content"].get("application/json", {}).get("schema", {}).get("properties", {})
                for each in code.get("error", {}).get("properties", {}).get("code", {}).get("enum", []):
                    named.setdefault(each, set()).add(int(status))
    assert named == {code: {refusal.status} for code, refusal in REFUSALS.items()}


def routes() -> list[Route]:
    """What the application has, whoever it serves."""
    service = Service(
        broker=None,  # type: ignore[arg-type]  # nothing is asked
        workers=Workers(workers=1, waiting=0),
        owners=Workers(workers=1, waiting=0),
        looking=Workers(workers=1, waiting=0),
        room=Room(),
        metrics=Metrics(),
        log=EventLog(io.StringIO(), clock=lambda: 0.0),
        clock=lambda: 0.0,
    )
    return [route for route in make_app(service).routes if isinstance(route, Route)]


def test_a_challenge_is_never_refused_for_coming_too_often() -> None:
    """It waits for no place to work in, as all other calls that bring a body do."""
    posts = {path: calls["post"] for path, calls in DOCUMENT["paths"].items() if "post" in calls}
    refused = {path for path, call in posts.items() if "429" in call["responses"]}
    assert posts.keys() - refused == {"/v1/challenge"}
