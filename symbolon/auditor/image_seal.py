"""How the model of an image is sealed, and who can open it: what the terms say, and the key's allow policy.

Without that policy it is not known who can, and that is said: nobody asked, and no other answer changes. With
it, *opens for this image* is said where it lets this image in and, of pools and of everybody, nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from attestation.errors import ExitCode, Misconfigured, quoted
from contract.release_terms import ReleaseTerms
from contract.terms import OwnerTerms
from policy.policy_set import parse_bindings
from policy.wording import listed

from ..policy_files import NamedText
from ..reports.report import Entry, Section, Tone
from .key_openers import Opener, changers_of, openers_of

_SHOWN: Final = 3
_LINE: Final = "gcloud kms keys get-iam-policy KEY --keyring=RING --location=LOCATION --format=json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What is known of it: `release` is None where the model is not sealed, `openers` where nobody was asked.

    `word` is the answer in a word or four, `said` in a sentence; `exit_code` is None where it was not asked.
    """

    release: ReleaseTerms | None
    openers: tuple[Opener, ...] | None
    changers: tuple[str, ...]
    word: str
    tone: Tone
    exit_code: ExitCode | None
    said: str
    rests_on: tuple[str, ...] = ()

    @property
    def entry(self) -> Entry:
        """The answer among the others."""
        return Entry(mark=self.word, tone=self.tone, label="the sealed model", text=self.said)

    def sections(self) -> tuple[Section, ...]:
        """How it is sealed, and who can open it."""
        return (
            Section(title="how the model is sealed", lines=self._lines()),
            Section(title="who can open the model", entries=tuple(map(_entry, self.openers or ()))),
            Section(title="who can let others open it, or themselves", lines=self.changers),
        )

    def _lines(self) -> tuple[str, ...]:
        if self.release is None:
            return ()
        signed = self.release.signed_by
        return (
            f"manifest `{self.release.manifest}`: another model, or an older one, is refused",
            f"key `{self.release.kms}`: it alone is asked to open it"
            if self.release.broker is None
            else f"broker `{self.release.broker}`: it alone is asked for the key, and known by"
            f" {' or '.join(f'`{pin}`' for pin in self.release.broker_pins or ())}",
            f"signed by `{signed}`: without that signature the manifest is refused"
            if signed
            else "signed by nobody: the manifest's digest in the terms is what pins it",
        )

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        release = self.release
        return {
            "sealed": release is not None,
            "manifest": None if release is None else release.manifest,
            "kms": None if release is None else release.kms,
            "broker": None if release is None else release.broker,
            "signed_by": None if release is None else release.signed_by,
            "verdict": self.word,
            "said": self.said,
            "openers": None if self.openers is None else [each.document() for each in self.openers],
            "can_change_the_policy": list(self.changers),
            "rests_on": list(self.rests_on),
        }


def seal_of(terms: OwnerTerms, policy: NamedText | None, *, digest: str) -> Seal:
    """How the terms' model is sealed, and who can open it by the key's policy, where one is given.

    Raises:
        Misconfigured: the file is no allow policy, or the model is not sealed and has no key.
    """
    release = terms.release
    if release is None:
        if policy is not None:
            raise Misconfigured(
                "--key-policy is of a key, and the terms name none: the model is not sealed",
                hint="leave it out, or give the terms of a sealed model",
            )
        said = "the model lies as it is: whoever may read the bucket has it"
        return _seal(None, None, (), "not sealed", "plain", None, said)
    if release.broker is not None:
        if policy is not None:
            raise Misconfigured(
                "--key-policy is of a key, and the terms name a broker",
                hint="leave it out: a broker has none",
            )
        said = "whoever the owner's broker releases the key to: its policy and its licences are not read here"
        return _seal(release, None, (), "not known", "warn", None, said)
    if policy is None:
        said = f"who can open it is not known: --key-policy names what `{_LINE}` prints"
        return _seal(release, None, (), "not known", "warn", None, said)
    try:
        bindings = parse_bindings(policy.text)
    except Misconfigured as error:
        raise Misconfigured(f"the key's policy: {error.message}", hint=f"print it with `{_LINE}`") from None
    pool = terms.credential.audience.removeprefix("//iam.googleapis.com/").partition("/providers/")[0]
    openers = openers_of(bindings, pool=pool, digest=digest)
    word, tone, code, said = _judge(openers)
    return _seal(release, openers, changers_of(bindings), word, tone, code, said)


def _seal(
    release: ReleaseTerms | None,
    openers: tuple[Opener, ...] | None,
    changers: tuple[str, ...],
    word: str,
    tone: Tone,
    exit_code: ExitCode | None,
    said: str,
) -> Seal:
    rests_on = (
        ()
        if openers is None
        else (
            "the key's own policy, as the file has it, which says neither of which key it is nor of when",
            "policies of the key's ring, its project and above, which were not read, give rights to it too",
        )
    )
    return Seal(
        release=release,
        openers=openers,
        changers=changers,
        word=word,
        tone=tone,
        exit_code=exit_code,
        said=said,
        rests_on=rests_on,
    )


def _judge(openers: tuple[Opener, ...]) -> tuple[str, Tone, ExitCode, str]:
    """What the openers come to; *opens for this image* is said here alone."""
    outside = [each for each in openers if each.is_outside and not each.doubts]
    if outside:
        said = f"others than this image can open the model: {_named(outside)}"
        return "opens for others", "bad", ExitCode.ANSWERED_NO, said
    doubtful = [each for each in openers if each.doubts]
    if doubtful:
        said = f"whether these can open the model is not known: {_named(doubtful)}"
        return "not known", "warn", ExitCode.UNKNOWN, said
    if not any(each.is_image for each in openers):
        said = "the key's own policy does not let this image open the model; one above the key may"
        return "not known", "warn", ExitCode.UNKNOWN, said
    accounts = len(openers) - 1
    beside = f", and so can {accounts} account{'s' if accounts > 1 else ''}, listed below" if accounts else ""
    said = f"by the key's own policy this image can open the model{beside}; no other image can, and no pool"
    return "opens for this image", "good", ExitCode.YES, said


def _named(openers: list[Opener]) -> str:
    shown = [f"{quoted(each.member, most_characters=200)} ({_words(each)})" for each in openers[:_SHOWN]]
    more = len(openers) - _SHOWN
    return listed([*shown, *([f"{more} more"] if more > 0 else [])], "and")


def _entry(opener: Opener) -> Entry:
    tone: Tone = "bad" if opener.is_outside else "good" if opener.is_image else "plain"
    by = listed([f"`{each}`" for each in opener.roles], "and")
    return Entry(
        mark="not known" if opener.doubts else "yes",
        tone="warn" if opener.doubts else tone,
        label=opener.who,
        text="; ".join((f"{quoted(opener.member, most_characters=300)}, by {by}", *opener.doubts)),
    )


def _words(opener: Opener) -> str:
    return "; ".join((opener.who, *opener.doubts))
