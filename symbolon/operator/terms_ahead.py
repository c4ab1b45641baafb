"""What the owner's terms in the image say of the request, before there is a machine that would refuse it."""

from __future__ import annotations

import tarfile
from typing import Final

from attestation.errors import Misconfigured
from contract.request import agree, parse_request
from contract.terms import parse_terms
from deploy.confidential_vm import ConfidentialVm
from deploy.google_api import GoogleApi
from deploy.image import TERMS
from deploy.image_files import LayerTooLarge, read_file
from deploy.pulling import PublishedImage
from deploy.push import ImageReference

from .answers import Answer

_ASKED: Final = "owner's terms"
_PATH: Final = f"app/{TERMS}"


def check_terms(
    api: GoogleApi, reference: ImageReference, image: PublishedImage, vm: ConfidentialVm
) -> Answer:
    """Whether the terms allow what the VM's variables ask for; a warning where they cannot be read from here.

    Raises:
        EvidenceRejected, Denied, Unavailable: as the registry answers.
    """
    try:
        data = read_file(api, reference, image, _PATH)
        terms = None if data is None else parse_terms(data.decode())
    except LayerTooLarge as error:
        says = (
            f"they are in a layer of {error.size_mb:,.0f} MB, which is not read: the job checks at its start"
        )
        return Answer(asked=_ASKED, standing="warning", says=says)
    except (Misconfigured, UnicodeDecodeError, tarfile.TarError):
        terms = None
    if terms is None:
        says = f"the image has no `/{_PATH}` that can be read, so its job would not begin"
        return Answer(asked=_ASKED, standing="no", says=says, fix="owner: publish an image with terms")
    try:
        job = agree(terms, parse_request(vm.environment))
    except Misconfigured as error:
        return Answer(asked=_ASKED, standing="no", says=error.message, fix=f"operator: {error.hint}")
    says = (
        f"you get {job.top_k} classes a picture, of {terms.egress.largest_top_k} that they allow, scores with"
        f" {terms.egress.score_digits} digits, and at most {terms.egress.most_images:,} pictures a job"
    )
    if terms.release is not None and terms.release.broker is not None:
        says += (
            f"; whether licence {job.licence} has any of them left is known to `{terms.release.broker}` alone"
        )
    return Answer(asked=_ASKED, standing="yes", says=says)
