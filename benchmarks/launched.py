"""The program of the image as an operator runs it: the emulator launches it on a confidential VM.

Every step of the protocol happens, with the clients of production: the launcher pulls the image and asks for
a token, STS and IAM answer, the model is fetched and verified, pictures come from Cloud Storage and results
go there. The emulator works on the same cores, and the times are those that the workload says of itself.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attestation.digests import Digest, digest_of
from attestation.errors import ExitCode
from contract.results import JobTimings, parse_timings
from contract.terms import OwnerTerms, render_terms
from contract.uris import ObjectUri
from deploy.confidential_vm import ConfidentialVm, serial_output
from deploy.image import build_image
from deploy.push import parse_image_reference, push
from deploy.resources import Operator, operator_of, owner_of
from policy.mapping import RECOMMENDED_MAPPING
from symbolon.demo.cast import MODEL
from symbolon.owner.on_stage import ensure_all
from symbolon.platform_root import published_root
from symbolon.stage import Stage, raised

from .storing import upload
from .work import Work, terms_of

_PHOTOS = "photos/"
_CONDITION = 'assertion.swname == "CONFIDENTIAL_SPACE"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Launches:
    """An owner's published images by name, and an operator who launches one on a new VM each time."""

    stage: Stage
    operator: Operator
    images: Mapping[str, str]

    def run(self, name: str, number: int) -> JobTimings:
        """What the workload says in its line `timings`, in seconds since its process was started."""
        vm = ConfidentialVm(
            project_id=self.operator.workload_account.project.project_id,
            zone="us-west1-b",
            name=f"{name}-{number}",
            image_reference=self.images[name],
            service_account=self.operator.workload_account.email,
            environment={
                "INPUT_URI": f"gs://{self.operator.input_bucket.name}/{_PHOTOS}",
                "RESULT_URI": f"gs://{self.operator.result_bucket.name}/{name}-{number}/",
            },
        )
        ended = self.stage.run(vm)
        if ended.exit_code != ExitCode.YES:
            raise SystemExit(f"the workload ends with {ended.exit_code}: {ended.words}")
        log, _ = serial_output(self.stage.operator.api, vm)
        return find_timings(log)


def find_timings(log: str) -> JobTimings:
    """The workload's line that says what its time is made of, among all others.

    >>> line = '{"message": "timings", "format": 1, "first_row_s": 0.9, "whole_s": 1.2, "steps": {}}'
    >>> find_timings(f"booting\\n{line}\\n").moments
    {'first_row': 0.9}
    """
    for line in log.splitlines():
        if line.startswith("{"):
            entry: dict[str, Any] = json.loads(line)
            if entry.get("message") == "timings":
                return parse_timings(line)
    raise SystemExit("the workload says no timings")


@contextmanager
def published(works: Mapping[str, Work], *, archive: Path, photos: Path) -> Iterator[Launches]:
    """An image with the terms of each work, and the photos in the operator's bucket."""
    with tempfile.TemporaryDirectory(prefix="symbolon-benchmark-") as folder, raised(Path(folder)) as stage:
        owner, operator = owner_of(stage.owner.project), operator_of(stage.operator.project)
        ensure_all(stage.owner, owner.foundation())
        ensure_all(stage.operator, operator.foundation())
        stage.owner.upload(owner.model_bucket.name, MODEL, archive)
        upload(stage.operator.storage.bucket(operator.input_bucket.name), photos, prefix=_PHOTOS)
        sha256 = digest_of(archive.read_bytes())
        images = {
            name: _publish(
                stage,
                owner.repository.image(f"workload-{name}", "latest"),
                work.runtime,
                terms_of(
                    work,
                    model=ObjectUri(bucket=owner.model_bucket.name, name=MODEL),
                    sha256=sha256,
                    audience=owner.audience,
                    service_account=owner.service_account.email,
                ),
            )
            for name, work in works.items()
        }
        digests = [Digest(image.rpartition("@")[2]) for image in images.values()]
        ensure_all(
            stage.owner,
            [
                owner.pull_grant("allAuthenticatedUsers"),
                owner.provider(mapping=RECOMMENDED_MAPPING, condition=_CONDITION),
                *owner.admissions(digests),
            ],
        )
        yield Launches(stage=stage, operator=operator, images=images)


def _publish(stage: Stage, reference: str, runtime: str, terms: OwnerTerms) -> str:
    """The owner's repository serves the image with that runtime and these terms; its reference by digest."""
    parsed = parse_image_reference(reference)
    folder = stage.folder / parsed.repository.rpartition("/")[2]
    layout = build_image(folder, terms=render_terms(terms).encode(), root=published_root(), runtime=runtime)
    return f"{parsed.repository}@{push(stage.owner.api, layout.folder, parsed)}"
