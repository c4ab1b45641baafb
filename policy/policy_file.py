"""The owner's policy as a TOML file.

What is not written under `[where]` and `[how]` is asked all the same, at its safest: an encrypted
production VM in a supported version, without overrides. Leaving a question out takes a word that
says so: `unsafe_not_asked`.

    [provider]
    project_number = "123456789012"     # the owner's project
    pool = "primus-wip"
    name = "primus-wip-provider"
    # issuer = "https://confidentialcomputing.googleapis.com"
    # allowed_audiences = []            # empty: the provider's own resource name

    [what]                              # at least one of these
    image_digests = ["sha256:…"]
    image_references = ["us-docker.pkg.dev/…@sha256:…"]
    signers = [{ key_id = "…64 hex digits…", algorithm = "ECDSA_P256_SHA256" }]

    [where]
    swname = "CONFIDENTIAL_SPACE"       # these are what is asked without them
    support_attribute = "STABLE"
    dbgstat = "disabled-since-boot"
    hwmodels = ["GCP_AMD_SEV", "GCP_AMD_SEV_ES", "GCP_INTEL_TDX"]
    secboot = true
    memory_monitoring = false
    # gpu_cc_mode = "ON"                # asked only when it is written
    # unsafe_not_asked = ["secboot"]

    [who]                               # at least one of these
    service_accounts = ["workload-sa@secundus.iam.gserviceaccount.com"]
    project_ids = ["secundus"]
    project_numbers = ["987654321098"]

    [how]
    # args = ["python", "-m", "workload"]   # asked only when it is written
    cmd_override = []                   # none
    env_override = ["INPUT_URI"]        # the variables that may be set; [] is none

    [mapping]                           # without it, the mapping that Google recommends
    "google.subject" = "assertion.sub"

    # [[waiver]]                        # see policy/waivers.py
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from attestation.errors import Misconfigured
from attestation.issuer import ISSUER

from . import schema
from .attribute_conditions import AttributeConditions, How, Signer, What, Where, Who, render_condition
from .gcloud import provider_command
from .mapping import RECOMMENDED_MAPPING, AttributeMapping
from .provider import Provider, parse_provider
from .waivers import Waiver, parse_waivers
from .wording import listed, quoted

_HARDENED_WHERE: Final = {
    "swname": "CONFIDENTIAL_SPACE",
    "support_attribute": "STABLE",
    "dbgstat": "disabled-since-boot",
    "hwmodels": schema.ENCRYPTED_MEMORY,
    "secboot": True,
    "memory_monitoring": False,
}
_HARDENED_HOW: Final = {"cmd_override": (), "env_override": ()}
_UNASKED: Final = "unsafe_not_asked"
_SIGNER: Final = (
    f'`signers = [{{ key_id = "64 hex digits", algorithm = "{schema.SIGNATURE_ALGORITHMS[-1]}" }}]`'
)
_ID: Final = re.compile(r"[a-z0-9-]{4,32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What an owner asks, and of which provider; `condition` and `provider` are ready to use."""

    conditions: AttributeConditions
    condition: str
    provider: Provider
    waivers: tuple[Waiver, ...] = ()

    @property
    def mapping(self) -> AttributeMapping:
        return self.provider.mapping

    @property
    def name(self) -> str:
        """projects/N/locations/global/workloadIdentityPools/POOL/providers/PROVIDER"""
        return self.provider.name

    def provider_document(self) -> dict[str, object]:
        """The provider as the IAM API takes it; `parse_provider` reads it back."""
        return {
            "name": self.provider.name,
            "attributeMapping": dict(self.provider.mapping.expressions),
            "attributeCondition": self.condition,
            "oidc": {
                "issuerUri": self.provider.issuer,
                "allowedAudiences": list(self.provider.allowed_audiences),
            },
        }


def parse_policy(text: str) -> Policy:
    """The policy that a TOML file states.

    Raises:
        Misconfigured: no TOML, an unknown key, a missing one, or something that Google would refuse.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as invalid:
        reason = quoted(str(invalid).splitlines()[0], most_characters=160)
        raise Misconfigured(
            f"the policy is not TOML: {reason}",
            hint='strings stand in quotes, lists in brackets: `env_override = ["INPUT_URI"]`',
        ) from None
    except RecursionError:
        raise Misconfigured("the policy is not TOML: it is nested too deeply") from None
    except ValueError:
        raise Misconfigured("the policy is not TOML: a number has too many digits") from None
    _check_keys("the policy", document, ["provider", "what", "where", "who", "how", "mapping", "waiver"])
    sections = {name: _section(document, name) for name in ("provider", "what", "where", "who", "how")}
    conditions = AttributeConditions(
        what=_what(sections["what"]),
        where=Where(**_asked("where", sections["where"], Where, _HARDENED_WHERE)),
        who=Who(**_asked("who", sections["who"], Who, {})),
        how=How(**_asked("how", sections["how"], How, _HARDENED_HOW)),
    )
    for name, section in (("what", conditions.what), ("who", conditions.who)):
        asked = any(getattr(section, each.name) for each in fields(section))
        if not asked and _UNASKED not in sections[name]:
            known = listed([quoted(each.name) for each in fields(section)])
            raise Misconfigured(f"`[{name}]` asks nothing", hint=f"write {known}")
    condition = render_condition(conditions)
    provider = _provider(sections["provider"], document.get("mapping", RECOMMENDED_MAPPING), condition)
    waivers = parse_waivers(document.get("waiver", []))
    return Policy(conditions=conditions, condition=condition, provider=provider, waivers=waivers)


def render_gcloud(policy: Policy) -> str:
    """The command that creates the provider, as one line for a POSIX shell."""
    return shlex.join(provider_command(policy.provider))


def _check_keys(where: str, table: Mapping[str, Any], known: list[str]) -> None:
    for key in table:
        if key not in known:
            raise Misconfigured(
                f"{where} has an unknown key {quoted(key)}",
                hint=f"its keys are {listed([quoted(each) for each in known], 'and')}",
            )


def _section(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = document.get(name, {})
    if not isinstance(section, dict):
        raise Misconfigured(
            f"`{name}` must be a section, `[{name}]`",
            hint=f"write `[{name}]` on a line of its own, and its keys below it",
        )
    return section


def _asked(name: str, section: Mapping[str, Any], type_: Any, hardened: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a section: written ones, and hardened ones unless they are named as not asked."""
    known = [each.name for each in fields(type_)]
    _check_keys(f"`[{name}]`", section, [*known, _UNASKED])
    unasked = section.get(_UNASKED, [])
    if not isinstance(unasked, list) or not all(each in known for each in unasked):
        raise Misconfigured(
            f"`{_UNASKED}` of `[{name}]` must be a list of its keys",
            hint=f"they are {listed([quoted(each) for each in known], 'and')}, each in quotes",
        )
    written = {key: _value(name, key, section[key], type_) for key in known if key in section}
    for key in unasked:
        if key in written:
            raise Misconfigured(
                f"`{name}.{key}` is asked and not asked",
                hint=f"remove it, or remove it from `{_UNASKED}`",
            )
    return {**{key: value for key, value in hardened.items() if key not in unasked}, **written}


def _value(section: str, key: str, value: Any, type_: Any) -> Any:
    """A TOML value as the field takes it: strings, booleans, lists as tuples."""
    declared = next(each.type for each in fields(type_) if each.name == key)
    kind = str if "str" in declared else bool
    if "tuple" in declared:
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        raise Misconfigured(
            f"`{section}.{key}` must be a list of strings",
            hint=f'write them in quotes, in brackets: `{key} = ["…"]`',
        )
    if not isinstance(value, kind):
        must, example = ("a string", '"…"') if kind is str else ("true or false", "true")
        raise Misconfigured(
            f"`{section}.{key}` must be {must}",
            hint=f"write it {'in' if kind is str else 'without'} quotes: `{key} = {example}`",
        )
    return value


def _what(section: Mapping[str, Any]) -> What:
    signers = section.get("signers", [])
    if not isinstance(signers, list) or not all(isinstance(each, dict) for each in signers):
        raise Misconfigured("`what.signers` must be a list of `{ key_id = …, algorithm = … }`", hint=_SIGNER)
    for each in signers:
        _check_keys("a signer", each, ["key_id", "algorithm"])
        if not all(isinstance(each.get(key), str) for key in ("key_id", "algorithm")):
            raise Misconfigured("a signer needs `key_id` and `algorithm`, both strings", hint=_SIGNER)
    _check_keys("`[what]`", section, [*(each.name for each in fields(What)), _UNASKED])
    others = {key: value for key, value in section.items() if key != "signers"}
    return What(**_asked("what", others, What, {}), signers=tuple(Signer(**each) for each in signers))


def _provider(section: Mapping[str, Any], mapping: Any, condition: str) -> Provider:
    _check_keys("`[provider]`", section, ["project_number", "pool", "name", "issuer", "allowed_audiences"])
    for key, pattern in (("project_number", schema.NUMBER_PATTERN), ("pool", _ID), ("name", _ID)):
        value = section.get(key)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            kind = "digits" if key == "project_number" else "4 to 32 of `a-z`, `0-9` and `-`"
            example = '"123456789012"' if key == "project_number" else '"primus-wip"'
            raise Misconfigured(
                f"`provider.{key}` must be a string of {kind}",
                hint=f"write it in quotes: `{key} = {example}`",
            )
    if not isinstance(mapping, Mapping):
        raise Misconfigured(
            "`mapping` must be a section, `[mapping]`",
            hint='its keys stand in quotes: `"google.subject" = "assertion.sub"`',
        )
    pool = f"projects/{section['project_number']}/locations/global/workloadIdentityPools/{section['pool']}"
    return parse_provider(
        {
            "name": f"{pool}/providers/{section['name']}",
            "attributeMapping": mapping,
            "attributeCondition": condition,
            "oidc": {
                "issuerUri": section.get("issuer", ISSUER),
                "allowedAudiences": section.get("allowed_audiences", []),
            },
        }
    )
