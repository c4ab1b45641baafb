"""What an answer is about: the providers of a policy, and what was read beside them.

    policies = parse_policy_set(text, name="policy.toml")
    policies.admits(claims)

A policy is named by our `policy.toml`, a `.cel` file, the YAML or JSON of `gcloud iam
workload-identity-pools providers describe` or `list`, or the JSON of `terraform show -json`.

Source: IAM API, projects.locations.workloadIdentityPools.providers, and Policy; Terraform, "JSON
Output Format"; opencontainers/image-spec, config.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from attestation.errors import Misconfigured
from attestation.issuer import ISSUER

from . import documents
from .deciding import Decision, Outcome, decide, decide_condition, sum_of
from .mapping import RECOMMENDED_MAPPING, AttributeMapping
from .provider import Provider, parse_provider
from .wording import quoted

if TYPE_CHECKING:
    from .waivers import Waiver

Kind: TypeAlias = Literal["policy", "condition", "provider", "providers", "terraform"]

MOST_CHARACTERS: Final = 8 * 1024 * 1024
MOST_PROVIDERS: Final = 50
_RESOURCE: Final = "google_iam_workload_identity_pool_provider"
_OTHER_CREDENTIALS: Final = ("aws", "saml", "x509")


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One member of one role in an IAM policy; `condition` is the binding's own CEL, "" for none."""

    role: str
    member: str
    condition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySet:
    """Providers of one pool, whose admissions add up, and what is known around them.

    A provider's condition may be one that Google would refuse: whoever compiles it is told. A bare
    condition is a provider without a name. `others` are the pool's providers of credentials that are
    no OIDC tokens. `bindings` is None when no IAM policy was read, `labels` when no image was.
    """

    kind: Kind
    text: str
    providers: tuple[Provider, ...]
    others: tuple[str, ...] = ()
    bindings: tuple[Binding, ...] | None = None
    labels: Mapping[str, str] | None = None
    waivers: tuple[Waiver, ...] = ()

    @property
    def active(self) -> tuple[Provider, ...]:
        """The providers that are not disabled."""
        return tuple(each for each in self.providers if not each.disabled)

    def admits(self, assertion: Mapping[str, object]) -> bool:
        """Whether one of the providers admits these claims.

        Issuer and audience are not asked: STS has verified them before, against the provider.

        Raises:
            InvalidExpression: Google would refuse a condition.
        """
        return self.outcome(assertion) == "admitted"

    def outcome(self, assertion: Mapping[str, object]) -> Outcome:
        """What the providers say together, whose admissions add up.

        Raises:
            InvalidExpression: Google would refuse a condition.
        """
        return sum_of([self.decide(each, assertion).outcome for each in self.providers])

    def decide(self, provider: Provider, assertion: Mapping[str, object]) -> Decision:
        """What this provider says of these claims.

        Of a bare condition it is not known what `google` and `attribute` are.

        Raises:
            InvalidExpression: Google would refuse the condition.
        """
        if self.kind == "condition":
            return decide_condition(provider.condition, assertion)
        return decide(provider, assertion)


def policy_set_of(condition: str) -> PolicySet:
    """A bare condition: of its provider nothing is known."""
    provider = Provider(
        name="",
        issuer=ISSUER,
        allowed_audiences=(),
        mapping=AttributeMapping.parse(RECOMMENDED_MAPPING),
        condition=condition,
        disabled=False,
        jwks=None,
    )
    return PolicySet(kind="condition", text=condition, providers=(provider,))


def as_policy_set(policies: PolicySet | str) -> PolicySet:
    """The policies as they are, or that of a bare condition."""
    return policy_set_of(policies) if isinstance(policies, str) else policies


def parse_policy_set(
    text: str, *, name: str, bindings: str | None = None, image: str | None = None
) -> PolicySet:
    """The policies that `text` states; the end of `name` says in which of the forms.

    `bindings` is an IAM policy in JSON or YAML, and `image` an image's configuration in JSON.

    Raises:
        Misconfigured: it is none of them, or something that Google would refuse. Only a condition
            that Google would refuse is taken as it is, for a rule to say so.
    """
    if len(text) > MOST_CHARACTERS:
        raise Misconfigured(
            f"a policy of {len(text):,} characters", hint=f"at most {MOST_CHARACTERS:,} are read"
        )
    policies = _policy_set(text, name)
    if bindings is not None:
        policies = replace(policies, bindings=parse_bindings(bindings))
    if image is not None:
        policies = replace(policies, labels=parse_labels(image))
    return policies


def _policy_set(text: str, name: str) -> PolicySet:
    ending = name.rpartition(".")[2].lower()
    if ending == "toml":
        from .policy_file import parse_policy  # only who has one waits for what reads TOML

        policy = parse_policy(text)
        return PolicySet(kind="policy", text=text, providers=(policy.provider,), waivers=policy.waivers)
    if ending == "cel":
        return policy_set_of(text)
    if text.lstrip()[:1] in ("{", "["):
        return _from_document(text, documents.parse_json(text, "policy"))
    documents.check_is_no_other_text(text, name)
    if ending in ("yaml", "yml") or documents.is_yaml(text):
        return _from_document(text, documents.parse_yaml(text, "policy"))
    if ending == "json":
        return _from_document(text, documents.parse_json(text, "policy"))
    return policy_set_of(text)


def _from_document(text: str, document: Any) -> PolicySet:
    if isinstance(document, list):
        for each in document:
            documents.check_is(each, documents.PROVIDER, hint=documents.PROVIDER_WANTED)
        if not all(isinstance(each, dict) for each in document):
            raise Misconfigured(
                "this is a list of something else than providers", hint=documents.PROVIDER_WANTED
            )
        return _gathered("providers", text, document)
    if isinstance(document, dict) and "workloadIdentityPoolProviders" in document:
        return _from_document(text, document["workloadIdentityPoolProviders"])
    if isinstance(document, dict) and ("planned_values" in document or "values" in document):
        return _gathered("terraform", text, list(_planned(document)))
    documents.check_is(document, documents.PROVIDER, hint=documents.PROVIDER_WANTED)
    members = _object(document, "a provider")
    if not documents.what_is(members) and not any(other in members for other in _OTHER_CREDENTIALS):
        raise Misconfigured(
            f"this has {documents.members_of(members)}, where a provider is wanted: it has no `oidc` section",
            hint=documents.PROVIDER_WANTED,
        )
    provider = _provider(members)
    return PolicySet(kind="provider", text=text, providers=(provider,))


def _gathered(kind: Kind, text: str, documents: list[Mapping[str, Any]]) -> PolicySet:
    if len(documents) > MOST_PROVIDERS:
        raise Misconfigured(f"{len(documents)} providers", hint=f"at most {MOST_PROVIDERS} are read at once")
    others = [each for each in documents if any(each.get(other) for other in _OTHER_CREDENTIALS)]
    providers = tuple(_provider(each) for each in documents if each not in others)
    if not providers:
        raise Misconfigured("no provider of OIDC tokens in it", hint="print one with `--format=json`")
    names = [str(each.get("name", "")) for each in others]
    return PolicySet(kind=kind, text=text, providers=providers, others=tuple(names))


def _provider(document: Mapping[str, Any]) -> Provider:
    """The provider, its condition taken as it is, be it one that Google would refuse."""
    condition = document.get("attributeCondition", "")
    if not isinstance(condition, str):
        raise Misconfigured("the provider's `attributeCondition` must be a string")
    return replace(parse_provider({**document, "attributeCondition": ""}), condition=condition)


def _planned(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The providers of a plan, or of a state, as the IAM API would print them."""
    unknown = _unknown_until_applied(document)
    waiting = [_object(document.get("planned_values", document.get("values")), "`planned_values`")]
    while waiting:
        module = waiting.pop()
        if "root_module" in module:
            waiting.append(_object(module["root_module"], "`root_module`"))
        waiting += [
            _object(each, "a module") for each in _list(module.get("child_modules"), "`child_modules`")
        ]
        for resource in _list(module.get("resources"), "`resources`"):
            resource = _object(resource, "a resource")
            if resource.get("type") == _RESOURCE and resource.get("mode", "managed") == "managed":
                yield _from_terraform(resource, unknown.get(str(resource.get("address")), {}))


def _unknown_until_applied(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    unknown: dict[str, Mapping[str, Any]] = {}
    for change in _list(document.get("resource_changes"), "`resource_changes`"):
        details = _object(_object(change, "a change").get("change", {}), "a change")
        after = details.get("after_unknown")
        unknown[str(change.get("address"))] = after if isinstance(after, dict) else {}
    return unknown


def _from_terraform(resource: Mapping[str, Any], unknown: Mapping[str, Any]) -> Mapping[str, Any]:
    values = _object(resource.get("values"), "a resource's `values`")
    address = quoted(str(resource.get("address")))
    for name in ("attribute_condition", "attribute_mapping", "oidc"):
        if unknown.get(name) is True:
            raise Misconfigured(
                f"`{name}` of {address} is known only when the plan is applied",
                hint="read it afterwards, with `gcloud iam workload-identity-pools providers describe`",
            )
    pool = f"workloadIdentityPools/{values.get('workload_identity_pool_id')}"
    name = f"{pool}/providers/{values.get('workload_identity_pool_provider_id')}"
    oidc = _first(values.get("oidc"))
    return {
        "name": values.get("name")
        or f"projects/{values.get('project') or 'unknown'}/locations/global/{name}",
        "attributeMapping": values.get("attribute_mapping") or {},
        "attributeCondition": values.get("attribute_condition") or "",
        "disabled": values.get("disabled") or False,
        **{other: values[other] for other in _OTHER_CREDENTIALS if values.get(other)},
        "oidc": {
            "issuerUri": oidc.get("issuer_uri"),
            "allowedAudiences": oidc.get("allowed_audiences") or [],
            "jwksJson": oidc.get("jwks_json") or "",
        },
    }


def _first(blocks: Any) -> Mapping[str, Any]:
    return blocks[0] if isinstance(blocks, list) and blocks and isinstance(blocks[0], dict) else {}


def parse_bindings(text: str) -> tuple[Binding, ...]:
    """The bindings of an IAM policy, one for each member.

    Raises:
        Misconfigured: it is no IAM policy.
    """
    hint = "print one with `gcloud iam service-accounts get-iam-policy ACCOUNT --format=json`"
    documents.check_is_no_other_text(text, "")
    if documents.is_yaml(text):
        document = documents.parse_yaml(text, "IAM policy")
    else:
        document = documents.parse_json(text, "IAM policy", hint=hint)
    documents.check_is(document, documents.IAM_POLICY, hint=hint)
    document = _object(document, "an IAM policy")
    bindings = []
    for each in _list(document.get("bindings"), "`bindings`"):
        binding = _object(each, "a binding")
        condition = _object_or_none(binding.get("condition"), "a binding's `condition`")
        for member in _list(binding.get("members"), "`members`"):
            bindings.append(
                Binding(
                    role=str(binding.get("role", "")),
                    member=str(member),
                    condition=str(condition.get("expression", "")),
                )
            )
    return tuple(bindings)


def parse_labels(text: str) -> Mapping[str, str]:
    """The labels of an image, of its configuration's JSON.

    Raises:
        Misconfigured: it is no image configuration.
    """
    hint = "it is the blob that the manifest's `config.digest` names"
    parsed = documents.parse_json(text, "image configuration", hint=hint)
    documents.check_is(parsed, documents.IMAGE_CONFIGURATION, hint=hint)
    document = _object(parsed, "an image configuration")
    if "config" not in document:
        raise Misconfigured(
            "the image configuration has no `config`",
            hint=hint,
        )
    labels = _object_or_none(_object_or_none(document["config"], "`config`").get("Labels"), "`Labels`")
    return {str(key): str(value) for key, value in labels.items()}


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Misconfigured(f"{what} must be a JSON object")
    return value


def _object_or_none(value: Any, what: str) -> Mapping[str, Any]:
    return {} if value is None else _object(value, what)


def _list(value: Any, what: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Misconfigured(f"{what} must be a JSON list")
    return value
