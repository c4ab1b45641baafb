"""What a rule sees of a policy: one provider, its CEL texts, and what can be known of its tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Final

from .cel import syntax
from .cel.check import Misfit, check
from .cel.condition import CompiledClause, Condition, compile_condition
from .cel.paths import Path, path_of
from .cel.rendering import render_constant
from .cel.syntax import InvalidExpression, Node, Span
from .cel.templates import NO_CONSTANT, constant_of
from .findings import Finding, Severity
from .issuers import has_our_vocabulary, unknown_vocabulary
from .policy_set import PolicySet
from .provider import Provider
from .proving.answers import Found, NoneFound, Undecided, Unsatisfiable, conclude
from .proving.inquiry import Inquiry, strings_of
from .proving.prover import Prover
from .proving.smt.questions import NOT_INSTALLED

CONTAINER: Final = "assertion.submods.container"
SPACE: Final = "assertion.submods.confidential_space"
IN_SPACE: Final = 'assertion.swname == "CONFIDENTIAL_SPACE"'
_HEX: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


@dataclass(frozen=True, slots=True)
class Text:
    """A CEL text of a provider: where it stands (`Finding.place`), as it is written, and its tree."""

    place: str
    text: str
    tree: Node


class Dossier:
    """One provider of a policy. What rules share is made once, when the first of them asks.

    Without our vocabulary, as for another issuer, nothing is asked of its tokens: there is no inquiry.
    """

    def __init__(self, policies: PolicySet, provider: Provider, prover: Prover | None) -> None:
        self.policies = policies
        self.provider = provider
        self._prover = prover
        self.condition: Condition | None = None
        self.invalid: InvalidExpression | None = None
        self.inquiry: Inquiry | None = None
        self._beyond: Found | NoneFound | Undecided | None = None
        self.has_vocabulary = has_our_vocabulary(provider.issuer)
        try:
            self.condition = compile_condition(provider.condition)
            if self.has_vocabulary:
                self.inquiry = Inquiry(policies, provider, prover)
        except InvalidExpression as invalid:
            self.invalid = invalid

    def with_condition(self, condition: str) -> Dossier:
        """The same provider, asking something else."""
        return Dossier(self.policies, replace(self.provider, condition=condition), self._prover)

    def admits_beyond(self, others: Sequence[Provider]) -> Found | NoneFound | Undecided:
        """A token that this provider admits and none of the others do, or that there is none.

        It is always asked of the same others, and the answer is kept.
        """
        if self._beyond is None:
            self._beyond = self._search_beyond(others)
        return self._beyond

    def _search_beyond(self, others: Sequence[Provider]) -> Found | NoneFound | Undecided:
        if self.inquiry is None or self._prover is None:
            return Undecided(reason=NOT_INSTALLED)
        example = self.inquiry.example
        if not isinstance(example, Found):
            return example
        before = replace(self.policies, providers=tuple(others))
        after = replace(self.policies, providers=(self.provider,))
        try:
            if before.outcome(example.token) == "refused":
                return example
            return self._prover.find_newly_admitted(before, after)
        except InvalidExpression as invalid:
            return Undecided(reason=invalid.message)

    @property
    def clauses(self) -> tuple[CompiledClause, ...]:
        return () if self.condition is None else self.condition.clauses

    @cached_property
    def texts(self) -> tuple[Text, ...]:
        """The clauses of the condition, and the expressions of the mapping where it is known."""
        texts = [Text("condition", self.provider.condition, clause.node) for clause in self.clauses]
        if self.policies.kind != "condition":
            expressions = self.provider.mapping.expressions
            texts += [
                Text(f"mapping {key}", expressions[key], tree)
                for key, tree in self.provider.mapping.trees.items()
            ]
        return tuple(texts)

    @cached_property
    def checked(self) -> tuple[tuple[Text, Misfit], ...]:
        """What the types say against the texts. A mapping may well be no boolean."""
        return tuple(
            (text, finding)
            for text in self.texts
            for finding in check(text.tree, vocabulary=self.has_vocabulary)
            if finding.rule != "not-boolean" or text.place == "condition"
        )

    @cached_property
    def paths(self) -> tuple[tuple[CompiledClause, Path], ...]:
        """The claims that the condition reads, with the clause that reads them."""
        return tuple((clause, path) for clause in self.clauses for path, _, _ in clause.paths)

    @cached_property
    def strings(self) -> tuple[str, ...]:
        """The string constants of the condition."""
        found = [text for clause in self.clauses for text in strings_of(clause.node)]
        return tuple(dict.fromkeys(found))

    @cached_property
    def lists(self) -> tuple[list[str], ...]:
        """The lists of string constants of the condition."""
        nodes = [node for clause in self.clauses for node, _ in syntax.walk(clause.node)]
        constants = [constant_of(node) for node in nodes if isinstance(node, syntax.ListLiteral)]
        known = [each for each in constants if each is not NO_CONSTANT]
        return tuple(each for each in known if all(isinstance(item, str) for item in each))

    @cached_property
    def hashes(self) -> tuple[str, ...]:
        """The SHA-256 sums in the condition's constants, as 64 hex digits: of images, and of keys."""
        return tuple(dict.fromkeys(each for text in self.strings for each in _HEX.findall(text)))

    def reads(self, *claims: str) -> tuple[CompiledClause, ...]:
        """The clauses that read one of these claims, or something in it (`submods.container.args`)."""
        found = {
            clause.node.span: clause
            for clause, path in self.paths
            if any(path.text == claim or path.text.startswith((f"{claim}.", f"{claim}[")) for claim in claims)
        }
        return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Context:
    """A dossier, as one rule sees it."""

    dossier: Dossier
    rule: str
    severity: Severity
    today: date

    @property
    def policies(self) -> PolicySet:
        return self.dossier.policies

    @property
    def provider(self) -> Provider:
        return self.dossier.provider

    @property
    def is_first(self) -> bool:
        """Whether this is the provider at which a rule speaks of what all of them share."""
        return self.provider is self.policies.active[0]

    def finding(
        self,
        message: str,
        *,
        hint: str = "",
        place: str = "condition",
        span: Span | tuple[int, int] | None = None,
        text: str | None = None,
        shown_by: Found | None = None,
    ) -> Finding:
        """A finding of this rule; `text` is what `span` is in, the condition unless it is given."""
        whole = self.provider.condition if text is None else text
        where = None if span is None else (span[0], span[1])
        return Finding(
            rule=self.rule,
            severity=self.severity,
            message=message,
            hint=hint,
            provider=self.provider.name,
            place=place,
            span=where,
            excerpt="" if where is None else whole[where[0] : where[1]],
            token=None if shown_by is None else shown_by.token,
        )

    def undecided(self, reason: str) -> Finding:
        return Finding(
            rule=self.rule,
            severity=self.severity,
            message=reason if reason.startswith("not decided") else f"not decided: {reason}",
            provider=self.provider.name,
            decided=False,
        )

    def ask(self, also: str) -> Found | NoneFound | Undecided:
        """Whether a token is admitted for which `also`, a condition over `assertion`, is true."""
        if not self.dossier.has_vocabulary:
            return Undecided(reason=unknown_vocabulary(self.provider.issuer))
        if self.dossier.inquiry is None:
            # Google would refuse the condition: nobody is admitted
            return conclude(Unsatisfiable(), accept_bounds=False, attack=lambda: None)
        return self.dossier.inquiry.ask(also)

    def admits_beyond(self, others: Sequence[Provider]) -> Found | NoneFound | Undecided:
        """A token that this provider admits and none of the others do, or that there is none."""
        return self.dossier.admits_beyond(others)

    def admits(
        self, also: str, message: str, *, hint: str, about: str, span: Span | None = None
    ) -> Iterator[Finding]:
        """A finding with its token, if a token is admitted for which `also` is true.

        Unless `span` says where, it stands at the first clause that reads the claim `about`, and where
        none does, it is about the whole condition.
        """
        match self.ask(also):
            case Found() as found:
                clauses = self.dossier.reads(about)
                span = clauses[0].node.span if clauses and span is None else span
                yield self.finding(message, hint=hint, span=span, shown_by=found)
            case Undecided(reason=reason):
                yield self.undecided(reason)
            case _:
                return

    def from_types(self, *rules: str) -> Iterator[Finding]:
        """The findings of the type checker that have one of these names."""
        for text, found in self.dossier.checked:
            if found.rule in rules:
                yield self.finding(
                    found.message, hint=found.hint, place=text.place, span=found.span, text=text.text
                )


def among(claim: str, values: Sequence[object]) -> str:
    """A condition that is true where the claim is one of these, and never an error for a list of them.

    >>> among("assertion.swname", ["GCE"])
    'assertion.swname in ["GCE"]'
    """
    return f"{claim} in {render_constant(list(values))}" if values else "false"


def path_text(node: Node) -> str:
    """The claim that a node reads, as people know it; "" when it reads none."""
    path = path_of(node)
    return "" if path is None else path.text
