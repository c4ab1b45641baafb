"""An owner's conditions as types, in the codelab's order: what, where, who, how.

    text = render_condition(conditions)      # CEL that Google accepts
    parse_condition(text) == conditions      # and back

In every field None, or an empty tuple where the default is one, means "not asked".

Source: Google Cloud documentation, "Attestation assertions" and "Create and grant access to
confidential resources"; GoogleCloudPlatform/confidential-space, codelabs/ml_model_protection.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Final

from attestation.digests import parse_digest
from attestation.errors import Misconfigured

from . import schema
from .cel.parser import MAX_CONDITION_CHARACTERS, parse
from .cel.syntax import InvalidExpression, Node, conjuncts
from .cel.templates import NO_CONSTANT, Template
from .wording import listed, quoted

_KEY_ID = re.compile(r"[0-9a-f]{64}")
_SERVICE_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9.-]*@[a-z0-9][a-z0-9.-]*\.gserviceaccount\.com")
_PROJECT_ID = re.compile(r"([a-z0-9][a-z0-9.-]*:)?[a-z][a-z0-9-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A key that signs images: SHA-256 of its DER form in hex digits, and how it signs."""

    key_id: str
    algorithm: str

    def __post_init__(self) -> None:
        _check_vocabulary("algorithm", (self.algorithm,), schema.SIGNATURE_ALGORITHMS)
        if not _KEY_ID.fullmatch(self.key_id):
            raise Misconfigured(
                f"{quoted(self.key_id)} is no key ID",
                hint="it is 64 lower-case hex digits, without `sha256:`",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class What:
    """Which workload: one of these digests, and one of these references, signed by one of these keys."""

    image_digests: tuple[str, ...] = ()
    image_references: tuple[str, ...] = ()
    signers: tuple[Signer, ...] = ()

    def __post_init__(self) -> None:
        for digest in self.image_digests:
            parse_digest(digest)
        _check_strings("image_references", self.image_references)
        for name in ("image_digests", "image_references", "signers"):
            _check_apart(name, getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """In which environment; `memory_monitoring` is usually asked to be False, `secboot` to be True."""

    swname: str | None = None
    support_attribute: str | None = None
    dbgstat: str | None = None
    hwmodels: tuple[str, ...] = ()
    secboot: bool | None = None
    memory_monitoring: bool | None = None
    gpu_cc_mode: str | None = None

    def __post_init__(self) -> None:
        _check_claim("swname", self.swname, "swname")
        _check_claim("dbgstat", self.dbgstat, "dbgstat")
        _check_vocabulary("hwmodels", self.hwmodels, schema.ASSERTION.fields["hwmodel"].values)
        _check_apart("hwmodels", self.hwmodels)
        if self.support_attribute is not None:
            _check_vocabulary("support_attribute", (self.support_attribute,), schema.SUPPORT_ATTRIBUTES)
        if self.gpu_cc_mode is not None:
            _check_vocabulary("gpu_cc_mode", (self.gpu_cc_mode,), schema.GPU_MODES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """For whom: the VM's only service account is one of these, and its project one of these."""

    service_accounts: tuple[str, ...] = ()
    project_ids: tuple[str, ...] = ()
    project_numbers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for each in fields(self):
            _check_strings(each.name, getattr(self, each.name))
            _check_apart(each.name, getattr(self, each.name))
        for account in self.service_accounts:
            if not _SERVICE_ACCOUNT.fullmatch(account):
                raise Misconfigured(
                    f"{quoted(account)} is no service account's e-mail address",
                    hint="it ends with `.gserviceaccount.com`: `workload-sa@PROJECT.iam.gserviceaccount.com`",
                )
        for project in self.project_ids:
            if not _PROJECT_ID.fullmatch(project):
                raise Misconfigured(
                    f"{quoted(project)} is no project ID", hint="it is of `a-z`, `0-9` and `-`"
                )
        for number in self.project_numbers:
            if not re.fullmatch(schema.NUMBER_PATTERN, number):
                raise Misconfigured(f"{quoted(number)} is no project number", hint="it is digits alone")


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """Started how: this exact command line, this exact override of it, only these variables overridden.

    An empty `cmd_override` or `env_override` is "none at all".
    """

    args: tuple[str, ...] | None = None
    cmd_override: tuple[str, ...] | None = None
    env_override: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            for text in getattr(self, each.name) or ():
                if not isinstance(text, str):
                    raise Misconfigured(
                        f"`{each.name}` must be a list of strings",
                        hint=f'write them in quotes: `{each.name} = ["…"]`',
                    )
        _check_apart("env_override", self.env_override or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeConditions:
    """All that an owner asks of a token."""

    what: What = field(default_factory=What)
    where: Where = field(default_factory=Where)
    who: Who = field(default_factory=Who)
    how: How = field(default_factory=How)


def _check_strings(name: str, values: tuple[str, ...]) -> None:
    if not all(isinstance(value, str) and value for value in values):
        raise Misconfigured(
            f"`{name}` must be a list of strings that are not empty",
            hint=f"leave `{name}` out to ask nothing of it",
        )


def _check_apart(name: str, values: tuple[object, ...]) -> None:
    if len(set(values)) != len(values):
        raise Misconfigured(f"`{name}` says something twice", hint="write it once")


def _check_vocabulary(name: str, values: tuple[str, ...], known: tuple[str, ...]) -> None:
    for value in values:
        if value not in known:
            choices = listed([quoted(each) for each in known], "and")
            raise Misconfigured(
                f"{quoted(str(value))} is not documented for `{name}`", hint=f"known are {choices}"
            )


def _check_claim(name: str, value: str | None, claim: str) -> None:
    if value is not None:
        _check_vocabulary(name, (value,), schema.ASSERTION.fields[claim].values)


@dataclass(frozen=True, slots=True)
class _Form:
    """One way to write a field: `constant` gives what fills the template, `value` reads it back.

    Both give NO_CONSTANT where this form is not the one.
    """

    template: Template
    constant: Callable[[Any], object]
    value: Callable[[Any], Any]


def _is_strings(constant: object) -> bool:
    return isinstance(constant, list) and all(isinstance(each, str) for each in constant)


def _scalar(text: str, kind: type) -> list[_Form]:
    return [
        _Form(
            Template(text),
            lambda value: NO_CONSTANT if value is None else value,
            lambda constant: constant if isinstance(constant, kind) else NO_CONSTANT,
        )
    ]


def _choice(claim: str) -> list[_Form]:
    """One of several strings."""
    return [
        _Form(
            Template(f"{claim} == HOLE"),
            lambda values: values[0] if len(values) == 1 else NO_CONSTANT,
            lambda constant: (constant,) if isinstance(constant, str) else NO_CONSTANT,
        ),
        _Form(
            Template(f"{claim} in HOLE"),
            lambda values: list(values) or NO_CONSTANT,
            lambda constant: tuple(constant) if constant and _is_strings(constant) else NO_CONSTANT,
        ),
    ]


def _only_element(claim: str) -> list[_Form]:
    """A list of exactly one string, which is one of several: nobody hides behind a second account."""

    def value(constant: Any) -> Any:
        lists = constant if isinstance(constant, list) else []
        if not lists or not all(_is_strings(each) and len(each) == 1 for each in lists):
            return NO_CONSTANT
        return tuple(each[0] for each in lists)

    return [
        _Form(
            Template(f"{claim} == HOLE"),
            lambda values: list(values) if len(values) == 1 else NO_CONSTANT,
            lambda constant: value([constant]),
        ),
        _Form(Template(f"{claim} in HOLE"), lambda values: [[v] for v in values] or NO_CONSTANT, value),
    ]


def _signed_by(claim: str) -> list[_Form]:
    def value(constant: Any) -> Any:
        if not constant or not _is_strings(constant):
            return NO_CONSTANT
        pairs = [each.partition(":") for each in constant]
        return tuple(Signer(algorithm=algorithm, key_id=key_id) for algorithm, _, key_id in pairs)

    return [
        _Form(
            Template(
                f'{claim}.exists(signature, signature.signature_algorithm + ":" + signature.key_id in HOLE)'
            ),
            lambda signers: [f"{each.algorithm}:{each.key_id}" for each in signers] or NO_CONSTANT,
            value,
        )
    ]


def _exactly(claim: str) -> _Form:
    return _Form(
        Template(f"{claim} == HOLE"),
        lambda values: NO_CONSTANT if values is None else list(values),
        lambda constant: tuple(constant) if _is_strings(constant) else NO_CONSTANT,
    )


def _none_of(claim: str) -> _Form:
    """An override that is not there, written so that its absence is no error."""
    return _Form(
        Template(f"(!has({claim}) || size({claim}) == 0)"),
        lambda values: None if values == () else NO_CONSTANT,
        lambda _: (),
    )


def _names_among(claim: str) -> _Form:
    return _Form(
        Template(f"(!has({claim}) || {claim}.all(name, name in HOLE))"),
        lambda values: NO_CONSTANT if values is None else list(values),
        lambda constant: tuple(constant) if constant and _is_strings(constant) else NO_CONSTANT,
    )


_CONTAINER: Final = "assertion.submods.container"
_SPACE: Final = "assertion.submods.confidential_space"
_GCE: Final = "assertion.submods.gce"
_FORMS: Final[dict[tuple[str, str], list[_Form]]] = {
    ("what", "image_digests"): _choice(f"{_CONTAINER}.image_digest"),
    ("what", "image_references"): _choice(f"{_CONTAINER}.image_reference"),
    ("what", "signers"): _signed_by(f"{_CONTAINER}.image_signatures"),
    ("where", "swname"): _scalar("assertion.swname == HOLE", str),
    ("where", "support_attribute"): _scalar(f"HOLE in {_SPACE}.support_attributes", str),
    ("where", "dbgstat"): _scalar("assertion.dbgstat == HOLE", str),
    ("where", "hwmodels"): _choice("assertion.hwmodel"),
    ("where", "secboot"): _scalar("assertion.secboot == HOLE", bool),
    ("where", "memory_monitoring"): _scalar(f"{_SPACE}.monitoring_enabled.memory == HOLE", bool),
    ("where", "gpu_cc_mode"): _scalar("assertion.submods.nvidia_gpu.cc_mode == HOLE", str),
    ("who", "service_accounts"): _only_element("assertion.google_service_accounts"),
    ("who", "project_ids"): _choice(f"{_GCE}.project_id"),
    ("who", "project_numbers"): _choice(f"{_GCE}.project_number"),
    ("how", "args"): [_exactly(f"{_CONTAINER}.args")],
    ("how", "cmd_override"): [_none_of(f"{_CONTAINER}.cmd_override"), _exactly(f"{_CONTAINER}.cmd_override")],
    ("how", "env_override"): [
        _none_of(f"{_CONTAINER}.env_override"),
        _names_among(f"{_CONTAINER}.env_override"),
    ],
}


def render_condition(conditions: AttributeConditions) -> str:
    """The conditions as CEL on one line, one clause a field.

    Raises:
        Misconfigured: nothing is asked, which would admit everyone, or Google's limit is passed.
    """
    clauses: list[str] = []
    for (section, name), forms in _FORMS.items():
        value = getattr(getattr(conditions, section), name)
        for form in forms:
            constant = form.constant(value)
            if constant is not NO_CONSTANT:
                clauses.append(form.template.filled(constant))
                break
    if not clauses:
        raise Misconfigured("the condition asks nothing and would admit every token of the issuer")
    text = " && ".join(clauses)
    if len(text) > MAX_CONDITION_CHARACTERS:
        raise Misconfigured(
            f"the condition has {len(text):,} characters, Google's limit is {MAX_CONDITION_CHARACTERS:,}",
            hint="pin images by the key that signs them, or use a second provider",
        )
    return text


def parse_condition(text: str) -> AttributeConditions:
    """The conditions that `text` renders.

    Raises:
        InvalidExpression: it is no CEL, or a clause is not one that `render_condition` writes;
            the span is the clause's.
    """
    found: dict[str, dict[str, Any]] = {"what": {}, "where": {}, "who": {}, "how": {}}
    for clause in conjuncts(parse(text)):
        read = _stated(clause)
        if read is None:
            raise InvalidExpression(
                f"no attribute condition of ours says {quoted(text[clause.span.start : clause.span.end])}",
                text=text,
                span=clause.span,
                hint="it may well be valid for Google, but it has no place in a policy file",
            )
        section, name, value = read
        if name in found[section]:
            problem = f"`{section}.{name}` is asked twice"
            raise InvalidExpression(problem, text=text, span=clause.span)
        found[section][name] = value
    return AttributeConditions(
        what=What(**found["what"]),
        where=Where(**found["where"]),
        who=Who(**found["who"]),
        how=How(**found["how"]),
    )


def field_of(clause: Node) -> tuple[str, str] | None:
    """The section and the field whose clause this is; None when it is none that `render_condition` writes.

    >>> field_of(parse('assertion.dbgstat == "disabled-since-boot"'))
    ('where', 'dbgstat')
    """
    stated = _stated(clause)
    return None if stated is None else stated[:2]


def _stated(clause: Node) -> tuple[str, str, Any] | None:
    """The section, the field and the value that a clause states; None when it is none of ours."""
    for (section, name), forms in _FORMS.items():
        for form in forms:
            constant = form.template.read(clause)
            value = NO_CONSTANT if constant is NO_CONSTANT else form.value(constant)
            if value is not NO_CONSTANT:
                return section, name, value
    return None
