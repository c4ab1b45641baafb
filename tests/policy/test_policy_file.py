"""The owner's TOML: hardened unless it says otherwise, and nothing in it is passed over."""

from __future__ import annotations

import shlex
import textwrap
from typing import Any

import pytest

from attestation.errors import Misconfigured
from policy import policy_file
from policy.attribute_conditions import Signer, parse_condition
from policy.explaining import explain
from policy.mapping import RECOMMENDED_MAPPING
from policy.policy_file import parse_policy, render_gcloud
from policy.provider import parse_provider

DIGEST = "sha256:" + "a" * 64
SMALLEST = f"""
[provider]
project_number = "123456789012"
pool = "primus-wip"
name = "primus-provider"

[what]
image_digests = ["{DIGEST}"]

[who]
service_accounts = ["workload-sa@secundus.iam.gserviceaccount.com"]
"""


def test_the_smallest_policy_asks_for_a_hardened_production_machine(good: dict[str, Any]) -> None:
    policy = parse_policy(SMALLEST)
    assert policy.condition.split(" && ") == [
        f'assertion.submods.container.image_digest == "{DIGEST}"',
        'assertion.swname == "CONFIDENTIAL_SPACE"',
        '"STABLE" in assertion.submods.confidential_space.support_attributes',
        'assertion.dbgstat == "disabled-since-boot"',
        'assertion.hwmodel in ["GCP_AMD_SEV", "GCP_AMD_SEV_ES", "GCP_INTEL_TDX"]',
        "assertion.secboot == true",
        "assertion.submods.confidential_space.monitoring_enabled.memory == false",
        'assertion.google_service_accounts == ["workload-sa@secundus.iam.gserviceaccount.com"]',
        "(!has(assertion.submods.container.cmd_override)"
        " || size(assertion.submods.container.cmd_override) == 0)",
        "(!has(assertion.submods.container.env_override)"
        " || size(assertion.submods.container.env_override) == 0)",
    ]
    assert parse_condition(policy.condition) == policy.conditions
    assert policy.mapping.expressions == RECOMMENDED_MAPPING
    del good["submods"]["container"]["env_override"]
    assert explain(policy.condition, assertion=good).admitted


def test_the_documented_example_is_a_policy() -> None:
    example = textwrap.dedent((policy_file.__doc__ or "").split("`unsafe_not_asked`.")[1])
    example = example.replace("sha256:…", DIGEST).replace("us-docker.pkg.dev/…@", "us-docker.pkg.dev/p/r/i@")
    example = example.replace("…64 hex digits…", "c" * 64)
    policy = parse_policy(example)
    assert policy.conditions.what.signers == (Signer(key_id="c" * 64, algorithm="ECDSA_P256_SHA256"),)
    assert policy.conditions.how.env_override == ("INPUT_URI",)
    assert dict(policy.mapping.expressions) == {"google.subject": "assertion.sub"}
    uncommented = (
        example.replace("# issuer", "issuer").replace("# allowed", "allowed").replace("# gpu", "gpu")
    )
    uncommented = uncommented.replace("# args", "args").replace("secboot = true\n", "")
    policy = parse_policy(uncommented.replace("# unsafe", "unsafe"))
    assert policy.conditions.where.secboot is None
    assert policy.conditions.where.gpu_cc_mode == "ON"
    assert policy.conditions.how.args == ("python", "-m", "workload")


def test_leaving_a_question_out_takes_a_word_that_says_so() -> None:
    policy = parse_policy(SMALLEST + '[where]\nunsafe_not_asked = ["dbgstat", "support_attribute"]\n')
    assert "dbgstat" not in policy.condition
    assert "support_attributes" not in policy.condition
    assert "swname" in policy.condition
    anyone = SMALLEST.split("[who]")[0] + '[who]\nunsafe_not_asked = ["service_accounts"]\n'
    assert "google_service_accounts" not in parse_policy(anyone).condition


def test_the_provider_document_is_read_back_as_the_same_provider() -> None:
    policy = parse_policy(SMALLEST)
    assert parse_provider(policy.provider_document()) == policy.provider
    assert policy.name == (
        "projects/123456789012/locations/global/workloadIdentityPools/primus-wip/providers/primus-provider"
    )


def options(text: str) -> tuple[list[str], dict[str, str]]:
    words = shlex.split(text)
    named = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
    return [word for word in words if not word.startswith("--")], named


def test_the_gcloud_line_survives_a_shell_word_for_word() -> None:
    quirky = with_("how", 'args = ["it\'s \\"$(rm -rf)\\" `x` !"]')
    policy = parse_policy(quirky + '[mapping]\n"google.subject" = "assertion.sub + \',\'"\n')
    text = render_gcloud(policy)
    assert "\n" not in text
    words, named = options(text)
    assert words == [*["gcloud", "iam", "workload-identity-pools", "providers", "create-oidc"], policy.name]
    assert named == {
        "issuer-uri": "https://confidentialcomputing.googleapis.com",
        "attribute-mapping": "^;^google.subject=assertion.sub + ','",
        "attribute-condition": policy.condition,
    }


def test_several_audiences_and_attributes_are_listed_as_gcloud_reads_them() -> None:
    audiences = 'allowed_audiences = ["https://a.example", "b"]\n[what]'
    _, named = options(render_gcloud(parse_policy(SMALLEST.replace("[what]", audiences, 1))))
    assert named["allowed-audiences"] == "https://a.example,b"
    keys = [item.split("=", 1)[0] for item in named["attribute-mapping"].split(",")]
    assert keys == ["google.subject", "attribute.image_digest"]


BAD_POOL = "`provider.pool` must be a string of 4 to 32 of `a-z`, `0-9` and `-`"


def with_(section: str, line: str) -> str:
    """The smallest policy with one more line in one of its sections."""
    if f"[{section}]" not in SMALLEST:
        return f"{SMALLEST}[{section}]\n{line}\n"
    return SMALLEST.replace(f"[{section}]", f"[{section}]\n{line}", 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = ", "the policy is not TOML: `Invalid value (at end of document)`"),
        ("a = " + "[" * 5_000, "the policy is not TOML: it is nested too deeply"),
        ("a = " + "9" * 5_000, "the policy is not TOML: a number has too many digits"),
        ("surprise = 1" + SMALLEST, "the policy has an unknown key `surprise`"),
        ("[surprise]" + SMALLEST, "the policy has an unknown key `surprise`"),
        (with_("provider", 'region = "us"'), "`[provider]` has an unknown key `region`"),
        (with_("what", 'image_digest = "a"'), "`[what]` has an unknown key `image_digest`"),
        (with_("where", 'debug = "off"'), "`[where]` has an unknown key `debug`"),
        (with_("who", 'users = ["a"]'), "`[who]` has an unknown key `users`"),
        (with_("how", "env = []"), "`[how]` has an unknown key `env`"),
        (with_("where", 'dbgstat = "enable"'), "`enable` is not documented for `dbgstat`"),
        (with_("where", "dbgstat = true"), "`where.dbgstat` must be a string"),
        (with_("where", 'secboot = "true"'), "`where.secboot` must be true or false"),
        (with_("where", 'hwmodels = "GCP_AMD_SEV"'), "`where.hwmodels` must be a list of strings"),
        (with_("how", "env_override = [1]"), "`how.env_override` must be a list of strings"),
        (
            with_("where", 'unsafe_not_asked = ["everything"]'),
            "`unsafe_not_asked` of `[where]` must be a list of its keys",
        ),
        (
            with_("where", 'secboot = true\nunsafe_not_asked = ["secboot"]'),
            "`where.secboot` is asked and not asked",
        ),
        (with_("what", "signers = 1"), "`what.signers` must be a list of `{ key_id = …, algorithm = … }`"),
        (
            with_("what", "signers = [{ key_id = 'a' }]"),
            "a signer needs `key_id` and `algorithm`, both strings",
        ),
        (with_("what", "signers = [{ key = 'a' }]"), "a signer has an unknown key `key`"),
        (SMALLEST.replace(DIGEST, "sha256:x"), "`sha256:x` is not a digest"),
        (SMALLEST.replace(f'image_digests = ["{DIGEST}"]', ""), "`[what]` asks nothing"),
        (SMALLEST.split("[who]")[0], "`[who]` asks nothing"),
        (SMALLEST.replace('pool = "primus-wip"', ""), BAD_POOL),
        (SMALLEST.replace('"primus-wip"', '"Primus"'), BAD_POOL),
        (
            SMALLEST.replace('"123456789012"', "123456789012"),
            "`provider.project_number` must be a string of digits",
        ),
        (with_("provider", 'issuer = "http://x"'), "the issuer `http://x` is not an `https://` URL"),
        (
            with_("provider", "allowed_audiences = 'a'"),
            "the allowed audiences must be a list of strings that are not empty",
        ),
        (
            with_("mapping", '"attribute.a" = "assertion.sub"'),
            "the attribute mapping has no `google.subject`",
        ),
        ("mapping = 1" + SMALLEST, "`mapping` must be a section, `[mapping]`"),
        ("where = 1" + SMALLEST, "`where` must be a section, `[where]`"),
    ],
)
def test_a_policy_that_says_something_else_is_refused(text: str, message: str) -> None:
    with pytest.raises(Misconfigured) as refusal:
        parse_policy(text)
    assert refusal.value.message == message
    assert refusal.value.hint != "" or message.startswith("the policy is not TOML")
