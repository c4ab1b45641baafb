"""What `symbolon operator preflight` answers: whether a launch would be admitted, before it costs anything.

Nothing is created or changed. Each thing is answered by itself; what cannot be known from here is said to be
unknown, and never counted as a yes.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from attestation.errors import Denied, ExitCode, Misconfigured, quoted
from contract.job import PICTURE_SUFFIXES, is_picture
from contract.uris import FolderUri
from deploy.confidential_vm import ConfidentialVm
from deploy.google_api import STORAGE, GoogleApi, Json, NotFound
from deploy.observing import look_up_project
from deploy.policy_beside import get_policy
from deploy.pulling import PublishedImage, read_image
from deploy.push import ImageReference
from deploy.resources import Project
from policy.policy_set import parse_policy_set

from ..policies import NamedPolicy, policies_in, read_policies
from ..progress import patience
from ..rendering import console, print_json, styled
from ..signing_in import member_of, sign_in
from .answers import EXIT_CODES, WORDS_AT, Answer, Verdict, verdict_of
from .foreseeing import ASSUMED, foresee_decision, foresee_launch
from .launch_file import Wanted, render_launch_file
from .machine import check_machine, memory_kib_of
from .moving import check_unmoved
from .reaching import needing
from .rights import check_rights, repository_of
from .terms_ahead import check_terms
from .unfinished import check_results

_WORDS: Final = {
    "admitted": ("ADMITTED", "bold green", "nothing stands in the way of this launch"),
    "refused": ("REFUSED", "bold red", "this launch would be refused"),
    "unknown": ("UNKNOWN", "bold yellow", "nothing refuses this launch, as far as can be seen from here"),
}
_SOMEBODY: Final = re.compile(r"user:(?:YOU|OPERATOR)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What was found. `pinned` is the image by tag and digest; `vm` runs it by its digest."""

    vm: ConfidentialVm
    pinned: ImageReference
    answers: tuple[Answer, ...]
    policies: tuple[NamedPolicy, ...]

    @property
    def verdict(self) -> Verdict:
        return verdict_of(self.answers)

    def document(self) -> dict[str, object]:
        """What `--format json` shows."""
        return {
            "verdict": self.verdict,
            "reference": str(self.pinned),
            "vm": {"project": self.vm.project_id, "zone": self.vm.zone, "name": self.vm.name},
            "answers": [answer.document() for answer in self.answers],
            "assumptions": list(ASSUMED),
        }


def preflight(wanted: Wanted, *, save: str | None, output: str) -> ExitCode:
    """Whether the launch would be admitted stands on standard output; `save` is a file that wants it.

    Raises:
        Misconfigured: the policy cannot be read, there is no such image, or `save` cannot be written.
        EvidenceRejected: the tag does not name the digest that is beside it any more.
        Denied: the project may not be looked at.
        Unavailable: as Google answers.
    """
    found = look_ahead(sign_in("operator"), wanted)
    if save is not None:
        _save(save, render_launch_file(wanted, found.pinned))
    if output == "json":
        print_json(found.document())
    else:
        print_preflight(found)
    return EXIT_CODES[found.verdict]


def look_ahead(api: GoogleApi, wanted: Wanted) -> Preflight:
    """Every answer about the launch, and the image that it is about.

    Raises:
        SymbolonError: as `preflight` does.
    """
    policies = () if wanted.policy is None else read_policies(wanted.policy)[1]
    with patience("looking at image, machine and rights"):
        with needing("roles/browser", wanted.vm.project_id):
            project = look_up_project(api, wanted.vm.project_id)
        image, pinned, answers = _look_at_image(api, wanted.reference)
        vm = replace(wanted.vm, image_reference=_by_digest(pinned))
        if image is not None:
            if not policies:
                policies, said = _beside(api, pinned, image)
                answers += said
            answers.append(check_terms(api, pinned, image, vm))
            answers += _decide(api, vm, image, project, policies)
            answers.append(check_results(wanted, image.digest))
        else:
            says = "whether the owner's policy admits it rests on the image, which cannot be read from here"
            answers.append(Answer(asked="admission", standing="unknown", says=says))
        answers += check_machine(api, vm)
        answers += check_rights(api, wanted, project)
        answers.append(_look_for_pictures(api, wanted.input))
        answers = _with_your_name(api, answers)
    return Preflight(vm=vm, pinned=pinned, answers=tuple(answers), policies=tuple(policies))


def _with_your_name(api: GoogleApi, answers: list[Answer]) -> list[Answer]:
    """The lines that grant you something have your own address in them, where Google says it."""
    if not any(_SOMEBODY.search(answer.fix) for answer in answers) or not (you := member_of(api)):
        return answers
    return [replace(answer, fix=_SOMEBODY.sub(you, answer.fix)) for answer in answers]


def print_preflight(found: Preflight) -> None:
    """The answers, for a person."""
    terminal = console()
    word, style, says = _WORDS[found.verdict]
    terminal.print(styled((word, style), f"  {says}"))
    terminal.print(f"image  {found.pinned}")
    terminal.print()
    for answer in found.answers:
        first, *further = answer.lines()
        terminal.print(first, hang=WORDS_AT)
        for line in further:
            terminal.print(line)
    terminal.print()
    for assumption in ASSUMED:
        terminal.print(f"assumed: {assumption}")


def _look_at_image(
    api: GoogleApi, reference: ImageReference
) -> tuple[PublishedImage | None, ImageReference, list[Answer]]:
    """The image that the registry serves now, the reference with its digest, and what is to be said of it."""
    try:
        check_unmoved(api, reference)
        image = read_image(api, reference)
    except Denied as error:
        repository = repository_of(reference)
        fix = (
            f"owner: gcloud artifacts repositories add-iam-policy-binding {repository.repository_id}"
            f" --project={repository.project.project_id} --location={repository.location}"
            " --member=user:OPERATOR --role=roles/artifactregistry.reader"
        )
        says = error.message if reference.digest else f"{error.message}; so the tag is launched, and may move"
        return None, reference, [Answer(asked="image", standing="unknown", says=says, fix=fix)]
    except NotFound as error:
        error.hint = f"is `{reference}` the owner's reference, and was it pushed?"
        raise
    pinned = replace(reference, digest=image.digest)
    return image, pinned, [Answer(asked="image", standing="yes", says=f"`{reference}` is `{image.digest}`")]


def _by_digest(reference: ImageReference) -> str:
    """How the launcher is told of the image, so that nobody can move it meanwhile."""
    return str(reference if reference.digest is None else replace(reference, tag=None))


def _beside(
    api: GoogleApi, pinned: ImageReference, image: PublishedImage
) -> tuple[tuple[NamedPolicy, ...], list[Answer]]:
    """The policy that lies beside the image, and what is to be said of that.

    Raises:
        Misconfigured: it is no policy.
    """
    text = get_policy(api, pinned, image.digest)
    if text is None:
        return (), []
    says = "the owner's policy lies beside the image; whoever may push there may have replaced it"
    return policies_in(parse_policy_set(text, name="policy.toml")), [
        Answer(asked="policy", standing="yes", says=says)
    ]


def _decide(
    api: GoogleApi,
    vm: ConfidentialVm,
    image: PublishedImage,
    project: Project,
    policies: Sequence[NamedPolicy],
) -> list[Answer]:
    foreseen = foresee_launch(vm, image, project, memory_kib=memory_kib_of(api, vm))
    answers = list(foreseen.answers)
    if not policies:
        says = (
            "no policy was given, and none lies beside the image: nobody can say whether the owner admits it"
        )
        fix = "operator: ask the owner for the policy file, or for what `gcloud … providers describe` prints"
        answers.append(Answer(asked="admission", standing="unknown", says=says, fix=fix))
    elif foreseen.facts is not None:
        answers.append(foresee_decision(foreseen.facts, policies))
    return answers


def _look_for_pictures(api: GoogleApi, folder: FolderUri) -> Answer:
    """Whether the job would find a picture: by the names, as the workload goes by them."""
    parameters = {"prefix": folder.prefix, "fields": "items(name),nextPageToken", "maxResults": "1000"}
    seen = 0
    try:
        while True:
            url = f"{STORAGE}/b/{folder.bucket}/o"
            page: Json = api.call("GET", url, doing=f"listing `{folder}`", parameters=parameters)
            names = [str(item["name"]) for item in page.get("items", ())]
            if any(map(is_picture, names)):
                return Answer(asked="pictures", standing="yes", says=f"there are pictures in `{folder}`")
            seen += len(names)
            if not (token := page.get("nextPageToken")):
                break
            parameters["pageToken"] = token
    except NotFound:
        return Answer(
            asked="pictures",
            standing="no",
            says=f"there is no bucket `{folder.bucket}`",
            fix=f"operator: gcloud storage buckets create gs://{folder.bucket}, and put pictures into it",
        )
    except Denied as error:
        return Answer(asked="pictures", standing="unknown", says=error.message)
    return Answer(
        asked="pictures",
        standing="no",
        says=f"no object of {seen} in `{folder}` has a picture's name",
        fix=f"operator: put pictures there ({', '.join(PICTURE_SUFFIXES)}): gcloud storage cp *.jpg {folder}",
    )


def _save(name: str, text: str) -> None:
    """The file has the text, or what it had before."""
    draft = Path(name).with_name(f".{Path(name).name}.{secrets.token_hex(4)}")
    try:
        try:
            draft.write_text(text, encoding="utf-8")
            draft.replace(name)
        finally:
            draft.unlink(missing_ok=True)  # where it has not become the file
    except OSError as error:
        raise Misconfigured(
            f"cannot write {quoted(name)}: {(error.strerror or 'no reason given').lower()}",
            hint="name a file in a folder that is there and may be written to",
        ) from None
