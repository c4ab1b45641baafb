"""What a provider admits, claim by claim: what workload, where, of whom, and how it is launched."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from . import schema
from .cel.rendering import render_constant
from .context import CONTAINER, SPACE, Dossier
from .proving.answers import Found, NoneFound, Search, Undecided
from .proving.inquiry import Inquiry
from .proving.neighbours import ABSENT, at
from .proving.smt.tokens import fits

Section: TypeAlias = Literal["what", "where", "who", "how"]
_UNDOCUMENTED: Final = "SOMETHING_ELSE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admits:
    """What one claim is in admitted tokens.

    `values` are all that it can be, as JSON values; None when it is not among a few: then `note` says
    what it is, `anything` most often. Of a list that may have other elements too, `at_least` are those
    that it has in every admitted token; None where nothing was asked of that kind. `bounded` where that
    is proved only of tokens whose lists and maps are short, which the prover was told to accept. Where it
    can also be a value that no document names, it is `undocumented`, and `values` are those with names.
    """

    section: Section
    claim: str
    title: str
    values: tuple[object, ...] | None
    note: str = ""
    at_least: tuple[object, ...] | None = None
    bounded: bool = False
    undocumented: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Values:
    """Of a list of values, those that admitted tokens have; `undecided` where one is not known.

    `bounded` where one is left out by a proof that rests on a bound.
    """

    values: tuple[object, ...] = ()
    undecided: Undecided | None = None
    bounded: bool = False


@dataclass(frozen=True, slots=True)
class _Choice:
    """A claim of which documents name few values: each of them is admitted or not, and so are all others."""

    section: Section
    claim: str
    title: str
    values: tuple[object, ...]


_CHOICES: Final = (
    _Choice("where", "swname", "software", schema.ASSERTION.fields["swname"].values),
    _Choice("where", "dbgstat", "debugging", schema.ASSERTION.fields["dbgstat"].values),
    _Choice("where", "hwmodel", "hardware", schema.ASSERTION.fields["hwmodel"].values),
    _Choice("where", "secboot", "secure boot", (True, False)),
    _Choice(
        "where", "submods.confidential_space.monitoring_enabled.memory", "memory monitoring", (True, False)
    ),
    _Choice("where", "submods.nvidia_gpu.cc_mode", "GPU mode", schema.GPU_MODES),
    _Choice("how", "submods.container.restart_policy", "restarts", schema.RESTART_POLICIES),
)
_NAMED: Final[tuple[tuple[Section, str, str], ...]] = (
    ("what", "submods.container.image_digest", "image digest"),
    ("what", "submods.container.image_reference", "image reference"),
    ("who", "submods.gce.project_id", "project"),
    ("who", "submods.gce.project_number", "project number"),
    ("how", "submods.container.args", "command line"),
)


class Table:
    """What one provider admits, claim by claim. Its questions are asked together with the rules'."""

    def __init__(self, dossier: Dossier) -> None:
        self._dossier = dossier
        self._inquiry = dossier.inquiry
        self._others: dict[str, Found | None] = {}

    def rows(self) -> list[Admits]:
        """The claims that the condition reads, and the claims that tell a production machine from others."""
        inquiry = self._inquiry
        if inquiry is None:
            return []
        named = [self._named(inquiry, *each) for each in _NAMED if self._is_read(each[1]) or each[0] != "how"]
        rows = [*named, self._signers(inquiry), self._attributes(inquiry)]
        rows += [self._choice(inquiry, each) for each in _CHOICES if self._is_shown(each.claim)]
        rows += [self._accounts(inquiry), *self._overrides(inquiry)]
        order = ("what", "where", "who", "how")
        return sorted((row for row in rows if row is not None), key=lambda row: order.index(row.section))

    def _is_read(self, claim: str) -> bool:
        return bool(self._dossier.reads(claim))

    def _is_shown(self, claim: str) -> bool:
        return not claim.startswith(("submods.nvidia_gpu", "submods.container")) or self._is_read(claim)

    def _constants(self, claim: str) -> list[object]:
        """The values that the condition could mean: those of its constants that the claim can be."""
        if claim == "submods.container.args":
            return [*self._dossier.lists]
        found = schema.claim_at("assertion", tuple(claim.split(".")))
        pattern = "" if found is None else found.pattern
        if pattern == schema.DIGEST_PATTERN:
            return [f"sha256:{each}" for each in self._dossier.hashes]
        return [each for each in self._dossier.strings if pattern == "" or each.isdigit()]

    def _named(self, inquiry: Inquiry, section: Section, claim: str, title: str) -> Admits:
        """A claim that may be anything, unless the condition's own constants are all that it can be."""
        constants = self._constants(claim)
        path = f"assertion.{claim}"
        other = inquiry.ask(f"has({path}) && !({path} in {render_constant(constants)})")
        shown = self._among(inquiry, path, constants) if isinstance(other, NoneFound) else _Values()
        return _row(section, claim, title, other, shown)

    def _among(self, inquiry: Inquiry, path: str, constants: Sequence[object]) -> _Values:
        return _shown([(each, inquiry.ask(f"{path} == {render_constant(each)}")) for each in constants])

    def _in(self, inquiry: Inquiry, path: str, elements: Sequence[str], *, other: Search) -> _Values:
        """Those of the elements that the list has; not asked where it may have others, as `other` says."""
        if not isinstance(other, NoneFound):
            return _Values()
        return _shown([(each, inquiry.ask(f"{render_constant(each)} in {path}")) for each in elements])

    def _choice(self, inquiry: Inquiry, choice: _Choice) -> Admits:
        path = f"assertion.{choice.claim}"
        shown = self._among(inquiry, path, choice.values)
        other: Search | None = None
        # Asked last: a token that is found for it would answer the rules' questions too, and is an odd one.
        if choice.values != (True, False) and shown.undecided is None:
            documented = render_constant(list(choice.values))
            other = self._other(inquiry, choice.claim) or inquiry.ask(
                f"has({path}) && !({path} in {documented})"
            )
        if isinstance(other, Found):
            row = _row(choice.section, choice.claim, choice.title, None, shown)
            return replace(row, undocumented=row.values is not None)
        return _row(choice.section, choice.claim, choice.title, other, shown)

    def _other(self, inquiry: Inquiry, claim: str) -> Found | None:
        if claim not in self._others:
            self._others[claim] = self._with_another_value(inquiry, claim)
        return self._others[claim]

    def _with_another_value(self, inquiry: Inquiry, claim: str) -> Found | None:
        """The example with a value of the claim that no document names, if that is admitted too.

        It spares the solver the question, wherever a condition does not ask for the claim.
        """
        if not isinstance(inquiry.example, Found):
            return None
        token = copy.deepcopy(dict(inquiry.example.token))
        *above, name = claim.split(".")
        place = token if not above else at(token, tuple(above))
        if not isinstance(place, dict) or name not in place:
            return None
        place[name] = _UNDOCUMENTED
        alone = replace(self._dossier.policies, providers=(self._dossier.provider,))
        return (
            Found(token=token)
            if fits(token, documented=False) and alone.outcome(token) == "admitted"
            else None
        )

    def _attributes(self, inquiry: Inquiry) -> Admits:
        """The support attributes that every admitted token has."""
        claim, path = "submods.confidential_space.support_attributes", f"{SPACE}.support_attributes"
        lacks = {
            each: inquiry.ask(f'(!has({SPACE}) || !has({path}) || !("{each}" in {path}))')
            for each in schema.SUPPORT_ATTRIBUTES
        }
        undecided = next((each for each in lacks.values() if isinstance(each, Undecided)), None)
        title = "support attributes"
        if undecided is not None:
            return _row("where", claim, title, undecided, _Values())
        return _at_least("where", claim, title, lacks)

    def _signers(self, inquiry: Inquiry) -> Admits | None:
        claim, path = "submods.container.image_signatures", f"{CONTAINER}.image_signatures"
        if not self._is_read(claim):
            return None
        hashes = list(self._dossier.hashes)
        named = f"{path}.exists(signature, signature.key_id in {render_constant(hashes)})"
        other = inquiry.ask(f"(!has({path}) || {path} == null || !{named})")
        shown = _Values(values=tuple(hashes)) if isinstance(other, NoneFound) else _Values()
        return _row("what", claim, "signed by one of", other, shown)

    def _accounts(self, inquiry: Inquiry) -> Admits:
        claim, path = "google_service_accounts", "assertion.google_service_accounts"
        named = [each for each in self._dossier.strings if "@" in each]
        other = inquiry.ask(f"!{path}.all(account, account in {render_constant(named)})")
        if isinstance(other, Found):
            lacks = {
                each: inquiry.ask(f"(!has({path}) || !({render_constant(each)} in {path}))") for each in named
            }
            if any(isinstance(each, NoneFound) for each in lacks.values()):
                return _at_least("who", claim, "service accounts", lacks)
        shown = self._in(inquiry, path, named, other=other)
        return _row("who", claim, "service accounts", other, shown)

    def _overrides(self, inquiry: Inquiry) -> Iterable[Admits]:
        command, variables = f"{CONTAINER}.cmd_override", f"{CONTAINER}.env_override"
        any_command = inquiry.ask(f"size({command}) > 0")
        yield _row("how", "submods.container.cmd_override", "command override", any_command, _Values())
        names = [each for each in self._dossier.strings if each.isidentifier()]
        other = inquiry.ask(f"!{variables}.all(name, name in {render_constant(names)})")
        shown = self._in(inquiry, variables, names, other=other)
        yield _row("how", "submods.container.env_override", "variables overridden", other, shown)


def _at_least(section: Section, claim: str, title: str, lacks: Mapping[str, Search]) -> Admits:
    """A row of the elements that no admitted token lacks."""
    proofs = {each: answer for each, answer in lacks.items() if isinstance(answer, NoneFound)}
    bounded = any(answer.bounded for answer in proofs.values())
    return Admits(
        section=section,
        claim=claim,
        title=f"{title}, at least" if proofs else title,
        values=None,
        note="" if proofs else "anything, or nothing",
        at_least=tuple(proofs),
        bounded=bounded,
    )


def _shown(answers: Sequence[tuple[object, Search]]) -> _Values:
    return _Values(
        values=tuple(value for value, answer in answers if isinstance(answer, Found)),
        undecided=next((answer for _, answer in answers if isinstance(answer, Undecided)), None),
        bounded=any(isinstance(answer, NoneFound) and answer.bounded for _, answer in answers),
    )


def _row(section: Section, claim: str, title: str, other: Search | None, shown: _Values) -> Admits:
    """A row: the values `shown` are all that there are, where no `other` one was found or none was sought."""
    match shown.undecided or other:
        case NoneFound() | None:
            return Admits(
                section=section,
                claim=claim,
                title=title,
                values=shown.values,
                note="" if shown.values else "none",
                bounded=shown.bounded or (isinstance(other, NoneFound) and other.bounded),
            )
        case Found(token=token):
            example = at(token, tuple(claim.split(".")))
            note = "anything" if example is not ABSENT else "anything, or nothing"
            return Admits(section=section, claim=claim, title=title, values=None, note=note)
        case Undecided(reason=reason):
            return Admits(section=section, claim=claim, title=title, values=None, note=reason)
