"""The launcher's socket: which requests get a token, and the sentences for those that do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from attestation.tokens import parse_token
from emulator.state import State
from emulator.verifier import Verifier
from emulator.vm import teeserver
from tests.launches import FACTS

_CUSTOM = "failed to retrieve custom attestation service token: "
_PARSE = "failed to parse POST body as TokenOptions: "

Post = Callable[..., Any]


@pytest.fixture
def app(state: State) -> Any:
    return teeserver.make_app(Verifier(state), FACTS)


@pytest.fixture
def post(app: Any, ask: Callable[..., Any]) -> Post:
    def post(body: object) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return ask(app, "POST", "http://localhost/v1/token", body=data)

    return post


def test_get_gives_a_fresh_default_token_called_html(app: Any, ask: Callable[..., Any]) -> None:
    answer = ask(app, "GET", "http://localhost/v1/token")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html")
    assert parse_token(answer.text).claims["aud"] == "https://sts.googleapis.com"


def test_post_gives_a_token_with_audience_and_nonces(post: Post) -> None:
    answer = post({"audience": "https://a", "nonces": ["12345678", "abcdefgh"], "token_type": "OIDC"})
    claims = parse_token(answer.text).claims
    assert (claims["aud"], claims["eat_nonce"]) == ("https://a", ["12345678", "abcdefgh"])


def test_a_pki_token_brings_its_chain(post: Post) -> None:
    token = parse_token(post({"Audience": "a", "token_type": "PKI"}).text)
    assert "x5c" in token.header


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"audience": "a", "token_type": "OIDC", "aud": "a"}, _PARSE + 'json: unknown field "aud"'),
        (b"", _PARSE + "EOF"),
        (b"audience=a", _PARSE + "invalid character 'a' looking for beginning of value"),
        (b'{"audience": "a"', _PARSE + "unexpected end of JSON input"),
        ([], _PARSE + "json: cannot unmarshal array into Go value of type models.TokenOptions"),
        (
            {"audience": 1},
            _PARSE
            + "json: cannot unmarshal number into Go struct field TokenOptions.audience of type string",
        ),
        (
            {"audience": "a", "nonces": "12345678"},
            _PARSE
            + "json: cannot unmarshal string into Go struct field TokenOptions.nonces of type []string",
        ),
        (b"[" * 100_000, _PARSE + "exceeded max depth"),
        ({"token_type": "OIDC"}, "use GET request for the default identity token"),
        ({"audience": "", "token_type": "OIDC"}, "use GET request for the default identity token"),
        ({"audience": "a"}, "token_type is a required parameter"),
        (
            {"audience": "a", "token_type": "OIDC", "nonces": ["1234567"]},
            _CUSTOM + "a nonce must be 8 to 88 bytes long",
        ),
        (
            {"audience": "a", "token_type": "OIDC", "nonces": ["ä" * 45]},
            _CUSTOM + "a nonce must be 8 to 88 bytes long",
        ),
        (
            {"audience": "a", "token_type": "OIDC", "nonces": ["12345678"] * 7},
            _CUSTOM + "more than 6 nonces",
        ),
        ({"audience": "a" * 513, "token_type": "OIDC"}, _CUSTOM + "audience is longer than 512 bytes"),
        (
            {"audience": "a", "token_type": "LIMITED_AWS"},
            _CUSTOM + "the emulator has no token type LIMITED_AWS",
        ),
    ],
)
def test_a_request_that_is_not_right_is_refused_in_plain_words(
    post: Post, body: object, sentence: str
) -> None:
    answer = post(body)
    assert (answer.status, answer.text) == (400, sentence)


def test_the_largest_request_that_is_right_is_answered(post: Post) -> None:
    body = {"audience": "a" * 512, "token_type": "OIDC", "nonces": ["1" * 8, *["2" * 88] * 5]}
    assert post(body).status == 200


def test_another_method_or_path_is_answered_as_go_does(app: Any, ask: Callable[..., Any]) -> None:
    wrong = ask(app, "PUT", "http://localhost/v1/token")
    assert (wrong.status, wrong.text) == (400, "TEE server received an invalid HTTP method: PUT")
    absent = ask(app, "GET", "http://localhost/v2/token")
    assert (absent.status, absent.text) == (404, "404 page not found\n")
    intel = ask(app, "GET", "http://localhost/v1/intel/token")
    assert intel.status == 500


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"),
    [
        ("POST", "keys:getEndorsement", 403, "keymanager not enabled"),
        ("GET", "keys:getEndorsement", 403, "keymanager not enabled"),
        ("POST", "hostAttestation", 403, "host attestation not enabled"),
        ("GET", "evidence", 405, "method not allowed"),
        (
            "POST",
            "evidence",
            400,
            "symbolon emulator: nothing is measured, so there is no evidence to give",
        ),
    ],
)
def test_what_a_launcher_has_under_an_experiment_is_refused_as_without_it(
    app: Any, ask: Callable[..., Any], method: str, path: str, status: int, sentence: str
) -> None:
    answer = ask(app, method, f"http://localhost/v1/{path}")
    assert (answer.status, answer.text) == (status, sentence)
