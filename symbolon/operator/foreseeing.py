"""What the launcher and the owner's provider will say of a launch, before there is a machine.

The launcher's own rules say whether the image's author allows the metadata, and what will be measured
(`policy.launching`); the token is foretold from that (`policy.launch_claims`), and the policy decides on
it as STS does (`policy.deciding`). What is not known of the token is unknown in the decision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from deploy.confidential_vm import ConfidentialVm, render_metadata
from deploy.image import LAUNCH_POLICY
from deploy.machine_types import TECHNOLOGIES, has_gpu
from deploy.pulling import PublishedImage
from deploy.resources import Project
from policy.cel.values import is_unknown
from policy.deciding import Outcome, sum_of
from policy.launch_claims import A_NEW_INSTANCE, LaunchFacts, foreseen_claims
from policy.launch_spec import LaunchRefused, nearest_key, parse_launch_spec, unknown_keys
from policy.launching import LaunchMachine, measure_launch
from policy.provider import default_audiences

from ..judging import ClauseAnswer, Judgement, judge
from ..policies import NamedPolicy
from .answers import Answer, Standing

_PLENTY_KIB: Final = 1 << 40
_STANDINGS: Final[Mapping[Outcome, Standing]] = {"admitted": "yes", "refused": "no", "unknown": "unknown"}
NOT_KNOWN_YET: Final = "(not known before it boots)"
ASSUMED: Final = (
    "the provider asks what the policy says, and the image's terms name that provider",
    "the family's newest image has the support attributes LATEST, STABLE and USABLE, as Google documents",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """`facts` is None where the launcher would refuse; `answers` say why."""

    facts: LaunchFacts | None
    answers: tuple[Answer, ...]


def foresee_launch(
    vm: ConfidentialVm, image: PublishedImage, project: Project, *, memory_kib: int | None
) -> Foreseen:
    """What the launcher will measure, where the image's author allows what the metadata asks for.

    Raises:
        Misconfigured: the metadata cannot be written.
    """
    metadata = render_metadata(vm)
    answers = [_unknown_key(key) for key in unknown_keys(metadata)]
    gpu = has_gpu(vm.shape)
    free_kib = _PLENTY_KIB if memory_kib is None else memory_kib
    machine = LaunchMachine(
        project_id=vm.project_id,
        project_number=project.number,
        zone=vm.zone,
        instance_name=vm.name,
        instance_id=A_NEW_INSTANCE,
        service_account=vm.service_account,
        hardware=TECHNOLOGIES[vm.technology].hardware,
        debug=vm.debug,
        secure_boot=True,
        gpu=gpu,
    )
    try:
        spec = parse_launch_spec(metadata, free_memory_kb=free_kib, has_gpu=gpu)
        facts = measure_launch(spec, image, machine)
    except LaunchRefused as refused:
        fix = "operator: leave it out of the metadata; or the owner publishes an image whose labels allow it"
        says = f"the launcher would refuse: {refused}"
        return Foreseen(
            facts=None, answers=(*answers, Answer(asked="metadata", standing="no", says=says, fix=fix))
        )
    if not answers:
        names = image.labels.get(f"{LAUNCH_POLICY}allow_env_override", "").replace(",", ", ") or "none"
        allowed = (
            f"the image's labels allow all {len(metadata)} keys of the metadata, and as variables: {names}"
        )
        answers.append(Answer(asked="metadata", standing="yes", says=allowed))
    answers += _restarts(vm)
    return Foreseen(facts=facts, answers=tuple(answers))


def foresee_decision(facts: LaunchFacts, policies: Sequence[NamedPolicy]) -> Answer:
    """Whether the policy admits the token that the machine will ask for: one of its providers suffices."""
    judged = [_judged(policy, facts) for policy in policies]
    outcome = sum_of([each.outcome for each in judged])
    clauses = () if outcome == "admitted" else tuple(clause for each in judged for clause in each.clauses)
    failing = [_told(clause) for clause in clauses if clause.outcome != "true"]
    refusing = sum(clause.outcome != "unknown" for clause in failing)
    says = {
        "admitted": "the policy admits the token that this machine will have",
        "refused": f"{refusing} of {len(clauses)} clauses do not hold for the token of this machine",
        "unknown": "it rests on what is not known before the machine boots",
    }[outcome]
    return Answer(asked="admission", standing=_STANDINGS[outcome], says=says, clauses=tuple(failing))


def _judged(policy: NamedPolicy, facts: LaunchFacts) -> Judgement:
    """What one provider says: unknown where it depends on what is not known yet."""
    if policy.provider is None or not policy.provider.name:
        audience = ""
    else:
        audience = (policy.provider.allowed_audiences or default_audiences(policy.provider.name)[1:])[0]
    judged = []
    for place, claims in enumerate(foreseen_claims(facts, audience=audience)):
        found = judge(policy, claims)
        if found.outcome == "unknown" and not found.failing:
            # The condition holds; what is mapped depends on the machine's ID, and any other ID would do.
            known = foreseen_claims(facts, audience=audience, instance_id=A_NEW_INSTANCE)[place]
            found = judge(policy, known)
        judged.append(found)
    if len({each.outcome for each in judged}) == 1:
        return judged[0]
    return replace(
        judged[0], outcome="unknown", unknown="it depends on the signatures that the launcher finds"
    )


def _told(clause: ClauseAnswer) -> ClauseAnswer:
    """The clause as it is told before there is a token: what is not known yet is nobody's to mend."""
    claims = {path: _without_unknowns(value) for path, value in clause.claims.items()}
    if clause.outcome != "unknown":
        return replace(clause, claims=claims)
    reason = "what it reads is not known before the machine boots"
    return replace(clause, claims=claims, reason=reason, fix="")


def _without_unknowns(value: object) -> object:
    """The value as JSON has it."""
    if isinstance(value, dict):
        return {key: _without_unknowns(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_unknowns(each) for each in value]
    return NOT_KNOWN_YET if is_unknown(value) else value


def _unknown_key(key: str) -> Answer:
    near = nearest_key(key)
    return Answer(
        asked="metadata",
        standing="no",
        says=f"the launcher does not know `{key}`, and ignores it without a word",
        fix=f"operator: did you mean `{near}`?" if near else "operator: leave it out",
    )


def _restarts(vm: ConfidentialVm) -> Iterator[Answer]:
    if vm.restart_policy == "Never":
        return
    yield Answer(
        asked="restarts",
        standing="warning",
        says=f"with `{vm.restart_policy}` a job that ends with exit code 7 is rebooted for ever, and costs",
        fix="operator: `Never`, or watch it: `symbolon operator watch` stops after three ends alike",
    )
