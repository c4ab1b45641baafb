"""An image audited: read, built again or accounted for, and held against its terms and a policy.

The steps, in order: the image is read; its root is known; the checkout says what ought to be in it; it is
built again where that can be, else each of its files is accounted for; the policy is asked of its digest, and
so is the policy of a sealed model's key.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from attestation.digests import Digest
from attestation.errors import ExitCode, Misconfigured, quoted
from contract.terms import OwnerTerms, parse_terms
from deploy.expected import Expected, expect
from deploy.image import ROOT, TERMS
from deploy.image_contents import ImageContents, read_contents
from deploy.installed import Package, installed, tells_of_packages
from deploy.layers import Store
from deploy.layout import Layout, read_layout
from deploy.push import parse_image_reference
from deploy.registries import fetch_image
from policy.proving.attacking import Attack
from policy.proving.prover import Prover

from ..inputs import check_named_once
from ..policy_files import NamedPolicySet, NamedText, read_named, read_policy_set
from ..signing_in import sign_in
from ..steps import Steps
from .image_answers import Answer, Evidence, conclude, exit_code_of, stray_of
from .image_order import Order
from .image_policy import PolicyAnswer, ask_policy
from .image_root import root_of
from .image_seal import Seal, seal_of
from .image_sources import Sources, way_for
from .image_words import Labels, labels_in_words, terms_that_differ

_OWNERS: Final = (f"app/{TERMS}", f"app/{ROOT}")
"""Where the image has what its owner provides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """All that an audit found. `asked` is the digest that was named: an index's, where it names one.

    `stray` is what is wrong with the checkout's own list of files, `notes` say what was not done, and why.
    """

    image: ImageContents
    asked: Digest
    answer: Answer
    evidence: Evidence
    expected: Expected
    terms: OwnerTerms
    terms_named: NamedText
    other_terms: tuple[str, ...]
    labels: Labels
    packages: tuple[Package, ...]
    stray: str
    policy: PolicyAnswer | None
    policy_named: NamedPolicySet | None
    seal: Seal
    key_policy_named: NamedText | None
    notes: tuple[str, ...]

    @property
    def exit_code(self) -> ExitCode:
        """No, if anything says no; else unknown, if anything is."""
        codes = [exit_code_of(self.answer)]
        codes += [self.policy.exit_code] if self.policy is not None else []
        codes += [self.seal.exit_code] if self.seal.exit_code is not None else []
        codes += [ExitCode.ANSWERED_NO] if self.stray or self.labels.refused or self.other_terms else []
        for code in (ExitCode.ANSWERED_NO, ExitCode.UNKNOWN):
            if code in codes:
                return code
        return ExitCode.YES


def audit(order: Order, folder: Path, steps: Steps) -> Audited:
    """The audit that was ordered; `folder` is empty, and holds what is fetched and built meanwhile.

    Raises:
        WrongUsage: standard input is named twice.
        Misconfigured: an input is wrong, or is no image.
        EvidenceRejected: something of the image is not what its digest says, or is hostile.
        NotKnown: a layer cannot be read here.
        Denied, Unavailable: as the registry answers, or the network of the build.
    """
    check_named_once(order.terms, order.policy, order.bindings)
    terms_named = read_named(order.terms, what="terms")
    terms = parse_terms(terms_named.text)
    check_named_once(order.terms, order.policy, order.bindings, order.key_policy)
    named = None if order.policy is None else read_policy_set(order.policy, bindings=order.bindings)
    key_policy = None if order.key_policy is None else read_named(order.key_policy, what="key's policy")
    seal_of(terms, key_policy, digest="")  # refused now, and not when all is built
    steps.begin("reading the image")
    asked, layout = _layout(order.image, folder / "image", steps)
    way = way_for(layout, order)
    kept = folder / "kept"
    kept.mkdir()
    store = Store(kept)
    read = partial(
        read_contents, store=store, on_layer=lambda number, of: steps.show(f"layer {number} of {of}")
    )
    image = read(layout, keeps=partial(_is_kept, with_code=way.by_files))
    found = {name: _held(image, name, store) for name in (ROOT, TERMS)}
    root, root_in_words = root_of(found[ROOT], given=order.root, emulator=order.emulator)
    written = terms_named.text.encode()
    sources = Sources(
        order=order,
        image=image,
        expected=expect(order.source, terms=written, root=root, runtime=terms.runtime.name),
        terms=written,
        root=root,
        root_in_words=root_in_words,
        runtime=terms.runtime.name,
        store=store,
        folder=folder,
        steps=steps,
        read=partial(read, keeps=lambda path, size: False),
    )
    evidence, notes = sources.evidence(way)
    return Audited(
        image=image,
        asked=asked,
        answer=conclude(evidence),
        evidence=evidence,
        expected=sources.expected,
        terms=terms,
        terms_named=terms_named,
        other_terms=terms_that_differ(found[TERMS] or b"", terms),
        labels=labels_in_words(image.labels),
        packages=installed(image, store),
        stray=stray_of(sources.expected),
        policy=None if named is None else _ask(named, asked, order.attack, steps),
        policy_named=named,
        seal=seal_of(terms, key_policy, digest=asked),
        key_policy_named=key_policy,
        notes=(*way.notes, *notes),
    )


def _is_kept(path: str, size: int, *, with_code: bool) -> bool:
    """Whether the content of the file is looked at later; code is where its files are accounted for."""
    if path in _OWNERS or tells_of_packages(path):
        return True
    return with_code and path.endswith((".py", ".pyc", ".dist-info/WHEEL"))


def _held(image: ImageContents, name: str, store: Store) -> bytes | None:
    """The owner's file of that name in the image, or None."""
    member = image.files.get(f"app/{name}")
    return None if member is None or not member.sha256 else store.read(member.sha256)


def _layout(image: str, folder: Path, steps: Steps) -> tuple[Digest, Layout]:
    """The image as an OCI layout, and the digest by which it was named."""
    if Path(image).exists():
        layout = read_layout(Path(image))
        return layout.digest, layout
    if "/" in image and not image.partition("/")[0].endswith(".pkg.dev"):
        raise Misconfigured(
            f"{quoted(image)} is neither a folder nor an image in artifact registry",
            hint="fetch an image of another registry yourself: `skopeo copy docker://NAME oci:FOLDER`",
        )
    reference = parse_image_reference(image)
    api = sign_in("owner")
    asked = fetch_image(api, reference, folder, on_fetched=lambda blob: steps.show(blob[:19]))
    return asked, read_layout(folder)


def _ask(named: NamedPolicySet, digest: Digest, attack: int, steps: Steps) -> PolicyAnswer:
    steps.begin("asking the policy")
    with Prover(attack=Attack(count=attack)) as prover:
        prover.start()
        return ask_policy(named, digest, prover)
