"""What `symbolon owner init` does: from a model's files and what its owner says to terms and a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from attestation.digests import Digest
from attestation.errors import ExitCode, Misconfigured, SymbolonError, quoted
from contract.terms import (
    CredentialTerms,
    EgressTerms,
    InputTerms,
    ModelTerms,
    OutputTerms,
    OwnerTerms,
    RuntimeTerms,
    parse_terms,
    render_terms,
)
from contract.uris import ObjectUri
from policy.policy_file import parse_policy

from .. import whole_files
from ..inputs import read_text
from ..rendering import columns, console, print_json, printable_lines, styled
from ..steps import Steps
from . import workplace
from .asking import Asker, whole
from .class_names import ClassNames, class_names_of
from .documents import NO_IMAGE, render_commented_terms, render_policy
from .identities import Identities, Named, ask_identities
from .model_facts import IR, Facts, Fit, Wanted, fit
from .packing import measure, packing_of
from .reading_models import Tried, look
from .trying import Feeding, fed, show_tried, tried_row, try_photos

_NOBODY = CredentialTerms(
    audience="//iam.googleapis.com/projects/0/locations/global/workloadIdentityPools/none/providers/none",
    service_account="nobody@example.invalid",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Everything that was typed; None is not."""

    model: Path
    folder: Path
    wanted: Wanted
    feeding: Feeding
    named: Named
    photos: Path | None = None
    labels: Path | None = None
    precision: str | None = None
    scores: str | None = None
    method: str = "bilinear"
    antialias: bool = False
    fit: str = "stretch"
    exif_orientation: str = "ignore"
    largest_top_k: int | None = None
    score_digits: int | None = None
    most_images: int | None = None
    force: bool = False
    output: str = "human"


def init(said: Said) -> ExitCode:
    """`terms.toml`, `policy.toml` and `owner.toml` are in the folder, and fit the model.

    Raises:
        ModelUnmendable: no terms make the model one that the workload can feed.
        AlreadyThere: a file is there that says something else, and `force` is not said.
        Misconfigured: the model or the photos cannot be read, or something is not said.
    """
    asker = Asker()
    if said.output == "json":
        asker = Asker(is_person=False)
    _check_apart(said)
    with Steps() as steps:
        steps.begin("reading the model")
        packing_of(said.model, said.labels)
        facts = look(said.model)
        fitted = fit(facts, said.wanted)
        steps.pause()
        names = class_names_of(said.model, said.labels, facts, fitted.classes, asker)
        packing = packing_of(said.model, names.outside)
        if said.output == "human":
            _show_model(said.model, facts, fitted, names)
        terms = _pixels_as_they_are(said, fitted, names)
        tried = try_photos(said.model, said.photos, terms, fitted, said.feeding, steps)
        if tried is not None and said.output == "human":
            show_tried(tried, names)
        terms = fed(terms, said.feeding, said.scores, asker, tried)
        identities = ask_identities(said.named, asker, archive=packing.archive)
        terms = replace(terms, egress=_egress(said, asker, fitted))
        asker.finish()
        steps.begin("measuring the archive")
        measured = measure(packing, note=lambda size: steps.show(f"{size / 1e6:,.0f} MB"))
    terms = replace(
        terms,
        model=ModelTerms(
            uri=ObjectUri(bucket=identities.bucket, name=identities.object_name),
            sha256=measured.digest,
            max_unpacked_bytes=max(2 << 30, 2 * measured.size),
            signature=fitted.signature,
        ),
        credential=identities.credential,
    )
    parse_terms(render_terms(terms))  # what is written can be read, or says why not
    files = {
        workplace.TERMS: _terms_text(terms, _there(said.folder / workplace.TERMS)),
        workplace.POLICY: _policy_text(identities, _there(said.folder / workplace.POLICY)),
        workplace.HERE: workplace.render_here(said.folder, said.model, names.outside),
    }
    return _write(said, files, facts, tried, names)


def _check_apart(said: Said) -> None:
    """What is written does not become part of the model.

    Raises:
        Misconfigured: it would.
    """
    if said.model.is_dir() and said.folder.resolve().is_relative_to(said.model.resolve()):
        raise Misconfigured(
            "terms that are written into the model's folder would be packed with it",
            hint="name another folder: `--output DIR`",
        )


def _pixels_as_they_are(said: Said, fitted: Fit, names: ClassNames) -> OwnerTerms:
    """Terms that fit the model; who and where, what is fed and what leaves is not said yet."""
    return OwnerTerms(
        model=ModelTerms(
            uri=ObjectUri(bucket="none", name="none"), sha256=NO_IMAGE, signature=fitted.signature
        ),
        credential=_NOBODY,
        runtime=RuntimeTerms(name=fitted.runtime, precision=said.precision or fitted.precision),
        input=InputTerms(
            tensor=fitted.input,
            height=fitted.height,
            width=fitted.width,
            method=said.method,
            antialias=said.antialias,
            fit=said.fit,
            exif_orientation=said.exif_orientation,
            mean=(0.0, 0.0, 0.0),
            scale=1.0,
        ),
        output=OutputTerms(tensor=fitted.output, scores=said.scores or "as-is", labels=names.name),
        egress=EgressTerms(largest_top_k=1, score_digits=0, most_images=1),
    )


def _egress(said: Said, asker: Asker, fitted: Fit) -> EgressTerms:
    top_k = asker.take(
        said.largest_top_k,
        question="how many classes of a photo may an operator see at most?",
        flag="--largest-top-k",
        parse=whole(1, min(1000, fitted.classes)),
        default=min(5, fitted.classes),
    )
    digits = asker.take(
        said.score_digits,
        question="how many digits after the decimal point may a score have?",
        flag="--score-digits",
        parse=whole(0, 9),
        default=4,
    )
    images = asker.take(
        said.most_images,
        question="how many photos may one job have at most?",
        flag="--most-images",
        parse=whole(1, 10_000_000),
        default=10_000,
    )
    assert top_k is not None and digits is not None and images is not None  # noqa: S101  each has a default
    return EgressTerms(largest_top_k=top_k, score_digits=digits, most_images=images)


def _terms_text(terms: OwnerTerms, there: str) -> str:
    """The content of `terms.toml`: with the generation that `owner protect` pinned of the same archive.

    What is there and says the same stays as it is written, with its owner's own words.
    """
    try:
        said = parse_terms(there)
    except SymbolonError:
        return render_commented_terms(terms)
    if said.model.sha256 == terms.model.sha256:
        terms = replace(terms, model=replace(terms.model, generation=said.model.generation))
    return there if said == terms else render_commented_terms(terms)


def _policy_text(identities: Identities, there: str) -> str:
    """The content of `policy.toml`: with the images that it asks for already; kept as the terms are."""
    try:
        said = parse_policy(there)
    except SymbolonError:
        return render_policy(identities.owner, identities.operators, ())
    images = [Digest(each) for each in said.conditions.what.image_digests]
    text = render_policy(identities.owner, identities.operators, images)
    wanted = parse_policy(text)
    return there if (said.condition, said.name) == (wanted.condition, wanted.name) else text


def _there(file: Path) -> str:
    return read_text(str(file), what="file") if file.exists() else ""


def _write(
    said: Said, files: Mapping[str, str], facts: Facts, tried: Tried | None, names: ClassNames
) -> ExitCode:
    if (changes := workplace.differences(said.folder, files)) and not said.force:
        if said.output == "human":
            console().print(styled(printable_lines(changes), whole=True))
        raise workplace.AlreadyThere(
            f"files of {quoted(str(said.folder))} are there already, and say something else",
            hint="say `--force` to write them anew, or `--output DIR` for another folder",
        )
    written = whole_files.write(said.folder, files)
    if said.output == "json":
        print_json(
            {
                "folder": str(said.folder),
                "model": {
                    "kind": facts.kind,
                    "signatures": {name: str(each) for name, each in facts.signatures.items()},
                    "labels": names.name,
                },
                "written": list(written),
                "tried": [tried_row(each, names) for each in tried.answers] if tried else [],
                "unreadable": {path.name: why for path, why in tried.unreadable.items()} if tried else {},
            }
        )
        return ExitCode.YES
    terminal = console()
    for name in files:
        terminal.print(f"{'wrote' if name in written else 'stands'}  {said.folder / name}")
    terminal.print(styled(f"\nnext: symbolon owner trial {said.folder} --photos DIR", whole=True))
    return ExitCode.YES


def _show_model(model: Path, facts: Facts, fitted: Fit, names: ClassNames) -> None:
    named = names.name or "none: results will have no label (--labels FILE names them)"
    others = sorted(facts.signatures.keys() - {fitted.signature})
    also = f" (also there: {', '.join(others)})" if others else ""
    rows = [
        ("model", f"{facts.kind} {model.name}"),
        ("signature", f"{fitted.signature}{also}"),
        ("takes", f"{fitted.input} {fitted.takes}"),
        ("gives", f"{fitted.output} {fitted.gives}: {fitted.classes} classes"),
        ("runs by", f"{fitted.runtime}, {fitted.precision}"),
        ("labels", named),
    ]
    if facts.kind == IR:
        del rows[1]
    console().print(printable_lines(columns(rows)))
