"""A solver's model becomes a whole token: what the model does not mention is the sample's.

Source: policy/schema.py; policy/proving/smt/claims.py for the names of the variables.
"""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from attestation.issuer import ISSUER

from ... import schema
from ...claim_types import Claim, ListOf, MapOf, Object, OneOf, Scalar, Type
from . import machines, strings
from .circuit import integer_constant, string_constant
from .claims import Claims
from .facts import FACTS
from .machines import Probe
from .regular import has_term
from .solving import Disagreement, Model
from .values import Alternative, Entries, Integer, Record, Slots, Spelled, Text, Value

_EXACT: Final = 2**53
_64_BITS: Final = range(-(2**63), 2**63)
_HALVES: Final = re.compile("[\ud800-\udfff]")
_HEX: Final = "0123456789abcdef"

SAMPLE: Final[Mapping[str, object]] = {
    "iss": ISSUER,
    "aud": "https://sts.googleapis.com",
    "sub": "https://www.googleapis.com/compute/v1/projects/operator-project/zones/us-central1-a/instances/vm",
    "iat": 1_760_000_000,
    "nbf": 1_760_000_000,
    "exp": 1_760_003_600,
    "secboot": True,
    "oemid": 11129,
    "hwmodel": "GCP_AMD_SEV",
    "swname": "CONFIDENTIAL_SPACE",
    "swversion": ["250800"],
    "dbgstat": "disabled-since-boot",
    "google_service_accounts": ["workload@operator-project.iam.gserviceaccount.com"],
    "submods": {
        "confidential_space": {
            "support_attributes": ["LATEST", "STABLE", "USABLE"],
            "monitoring_enabled": {"memory": False},
        },
        "container": {
            "image_reference": "us-docker.pkg.dev/some-project/some-repository/some-image:some-tag",
            "image_digest": "sha256:" + _HEX * 4,
            "image_id": "sha256:" + _HEX[::-1] * 4,
            "restart_policy": "Never",
            "args": ["/entrypoint"],
            "env": {"PATH": "/usr/bin"},
        },
        "gce": {
            "zone": "us-central1-a",
            "project_id": "operator-project",
            "project_number": "123456789012",
            "instance_name": "vm",
            "instance_id": "1234567890123456789",
        },
    },
}
"""A production token of nobody in particular."""


def fits(assertion: Mapping[str, object], *, documented: bool = True) -> bool:
    """Whether the issuer could sign these claims: their types are the schema's, and every fact holds.

    Unless all must be `documented`, there may be other claims, and other values than the schema has.
    """
    return conforms(assertion, schema.ASSERTION, documented=documented) and all(
        fact.compiled.decide(assertion) for fact in FACTS
    )


def is_written_in_unicode(assertion: Mapping[str, object]) -> bool:
    """Whether every text in it is one of characters, as in every token that can be read."""
    return not _HALVES.search(json.dumps(assertion, ensure_ascii=False))


def conforms(
    value: object,
    type_: Type,
    claim: Claim | None = None,
    path: str = "assertion",
    *,
    documented: bool = True,
) -> bool:
    """Whether `value` is of this type, to the last field; `path` is where it stands."""

    def each_conforms(each: object, of: Type, its: Claim | None = None, at: str = "") -> bool:
        return conforms(each, of, its, at, documented=documented)

    match type_:
        case Scalar():
            return _is_scalar(value, type_) and (claim is None or _is_possible(value, claim, documented))
        case ListOf():
            return isinstance(value, list) and all(
                each_conforms(item, type_.element, claim) for item in value
            )
        case MapOf():
            return isinstance(value, dict) and all(
                _is_text(key) and each_conforms(item, type_.value) for key, item in value.items()
            )
        case OneOf():
            return any(each_conforms(value, each, claim) for each in type_.types)
        case Object():
            if not isinstance(value, Mapping) or (documented and not set(value) <= set(type_.fields)):
                return False
            return all(
                each_conforms(value[name], each.type, each, f"{path}.{name}")
                if name in value
                else not each.required or f"{path}.{name}" == "assertion.submods.container"
                for name, each in type_.fields.items()
            )


def _is_scalar(value: object, type_: Scalar) -> bool:
    known = {"string": str, "bool": bool, "int": int, "null": type(None)}
    if type(value) is not known.get(type_.kind):
        return False
    if isinstance(value, int):
        return value in _64_BITS
    return not isinstance(value, str) or _is_text(value)


def _is_text(value: object) -> bool:
    """Whether it is a string of characters: halves of surrogate pairs are none, and no token has one."""
    return isinstance(value, str) and (value.isascii() or not _HALVES.search(value))


def _is_possible(value: object, claim: Claim, documented: bool) -> bool:
    if not isinstance(value, str):
        return True
    if claim.values and value not in claim.values and (documented or claim.verified):
        return False
    return not claim.pattern or machines.answer(Probe("matches", f"^(?:{claim.pattern})$"), value)


class Witness:
    """Reads a model as claims, near a sample."""

    def __init__(self, claims: Claims, model: Model) -> None:
        self._claims = claims
        self._model = model
        self._used: set[str] = set()

    def root(self, name: str, value: Value, sample: object) -> object:
        """What the model says `assertion`, `google` or `attribute` is."""
        return self._value(value, sample)

    def _value(self, value: Value, sample: object) -> object:
        for alternative in value:
            if self._model.holds(alternative.guard, default=True):
                return self._payload(alternative, sample)
        raise Disagreement("a claim without a value")

    def _payload(self, alternative: Alternative, sample: object) -> object:
        payload = alternative.payload
        match payload:
            case Record():
                return self._record(payload, sample)
            case Slots():
                return self._list(payload, sample)
            case Entries():
                return self._map(payload, sample)
            case Text():
                return self._text(payload, sample)
            case Spelled():
                return self._model.string(payload.term)
            case Integer():
                return self._model.integer(payload.term)
            case _ if alternative.kind == "bool":
                default = sample if isinstance(sample, bool) else False
                return self._model.holds(payload, default=default)
            case _:
                return None

    def _record(self, record: Record, sample: object) -> dict[str, object]:
        known = self._claims.fields.get(record.path, {})
        before = sample if isinstance(sample, Mapping) else _plain(record.type)
        found: dict[str, object] = {}
        for name in dict.fromkeys([*record.type.fields, *known]):
            if name not in known:
                if name in before:
                    found[name] = copy.deepcopy(before[name])
            elif self._model.holds(known[name].present, default=name in before):
                found[name] = self._value(known[name].value, before.get(name))
        return found

    def _list(self, slots: Slots, sample: object) -> list[object]:
        before = sample if isinstance(sample, list) else []
        found = []
        for i, (present, value) in enumerate(slots.items):
            if not self._model.holds(present, default=i < len(before)):
                break
            found.append(self._value(value, before[i] if i < len(before) else None))
        return found

    def _map(self, entries: Entries, sample: object) -> dict[str, object]:
        before = sample if isinstance(sample, Mapping) else {}
        found: dict[str, object] = {}
        for key, (present, value) in entries.named.items():
            if self._model.holds(present, default=key in before):
                found[key] = self._value(value, before.get(key))
        for present, spelling, value in entries.spare:
            if self._model.holds(present, default=False):
                key = self._key(spelling, {*found, *entries.named})
                found[key] = self._value(value, before.get(key))
        return found

    def _key(self, spelling: Text | Spelled, taken: set[str]) -> str:
        if isinstance(spelling, Spelled):
            return self._model.string(spelling.term)
        words = self._words(spelling, None, most=len(taken) + 1)
        return _first(word for word in words if word not in taken)

    def _text(self, text: Text, sample: object) -> str:
        return _first(self._words(text, sample if isinstance(sample, str) else None))

    def _words(self, text: Text, sample: str | None, *, most: int = 1) -> Iterator[str]:
        """Strings that answer as the model says, `most` at least, the sample first when it is one of them."""
        asked = self._claims.tests.get(text.path, {})
        answers = {
            test: self._model.holds(literal, default=False)
            for test, literal in asked.items()
            if self._model.knows(literal)
        }
        for candidate in (sample, "other", "another", "some-other-value"):
            if candidate is not None and all(
                machines.answer(test, candidate) == said for test, said in answers.items()
            ):
                yield candidate
        for test, said in answers.items():
            if said and machines.is_equality(test):
                yield str(test.constant)
                return
        tests = tuple(asked)
        others = [test for test in tests if not machines.is_equality(test)]
        for vector, example in strings.unequal(tests).items():
            if all(answers.get(test, said) == said for test, said in zip(others, vector, strict=True)):
                yield example
                yield from itertools.islice(strings.words(tests, vector), most)


def _first(words: Iterator[str]) -> str:
    for word in words:
        return word
    raise Disagreement("answers that no string gives")


def default_of(type_: Type, claim: Claim | None = None) -> object:
    """The plainest value of this type that a token could have."""
    match type_:
        case Scalar(kind="string"):
            if claim is not None and claim.values:
                return claim.values[0]
            if claim is not None and claim.pattern:
                return strings.unequal((Probe("matches", f"^(?:{claim.pattern})$"),))[(True,)]
            return ""
        case Scalar():
            plain: dict[str, object] = {"bool": False, "int": 0}
            return plain.get(type_.kind)
        case ListOf():
            return []
        case MapOf():
            return {}
        case OneOf():
            return default_of(type_.types[0], claim)
        case Object():
            return _plain(type_)


def _plain(type_: Object) -> dict[str, object]:
    return {name: default_of(each.type, each) for name, each in type_.fields.items() if each.required}


def preferences(claims: Claims, value: Value, sample: object) -> Iterator[int]:
    """Literals that together say "as in the sample", the structure before its contents."""
    for alternative in value:
        payload = alternative.payload
        match payload:
            case Record() if isinstance(sample, Mapping):
                yield alternative.guard
                known = claims.fields.get(payload.path, {})
                for name, each in known.items():
                    yield each.present if name in sample else -each.present
                for name, each in known.items():
                    if name in sample:
                        yield from preferences(claims, each.value, sample[name])
            case Slots() if isinstance(sample, list):
                yield alternative.guard
                for i, (present, item) in enumerate(payload.items):
                    yield present if i < len(sample) else -present
                    if i < len(sample):
                        yield from preferences(claims, item, sample[i])
            case Entries() if isinstance(sample, Mapping):
                yield alternative.guard
                yield from (-present for present, _, _ in payload.spare)
                for key, (present, item) in payload.named.items():
                    yield present if key in sample else -present
                    if key in sample:
                        yield from preferences(claims, item, sample[key])
            case Text() if isinstance(sample, str):
                yield claims.circuit.both(
                    alternative.guard,
                    claims.circuit.all_of(
                        literal if machines.answer(test, sample) else -literal
                        for test, literal in claims.tests.get(payload.path, {}).items()
                    ),
                )
            case Spelled() if isinstance(sample, str) and has_term(sample):
                same = claims.circuit.atom(f"(= {payload.term} {string_constant(sample)})")
                yield claims.circuit.both(alternative.guard, same)
            case Integer() if type(sample) is int:
                # a reader of JSON may refuse larger ones, as ours does
                yield claims.circuit.atom(
                    f"(and (< (- {_EXACT}) {payload.term}) (< {payload.term} {_EXACT}))"
                )
                yield claims.circuit.atom(f"(= {payload.term} {integer_constant(sample)})")
            case _ if alternative.kind == "bool" and isinstance(sample, bool):
                yield payload if sample else -payload


def nearest(
    found: Mapping[str, object], sample: Mapping[str, object], holds: Callable[[Mapping[str, object]], bool]
) -> dict[str, object]:
    """`found`, with all that may be the sample's made so: no single difference left can be undone.

    `holds` says whether a token is still a witness; it is true of `found`.
    """
    here = copy.deepcopy(dict(found))
    left = list(differences(here, sample))
    size = len(left)
    while size:
        kept: list[tuple[tuple[str, ...], Any]] = []
        changed = False
        for start in range(0, len(left), size):
            some = left[start : start + size]
            attempt = copy.deepcopy(here)
            for path, value in some:
                put(attempt, path, value)
            if holds(attempt):
                here, changed = attempt, True
            else:
                kept += some
        left = kept
        if size == 1 and not changed:
            return here
        size = max(1, size // 2) if not (size == 1 and changed) else 1
        if not left:
            return here
    return here


_ABSENT: Final = object()


def differences(
    found: Mapping[str, object], sample: Mapping[str, object], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Where the two differ, and what the sample has there."""
    for name in dict.fromkeys([*found, *sample]):
        one, other = found.get(name, _ABSENT), sample.get(name, _ABSENT)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from differences(one, other, (*path, name))
        elif type(one) is not type(other) or one != other:
            yield (*path, name), other


def put(token: dict[str, object], path: tuple[str, ...], value: object) -> None:
    """The claim at `path` is `value`, as `differences` gave it: one that says "absent" takes it away."""
    *above, last = path
    here: Any = token
    for name in above:
        here = here.get(name)
        if not isinstance(here, dict):
            return  # another change took away what held it
    if value is _ABSENT:
        here.pop(last, None)
    else:
        here[last] = copy.deepcopy(value)
