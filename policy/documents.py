"""What a text is before anybody reads it as a policy: JSON, gcloud's YAML, or something else altogether.

Source: RFC 8259; YAML 1.1, as PyYAML reads it; the files themselves for how each is recognised: Google's
key files and credential configurations, IAM policies, OCI image-spec, Terraform, RFC 7517.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from attestation.errors import Misconfigured
from attestation.rejections import DuplicateClaim
from attestation.strict_json import members_once

from .wording import listed, quoted

MOST_YAML_CHARACTERS: Final = 1024 * 1024
PROVIDER_WANTED: Final = (
    "print one with `gcloud iam workload-identity-pools providers describe PROVIDER"
    " --workload-identity-pool=POOL --location=global --format=json`"
)
_YAML_KEYS: Final = (
    "attributeCondition|attributeMapping|bindings|description|disabled|displayName|etag|expireTime|name|oidc"
    "|state|version|workloadIdentityPoolProviders"
)
_YAML: Final = re.compile(rf"(?:---\s*\n|%YAML|(?:- +)?(?:{_YAML_KEYS}):(?:\s|$))")
_TERRAFORM: Final = re.compile(
    r'^(?:resource|data)[ \t]+"[^"\n]+"[ \t]+"[^"\n]+"[ \t]*\{'
    r'|^(?:variable|provider|module|output)[ \t]+"[^"\n]+"[ \t]*\{|^(?:terraform|locals)[ \t]*\{',
    re.MULTILINE,
)
_MARKDOWN: Final = re.compile(r"\A\s*(?:#{1,6}[ \t]|<!--)|^```", re.MULTILINE)
_TOKEN: Final = re.compile(r"\s*(?:Bearer\s+)?eyJ[\w-]+\.[\w-]+\.[\w-]*\s*", re.ASCII)
_MOST_NAMES: Final = 5
_SHOWN_IN_A_PAGE: Final = "put the condition that it shows into a `.cel` file"

Members = Mapping[str, Any]


def is_yaml(text: str) -> bool:
    """Whether it begins as what gcloud prints without `--format=json`."""
    return _YAML.match(text.lstrip()) is not None


def check_is_no_other_text(text: str, name: str) -> None:
    """It may be a policy: it is no page, no program and no secret.

    Raises:
        Misconfigured: it is one; the message says which.
    """
    if (found := other_text(text, name)) is not None:
        raise Misconfigured(f"this is {found.what}, where a policy is wanted{found.more}", hint=found.hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherText:
    """A text that is no policy: `what` it is, `more` that one should know, and the way to a policy."""

    what: str
    hint: str
    more: str = ""


def other_text(text: str, name: str) -> OtherText | None:
    """What a text is that people confuse with a policy; None where it may be one."""
    ending = name.rpartition(".")[2].lower()
    start = text.lstrip()[:200].lower()
    if ending == "tf" or _TERRAFORM.search(text):
        return OtherText(
            what="Terraform's source",
            more=": what it comes to is known in a plan",
            hint="`terraform plan -out=plan`, then `terraform show -json plan > plan.json`, and give that",
        )
    if start.startswith(("<!doctype html", "<html", "<?xml")):
        return OtherText(what="a web page", hint=_SHOWN_IN_A_PAGE)
    if start.startswith("-----begin"):
        return OtherText(what="a key or a certificate in PEM", hint=PROVIDER_WANTED)
    if start.startswith("#!"):
        return OtherText(what="a script", hint="put its `--attribute-condition` into a `.cel` file")
    if ending in ("md", "markdown") or _MARKDOWN.search(text):
        return OtherText(what="a Markdown page", hint=_SHOWN_IN_A_PAGE)
    if _TOKEN.fullmatch(text):
        return OtherText(what="a token", hint="ask about it with `symbolon auditor explain --token`")
    return None


def parse_json(text: str, what: str, *, hint: str = "is it the right file?") -> Any:
    """The JSON that `text` is, no name twice in one of its objects; `hint` is for whoever has none.

    Raises:
        Misconfigured: it is no JSON, or names a member twice.
    """
    if not text.strip():
        raise Misconfigured(f"the {what} is empty", hint=hint)
    try:
        return json.loads(text, object_pairs_hook=members_once)
    except DuplicateClaim as twice:
        raise Misconfigured(f"in the {what}, {twice.message}", hint="keep one of the two") from None
    except (ValueError, RecursionError) as invalid:
        problem = str(invalid) if isinstance(invalid, ValueError) else "nested too deeply"
        raise Misconfigured(f"the {what} is not JSON: {quoted(problem)}", hint=hint) from None


def parse_yaml(text: str, what: str) -> Any:
    """The YAML that `text` is; a list of them where it is several documents.

    Raises:
        Misconfigured: it is none, or is more than gcloud ever prints: references, a name twice.
    """
    if len(text) > MOST_YAML_CHARACTERS:
        hint = f"at most {MOST_YAML_CHARACTERS:,} are read: print it with `--format=json`"
        raise Misconfigured(f"{len(text):,} characters of YAML", hint=hint)
    import yaml  # only who has some waits for it

    from .plain_yaml import PlainLoader

    try:
        documents = [each for each in yaml.load_all(text, Loader=PlainLoader) if each is not None]
    except (yaml.YAMLError, ValueError, RecursionError) as invalid:
        mark = getattr(invalid, "problem_mark", None)
        where = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
        problem = getattr(invalid, "problem", None) or "nested too deeply, or no value"
        hint = "print it with `--format=json`"
        raise Misconfigured(f"the {what} is not YAML: {where}{quoted(str(problem))}", hint=hint) from None
    return documents[0] if len(documents) == 1 else documents


def what_is(document: object) -> str:
    """What a document is, in words, where it is something that people confuse with a policy; else "".

    >>> what_is({"type": "service_account", "private_key": "…"})
    "a service account's key"
    """
    if not isinstance(document, dict):
        return ""
    return next((what for what, recognises in _RECOGNISED if recognises(document)), "")


def check_is(document: object, wanted: str, *, hint: str) -> None:
    """The document is not recognised as another thing than `wanted`.

    Raises:
        Misconfigured: it is; the message says what was found, and what is wanted.
    """
    found = what_is(document)
    if found and found != wanted:
        raise Misconfigured(f"this is {found}, where {wanted} is wanted", hint=hint)


def members_of(document: Mapping[str, Any]) -> str:
    """The names of its members, in words, the first few."""
    names = [quoted(str(each), most_characters=30) for each in document]
    shown = names[:_MOST_NAMES] + ["more"] * (len(names) > _MOST_NAMES)
    return listed(shown, "and") or "nothing"


def _has(*names: str) -> Callable[[Members], bool]:
    return lambda document: all(name in document for name in names)


def _of_type(type_: str) -> Callable[[Members], bool]:
    return lambda document: document.get("type") == type_


def _is_pool(document: Members) -> bool:
    name = document.get("name")
    return isinstance(name, str) and "/workloadIdentityPools/" in name and "/providers/" not in name


PROVIDER: Final = "a provider"
IAM_POLICY: Final = "an IAM policy"
IMAGE_CONFIGURATION: Final = "an image's configuration"
_RECOGNISED: Final[tuple[tuple[str, Callable[[Members], bool]], ...]] = (
    (PROVIDER, _has("attributeMapping")),
    (PROVIDER, _has("oidc")),
    ("a service account's key", _of_type("service_account")),
    ("a credential configuration", _of_type("external_account")),
    ("a person's credential", _of_type("authorized_user")),
    ("a provider's list", _has("workloadIdentityPoolProviders")),
    ("a Terraform plan", _has("planned_values")),
    ("a Terraform state as it is stored", _has("terraform_version", "lineage")),
    ("Terraform's source", lambda document: isinstance(document.get("resource"), dict)),
    ("a review of ours", _has("findings", "record")),
    (IAM_POLICY, _has("bindings")),
    (IMAGE_CONFIGURATION, lambda document: isinstance(document.get("config"), dict) and "rootfs" in document),
    ("an image's manifest", _has("schemaVersion", "layers")),
    ("an image's index", _has("schemaVersion", "manifests")),
    ("a key set", lambda document: isinstance(document.get("keys"), list)),
    ("a token's claims", _has("iss", "aud")),
    ("a token's claims", _has("submods")),
    ("a workload identity pool", _is_pool),
    ("a service account", _has("email", "uniqueId")),
)
