"""A chain of `||` is as strong as its weakest arm.

Source: the conditions that people publish: `… == "disabled-since-boot" || true`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..cel import syntax
from ..cel.syntax import Node
from ..context import Context, Dossier
from ..findings import Finding, Severity
from ..proving.answers import Found, NoneFound, Undecided
from ..proving.inquiry import Inquiry
from ..wording import quoted
from .by_admission import BY_ADMISSION

SLUG: Final = "weak-branch"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "an alternative admits what the others beside it refuse"
MOST_ARMS: Final = 12
"""A longer chain is not looked at: each arm is a policy of its own, to be asked everything."""
_SAME_QUESTIONS: Final = (
    "software-not-confidential-space",
    "debug-image-admitted",
    "workload-not-pinned",
    "stable-not-required",
    "unencrypted-memory-admitted",
    "command-override-admitted",
    "env-override-admitted",
)


def asks(context: Context) -> Iterator[str]:
    for slug in _SAME_QUESTIONS:
        yield BY_ADMISSION[slug].question_of(context.dossier)


def check(context: Context) -> Iterator[Finding]:
    questions = list(asks(context))
    answers = [context.ask(each) for each in questions]
    undecided = [each.reason for each in answers if isinstance(each, Undecided)]
    admitted = [each for each, answer in zip(questions, answers, strict=True) if isinstance(answer, Found)]
    for clause in context.dossier.clauses if admitted else ():
        arms = _arms(clause.node)
        alone = [_alone(context.dossier, clause.node, arm) for arm in arms]
        for arm, inquiry in zip(arms, alone, strict=True):
            found = _weakness(inquiry, [each for each in alone if each is not inquiry], admitted)
            if isinstance(found, Undecided):
                undecided.append(found.reason)
            elif found is not None:
                text = context.provider.condition[arm.span.start : arm.span.end]
                yield context.finding(
                    f"{quoted(text)} admits what an alternative beside it refuses",
                    hint="join them by `&&`",
                    span=arm.span,
                    shown_by=found,
                )
    if undecided and any(_arms(clause.node) for clause in context.dossier.clauses):
        yield context.undecided(undecided[0])


def _arms(clause: Node) -> tuple[Node, ...]:
    """A clause's alternatives; none when they are many, or one only says that a claim is not there."""
    if not isinstance(clause, syntax.Logical) or clause.operator != "||":
        return ()
    if len(clause.operands) > MOST_ARMS:
        return ()
    return () if any(_is_absence(arm) for arm in clause.operands) else clause.operands


def _is_absence(arm: Node) -> bool:
    if isinstance(arm, syntax.Binary) and arm.operator == "==":
        return any(isinstance(side, syntax.Literal) and side.value is None for side in (arm.left, arm.right))
    return isinstance(arm, syntax.Unary) and arm.operator == "!" and isinstance(arm.operand, syntax.Has)


def _alone(dossier: Dossier, clause: Node, arm: Node) -> Inquiry | None:
    """The inquiry about the provider whose clause is this arm alone."""
    text, span = dossier.provider.condition, clause.span
    only = f"({text[arm.span.start : arm.span.end]})"
    return dossier.with_condition(text[: span.start] + only + text[span.end :]).inquiry


def _weakness(
    here: Inquiry | None, beside: list[Inquiry | None], questions: list[str]
) -> Found | Undecided | None:
    """A token that this arm admits, of a kind of which an arm beside it admits none, if there is one."""
    if here is None:
        return None
    known = [each for each in beside if each is not None]
    undecided = [each.example for each in known if isinstance(each.example, Undecided)]
    others = [each for each in known if isinstance(each.example, Found)]
    for question in questions:
        found = here.ask(question)
        if isinstance(found, Found):
            answers = [each.ask(question) for each in others]
            if any(isinstance(each, NoneFound) for each in answers):
                return found
            undecided += [each for each in answers if isinstance(each, Undecided)]
        elif isinstance(found, Undecided):
            undecided.append(found)
    return undecided[0] if undecided else None
