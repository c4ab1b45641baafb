"""The owner's photos, fed to the model in every convention: what it says to each, side by side.

No default could know how a model was trained, and a score does not tell; whoever looks at the labels does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from attestation.errors import Misconfigured, quoted
from contract.terms import OwnerTerms, render_terms

from ..rendering import console, printable_lines, styled
from ..steps import Steps
from .asking import Asker, one_of
from .class_names import ClassNames
from .conventions import CONVENTIONS, Convention
from .model_facts import Fit
from .photos import best_lines, photos_in, width
from .reading_models import Answer, Tried, try_ways

MOST_TRIED = 12
"""Photos that are tried; a person compares no more."""
_SHOWN = 3
_DIGITS = 2
_NO_PROOF = (
    "A score is no proof: take the convention whose labels are right, or that the model's author documents."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feeding:
    """How pixels are fed, as far as the owner says it by flags: a convention, or mean and scale."""

    convention: str | None = None
    mean: tuple[float, float, float] | None = None
    scale: float | None = None
    channels: str | None = None


def try_photos(
    model: Path, folder: Path | None, terms: OwnerTerms, fitted: Fit, feeding: Feeding, steps: Steps
) -> Tried | None:
    """What the model says of the photos in `folder`, fed in each convention; None without a folder.

    Raises:
        Misconfigured: none of them can be read, or the model does not run.
    """
    if folder is None:
        return None
    photos = photos_in(folder)[:MOST_TRIED]
    ways: Mapping[str, Convention] = _ways(feeding, fitted)
    steps.begin(f"trying the model on {len(photos)} photo{'s' if len(photos) > 1 else ''}")
    tried = try_ways(
        model,
        terms=render_terms(terms),
        classes=fitted.classes,
        photos=photos,
        ways=ways,
        top_k=_SHOWN,
    )
    steps.pause()
    if not tried.answers:
        raise Misconfigured(
            f"none of the photos in {quoted(str(folder))} can be read: "
            f"{next(iter(tried.unreadable.values()), 'there is none')}",
            hint="name a folder with photos like those that operators have",
        )
    return tried


def _ways(feeding: Feeding, fitted: Fit) -> Mapping[str, Convention]:
    """Those that the model may be meant for: one that takes whole numbers says so by its signature."""
    if feeding.mean is not None and feeding.scale is not None:
        channels = feeding.channels or "rgb"
        said = Convention(mean=feeding.mean, scale=feeding.scale, channels=channels, says="as you say")
        return {"said": said} | CONVENTIONS
    return CONVENTIONS if "float" in fitted.takes.dtype else {"raw": CONVENTIONS["raw"]}


def fed(
    terms: OwnerTerms, feeding: Feeding, scores: str | None, asker: Asker, tried: Tried | None
) -> OwnerTerms:
    """The terms with how pixels are fed, and whether scores are probabilities already.

    What is not said, nor found, is asked; and missing to `asker`, where nobody answers.
    """
    if feeding.mean is not None and feeding.scale is not None:
        chosen: Convention | None = Convention(mean=feeding.mean, scale=feeding.scale, says="")
    else:
        name = asker.take(
            feeding.convention,
            question=f"which of them was the model trained with? ({', '.join(CONVENTIONS)})",
            flag="--convention NAME (or --mean and --scale)"
            + ("" if tried is not None else "; --photos DIR tries them all"),
            parse=one_of(*CONVENTIONS),
        )
        chosen = None if name is None else CONVENTIONS[name]
    found = None
    if tried is not None and tried.probabilities is not None:
        found = "as-is" if tried.probabilities else "softmax"
    scores = asker.take(
        scores or found,
        question="are the model's scores probabilities (as-is), or has softmax to make them (softmax)?",
        flag="--scores softmax|as-is (--photos DIR finds out)",
        parse=one_of("softmax", "as-is"),
    )
    if chosen is None or scores is None:
        return terms  # what is missing is said with all else
    given = replace(
        terms.input,
        mean=chosen.mean,
        scale=chosen.scale,
        channels=feeding.channels or chosen.channels,
    )
    return replace(terms, input=given, output=replace(terms.output, scores=scores))


def tried_row(answer: Answer, names: ClassNames) -> dict[str, object]:
    """What a program reads of one answer."""
    best = [
        {"class_index": number, "label": names.of(number), "score": score} for number, score in answer.best
    ]
    return {"photo": answer.photo.name, "convention": answer.way, "best": best}


def show_tried(tried: Tried, names: ClassNames) -> None:
    """The photos one by one, the conventions below one another, so that their labels are compared."""
    terminal, wide = console(), width()
    ways = list(dict.fromkeys(each.way for each in tried.answers))
    for photo in dict.fromkeys(each.photo for each in tried.answers):
        terminal.print(styled(("\n" + printable_lines(photo.name), "bold")))
        rows = [each for each in tried.answers if each.photo == photo]
        best = [(each.way, [(names.of(number), score) for number, score in each.best]) for each in rows]
        for line in best_lines(best, digits=_DIGITS, columns=wide):
            terminal.print(line)
    for photo, why in tried.unreadable.items():
        terminal.print(f"\n{printable_lines(photo.name)}: {why}")
    terminal.print()
    for way in ways:
        says = CONVENTIONS[way].says if way in CONVENTIONS else "as you say"
        terminal.print(f"  {way:<8}  {says}", hang=12)
    if len(ways) > 1:
        sure = {way: _mean_score(tried, way) for way in ways}
        surest = max(sure, key=lambda way: sure[way])
        terminal.print()
        terminal.print(
            f"surest of itself: {surest}, by a mean of {sure[surest]:.{_DIGITS}f}. {_NO_PROOF}", hang=0
        )


def _mean_score(tried: Tried, way: str) -> float:
    scores = [each.best[0][1] for each in tried.answers if each.way == way]
    return sum(scores) / len(scores)
