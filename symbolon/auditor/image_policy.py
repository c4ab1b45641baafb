"""Whether a policy admits exactly one image: asked of the prover, and never of the policy's text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from attestation.errors import ExitCode, quoted
from policy.proving.answers import Found, NoneFound, Proved, Refuted, with_types
from policy.proving.neighbours import at
from policy.proving.prover import Prover

from ..policy_files import NamedPolicySet
from ..reports.report import Tone

_CLAIM: Final = ("submods", "container", "image_digest")
_BY_DIGEST: Final = "/attribute.image_digest/"
_FEDERATED: Final = ("principal://", "principalSet://")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyAnswer:
    """Whether the policy pins the image: a `word`, a sentence, and the proof's `assumptions`.

    `example` is a token of another image that is admitted, where one was found.
    """

    word: str
    tone: Tone
    exit_code: ExitCode
    said: str
    rests_on: tuple[str, ...] = ()
    example: Mapping[str, object] | None = field(default=None)

    def document(self) -> dict[str, object]:
        """The answer as JSON."""
        return {"verdict": self.word, "said": self.said, "rests_on": list(self.rests_on)}


def ask_policy(named: NamedPolicySet, digest: str, prover: Prover) -> PolicyAnswer:
    """Whether the policy admits this image, and no other one.

    Raises:
        InvalidExpression: a condition that Google would refuse.
    """
    that = f'assertion.{".".join(_CLAIM)} == "{digest}"'
    alone = prover.prove(named.policies, that)
    admitted = prover.find_admitted(named.policies, that)
    if isinstance(admitted, NoneFound):
        return _no("refuses it", "the policy admits no token of this image", alone)
    if isinstance(alone, Refuted):
        return _no("does not pin it", "the policy admits tokens of another image too", alone)
    if not isinstance(alone, Proved) or not isinstance(admitted, Found):
        open_ = next(each for each in (alone, admitted) if not isinstance(each, Proved | Found))
        reason = getattr(open_, "reason", "it was not decided")
        return PolicyAnswer(
            word="not known", tone="warn", exit_code=ExitCode.UNKNOWN, said=f"whether it pins it: {reason}"
        )
    if others := _other_members(named, digest):
        shown = ", ".join(map(quoted, others[:3]))
        return _no("does not pin it", f"the bindings let in more than this image: {shown}", alone)
    assumptions = with_types(alone.assumptions, named.policies)
    rests_on = ("a proof: no admitted token has another image digest", *assumptions, alone.attacked)
    return PolicyAnswer(
        word="pins it",
        tone="good",
        exit_code=ExitCode.YES,
        said="the policy admits tokens of this image, and of no other",
        rests_on=tuple(filter(None, rests_on)),
    )


def _no(word: str, said: str, alone: object) -> PolicyAnswer:
    example = alone.token if isinstance(alone, Refuted) else None
    if example is not None:
        another = at(example, _CLAIM)
        said = f"{said}; it admits, for example, {quoted(str(another))}" if isinstance(another, str) else said
    return PolicyAnswer(word=word, tone="bad", exit_code=ExitCode.ANSWERED_NO, said=said, example=example)


def _other_members(named: NamedPolicySet, digest: str) -> list[str]:
    """Members of the bindings that come from a pool, and are not exactly this image."""
    bindings = named.policies.bindings or ()
    members = dict.fromkeys(each.member for each in bindings if each.member.startswith(_FEDERATED))
    return [member for member in members if not member.endswith(f"{_BY_DIGEST}{digest}")]
