"""What types say against a condition before any token is seen."""

from __future__ import annotations

import pytest

from attestation.issuer import ISSUER
from policy.cel import parse
from policy.cel.check import check

CONTAINER = "assertion.submods.container"
SPACE = "assertion.submods.confidential_space"


@pytest.mark.parametrize(
    ("text", "rule", "message", "hint"),
    [
        (
            "assertion.google_service_account == 'a'",
            "unknown-claim",
            "`google_service_account` is no documented claim of the token",
            "did you mean `google_service_accounts`?",
        ),
        (
            "assertion['dbgstate'] == 'enabled'",
            "unknown-claim",
            "`dbgstate` is no documented claim of the token",
            "did you mean `dbgstat`?",
        ),
        (
            f"'sha256:x' in {CONTAINER}.image_digest",
            "in-on-a-string",
            "`in` looks into a list or a map, not into a string",
            "write `==`, or `.contains(…)`",
        ),
        (
            "assertion.dbgstat != 'enable'",
            "value-outside-vocabulary",
            '"enable" is not documented for `dbgstat`, where `disabled-since-boot` and `enabled` are known',
            "did you mean `enabled`?",
        ),
        (
            "assertion.hwmodel in ['INTEL_TDX']",
            "value-outside-vocabulary",
            '"INTEL_TDX" is not documented for `hwmodel`, where `GCP_AMD_SEV`, `GCP_AMD_SEV_ES`, '
            "`GCP_INTEL_TDX`, `GCP_AMD_SEV_SNP` and `GCP_SHIELDED_VM` are known",
            "did you mean `GCP_INTEL_TDX`?",
        ),
        (
            f"'USES_SECUREBOOT' in {SPACE}.support_attributes",
            "value-outside-vocabulary",
            '"USES_SECUREBOOT" is not documented for `submods.confidential_space.support_attributes`, where'
            " `LATEST`, `STABLE`, `USABLE` and `EXPERIMENTAL` are known",
            "",
        ),
        (
            f"{SPACE}.support_attributes.debug_mode == 'false'",
            "wrong-type",
            "a list has no field `debug_mode`",
            "",
        ),
        (
            f"{CONTAINER}.image_digest == 'sha256:A'",
            "malformed-digest",
            '"sha256:A" is not a digest',
            "write `sha256:` and 64 lower-case hex digits",
        ),
        (
            "'assertion.secboot == true'",
            "not-boolean",
            "the condition is a string, never true",
            "take the comparison out of its quotes",
        ),
        (
            "assertion.swversion == '250800'",
            "wrong-type",
            "a list and a string are never equal, by the documents: the comparison is never true",
            "",
        ),
        (
            "assertion.swversion != '250800'",
            "wrong-type",
            "a list and a string are never equal, by the documents: the comparison is always true",
            "",
        ),
        (
            "assertion.exp < '1'",
            "wrong-type",
            "an int and a string have no order, by the documents",
            "",
        ),
        (
            "assertion.swname && true",
            "wrong-type",
            "a string stands where true or false must, by the documents",
            "",
        ),
        (
            "!assertion.swname",
            "wrong-type",
            "a string stands where true or false must, by the documents",
            "",
        ),
        (
            "assertion.swname ? true : false",
            "wrong-type",
            "a string stands where true or false must, by the documents",
            "",
        ),
        (
            "assertion.swname.all(x, true)",
            "wrong-type",
            "`all` goes through a list or a map, not through a string",
            "",
        ),
        ("assertion.secboot.contains('')", "wrong-type", "`contains` is for strings, not for a bool", ""),
        (
            "assertion.google_service_accounts.contains('a')",
            "wrong-type",
            "`contains` is for strings, not for a list",
            "write `… in …`",
        ),
        ("size(assertion.secboot) == 1", "wrong-type", "a bool has no size", ""),
        ("assertion.swversion['0'] == 'a'", "wrong-type", "a string is no position in a list", ""),
        (
            "1 in assertion.swversion",
            "wrong-type",
            "an int is never in a list whose elements are each a string, by the documents",
            "",
        ),
        ("'a' in assertion.exp", "wrong-type", "`in` looks into a list or a map, not into an int", ""),
        (
            "assertion.exp + '1' == 'a'",
            "wrong-type",
            "`+` takes two of one type, not an int and a string, by the documents",
            "",
        ),
        (
            "assertion.sub.matches('(?=a)')",
            "invalid-pattern",
            "not a regular expression of RE2: RE2 has no lookaround, backreferences or such groups",
            "",
        ),
    ],
)
def test_a_mistake_is_found_and_named(text: str, rule: str, message: str, hint: str) -> None:
    (finding,) = check(parse(text))
    assert (finding.rule, finding.message, finding.hint) == (rule, message, hint)
    assert 0 <= finding.span.start < finding.span.end <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "assertion.dbgstat == 'disabled-since-boot'",
        f"'STABLE' in {SPACE}.support_attributes",
        f"!has({CONTAINER}.cmd_override) || size({CONTAINER}.cmd_override) == 0",
        f"{CONTAINER}.env_override == null || {CONTAINER}.env_override.all(n, n in ['A'])",
        f"{CONTAINER}.env.PATH == '/bin' && {CONTAINER}.env['A-B'] == 'x'",
        f"{CONTAINER}.image_signatures.exists(s, s.key_id == 'x' && s.signature_algorithm == 'y')",
        "assertion.google_service_accounts == ['a'] && assertion.google_service_accounts in [['a'], ['b']]",
        "'n' in assertion.eat_nonce || assertion.eat_nonce == 'n'",
        "google.subject.startsWith('gcpcs::') && attribute.image_digest != ''",
        "assertion.swversion.map(v, int(v)).exists(v, v > 250000)",
        "assertion.exp - assertion.iat <= 3600 && assertion.oemid == 11129.0",
        "assertion.sub.split('/')[8] == 'zones' && assertion.sub.extract('projects/{p}/') == 'secundus'",
        "has(assertion.submods.nvidia_gpu) ? assertion.submods.nvidia_gpu.cc_mode == 'ON' : false",
        "{'a': true}[assertion.submods.gce.zone]",
        "assertion.submods.gce['zone'] == 'a' && assertion.swversion.filter(v, v != '1') == []",
    ],
)
def test_a_sound_condition_has_no_finding(text: str) -> None:
    assert check(parse(text)) == ()


def test_the_issuer_is_the_one_that_verification_knows() -> None:
    assert ISSUER == ISSUER
