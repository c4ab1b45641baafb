"""The story: a model runs for an operator who never holds it, and six attempts to cheat are refused.

Then it is sold by the run, and a broker counts.

Everything goes through production clients and production host names; the emulator answers. What a
refusal is explained by comes from the token that the verifier signed for that very VM, and from
the evaluation that decided: `policy.explaining`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from google.api_core.exceptions import Forbidden

from attestation.digests import Digest
from attestation.errors import ExitCode
from contract.parts import parse_part, parse_part_name
from contract.results import RECEIPT_NAME, Row, parse_row
from contract.sealed_model import keys_uri, manifest_uri
from deploy.confidential_vm import ConfidentialVm
from deploy.resources import DockerRepository, Grant, ServiceAccount
from emulator.vm import sandbox

from ..auditor.receipt_plan import Demand, Verified, verify_receipt
from ..auditor.receipt_roots import Trust
from ..judging import ClauseAnswer, judge
from ..owner.on_stage import ensure_all, publish
from ..result_folders import open_result_folder
from ..stage import raised
from . import licensing
from .cast import MODEL, Cast, prepare
from .documents import LARGEST_TOP_K
from .events import Closing, Doing, Event, Opening, PictureResult, Scene, Sealed
from .licensing import RUNS, Licensed
from .model import make_model_archive
from .photos import PHOTOS
from .sealing import manifest_of

Actors = TypeVar("Actors")


def tell(folder: Path, *, cache: Path, kept: bool) -> Iterator[Event]:
    """The whole story, as it happens; its files are in `folder`.

    Raises:
        SymbolonError: something happened that nobody in the story had in mind.
    """
    began = time.monotonic()
    scenes: list[Scene] = []
    with ThreadPoolExecutor(1) as aside:
        archive = aside.submit(make_model_archive, cache)  # while the emulator starts
        yield Doing(what="starting Google on this machine")
        port = licensing.free_port()
        with raised(folder, routes={licensing.HOST: port}) as stage:
            yield Opening(sandbox=sandbox.best_kind(), why=sandbox.why_not_bubblewrap())
            if not archive.done():
                yield Doing(what="making the model from its published weights, once")
            cast = yield from prepare(stage, archive.result())
            yield from _chapter(_PLAYS, cast, scenes)
            sealed = _sealed(cast)
            yield sealed
            yield Doing(what="starting the owner's broker")
            with licensing.serving(stage, port=port) as broker:
                licensed = yield from licensing.license_it(cast, archive.result(), broker)
                yield from _chapter(_LICENSED_PLAYS, licensed, scenes)
                recorded = licensed.recorded()
            yield recorded
    yield Closing(
        as_told=sealed.verified
        and recorded.verified
        and recorded.released == licensing.RUNS
        and all(scene.as_told for scene in scenes),
        yes=sum(scene.outcome == "yes" for scene in scenes),
        no=sum(scene.outcome == "no" for scene in scenes),
        at=int(time.time()),
        seconds=time.monotonic() - began,
        kept=folder if kept else None,
    )


_THE_JOB = "workload-vm"

Play = Callable[[Actors, Scene], Scene]
"""Fills in how the attempt came out."""


def _chapter(plays: Mapping[str, Play[Actors]], actors: Actors, scenes: list[Scene]) -> Iterator[Event]:
    """Each attempt of the chapter, which joins `scenes`."""
    for place, (title, play) in enumerate(plays.items()):
        yield Doing(what=title)
        scene = _timed(play, actors, step=len(scenes) + 1, title=title)
        scenes.append(replace(scene, begins_chapter=place == 0))
        yield scenes[-1]


def _timed(play: Play[Actors], actors: Actors, *, step: int, title: str) -> Scene:
    began = time.monotonic()
    blank = Scene(step=step, title=title, expected="no", outcome="no", as_told=False, seconds=0.0)
    return replace(play(actors, blank), seconds=time.monotonic() - began)


def _the_job(cast: Cast, scene: Scene) -> Scene:
    """The operator does what was agreed."""
    vm = cast.vm(_THE_JOB)
    run = cast.stage.run(vm)
    written = cast.stage.operator.objects(cast.operator.result_bucket.name, f"{vm.name}/")
    rows = [
        parse_row(line.decode())
        for name in sorted(written)
        if parse_part_name(name) is not None
        for line in parse_part(written[name], where=name).rows
    ]
    shown = {photo.name: photo.shows for photo in PHOTOS}
    pictures = tuple(_picture_result(row, shown) for row in rows)
    judgement = judge(cast.policy, cast.stage.claims_of(vm).raw)
    right = [picture.picture for picture in pictures if picture.label == picture.shows]
    return replace(
        scene,
        expected="yes",
        outcome="yes" if run.exit_code == ExitCode.YES else "no",
        as_told=run.exit_code == ExitCode.YES and judgement.admitted and right == sorted(shown),
        by="the workload",
        words=run.words,
        exit_code=run.exit_code,
        pictures=pictures,
        clauses=judgement.failing,
    )


def _sealed(cast: Cast) -> Sealed:
    """The auditor holds the receipt of the job against its results, the image's digest and the policy."""
    folder = cast.stage.keep_results(cast.operator.result_bucket.name, f"{_THE_JOB}/")
    image = Digest(cast.image.rpartition("@")[2])
    demand = Demand(
        trust=Trust(root=cast.stage.root, described="the root that the verifier publishes", emulator=True),
        at=time.time(),
        image_digest=image,
        policies=(cast.policy,),
        results=open_result_folder(str(folder)),
    )
    receipt = folder / RECEIPT_NAME
    if not receipt.exists():
        return Sealed(verified=False, image=image, manifest="", pictures=0, why="there is none")
    verdict = verify_receipt(receipt.read_bytes(), demand)
    statement, answer = verdict.statement, verdict.answer
    manifest = None if statement is None else statement.sealed_manifest
    why = "" if isinstance(answer, Verified) else answer.why.message
    if not why and manifest != manifest_of(cast.terms):
        why = "the model of its statement is not the one that the owner published"
    return Sealed(
        verified=not why,
        image=image,
        manifest=manifest or "",
        pictures=0 if statement is None else statement.rows.size,
        why=why,
    )


def _picture_result(row: Row, shown: dict[str, str]) -> PictureResult:
    name = row.picture.rpartition("/")[2]
    best = row.predictions[0] if row.predictions else None
    return PictureResult(
        picture=name,
        label=(best and best.label) or "",
        score=best.score if best else 0.0,
        shows=shown.get(name, ""),
    )


def _another_image(cast: Cast, scene: Scene) -> Scene:
    """The operator publishes an image of their own: in the terms, one byte is another."""
    project = cast.operator.workload_account.project
    repository = DockerRepository(project=project, location="us", repository_id="secundus-artifact-repo")
    member = cast.operator.workload_account.member
    grant = Grant(on=repository, role="roles/artifactregistry.reader", member=member)
    ensure_all(cast.stage.operator, [repository, grant])
    egress = replace(cast.terms.egress, largest_top_k=LARGEST_TOP_K + 4)
    terms = replace(cast.terms, egress=egress)
    image = publish(cast.stage, cast.stage.operator, repository, terms=terms)
    vm = replace(cast.vm("another-image"), image_reference=image)
    return _refused_by_sts(cast, scene, vm, because={"submods.container.image_digest"})


def _debug_vm(cast: Cast, scene: Scene) -> Scene:
    """The operator boots the image that one can log in to."""
    vm = replace(cast.vm("debug-vm"), debug=True)
    because = {"dbgstat", "submods.confidential_space.support_attributes"}
    return _refused_by_sts(cast, scene, vm, because=because)


def _another_account(cast: Cast, scene: Scene) -> Scene:
    """The VM is another operator's."""
    account = ServiceAccount(project=cast.operator.workload_account.project, account_id="another-operator-sa")
    ensure_all(cast.stage.operator, replace(cast.operator, workload_account=account).foundation())
    vm = replace(cast.vm("another-account"), service_account=account.email)
    return _refused_by_sts(cast, scene, vm, because={"google_service_accounts"})


def _refused_by_sts(cast: Cast, scene: Scene, vm: ConfidentialVm, *, because: set[str]) -> Scene:
    """The scene of a VM that the owner's condition refuses, by the clauses that ask for `because` alone."""
    run = cast.stage.run(vm)
    failing = judge(cast.policy, cast.stage.claims_of(vm).raw).failing
    refused = (run.exit_code, run.code) == (ExitCode.REFUSED, "denied")
    return replace(
        scene,
        outcome="yes" if run.exit_code == ExitCode.YES else "no",
        as_told=refused and {path for clause in failing for path in _paths(clause)} == because,
        by="STS",
        words=_within_backticks(run.words),
        exit_code=run.exit_code,
        clauses=failing,
    )


def _within_backticks(words: str) -> str:
    """What the workload quotes: STS's own words."""
    quoted = re.search("`(.+)`", words)
    return quoted[1] if quoted else words


def _paths(clause: ClauseAnswer) -> set[str]:
    return {*clause.claims, *clause.absent}


def _direct_read(cast: Cast, scene: Scene) -> Scene:
    """The operator asks the owner's bucket for the model."""
    blob = cast.stage.operator.storage.bucket(cast.owner.model_bucket.name).blob(MODEL)
    try:
        blob.download_as_bytes()
    except Forbidden as refusal:
        words = f"{refusal.code:d}, {' '.join(refusal.response.text.split())}"
        return replace(scene, as_told=True, by="Cloud Storage", words=words)
    return replace(scene, outcome="yes")


def _replaced_model(cast: Cast, scene: Scene) -> Scene:
    """Somebody who can write to the owner's bucket puts another model there: one byte differs."""
    blob = cast.stage.owner.storage.bucket(cast.owner.model_bucket.name).blob(MODEL)
    data = bytearray(blob.download_as_bytes())
    data[len(data) // 2] ^= 1
    blob.upload_from_string(bytes(data), content_type="application/octet-stream")
    return _refused_model(cast, scene, "replaced-model", because="sealed-segment-foreign")


def _older_model(cast: Cast, scene: Scene) -> Scene:
    """Somebody who can write to the owner's bucket puts back what the owner sealed before: all of it."""
    bucket = cast.stage.owner.storage.bucket(cast.owner.model_bucket.name)
    model = cast.terms.model.uri
    for uri in (model, manifest_uri(model), keys_uri(model)):
        versions = bucket.list_blobs(prefix=uri.name, versions=True)
        oldest = min(int(blob.generation) for blob in versions if blob.name == uri.name)
        bucket.copy_blob(bucket.blob(uri.name), bucket, source_generation=oldest)
    return _refused_model(cast, scene, "older-model", because="manifest-not-pinned")


def _refused_model(cast: Cast, scene: Scene, name: str, *, because: str) -> Scene:
    """The scene of the owner's image that finds another model, whose refusal has the code `because`."""
    run = cast.stage.run(cast.vm(name))
    return replace(
        scene,
        outcome="yes" if run.exit_code == ExitCode.YES else "no",
        as_told=(run.exit_code, run.code) == (ExitCode.REFUSED, because),
        by="the workload",
        words=run.words,
        exit_code=run.exit_code,
    )


def _licensed_runs(licensed: Licensed, scene: Scene) -> Scene:
    """The operator runs the model as often as was sold."""
    codes = [licensed.cast.stage.run(licensed.vm(f"licensed-{n + 1}")).exit_code for n in range(RUNS)]
    released = codes == [ExitCode.YES] * RUNS
    results = licensed.cast.operator.result_bucket.name
    for name, data in licensed.cast.stage.operator.objects(results, "licensed-1/").items():
        if name == RECEIPT_NAME:
            licensed.cast.stage.keep("licensed-1.json", data.decode())
    return replace(
        scene,
        expected="yes",
        outcome="yes" if released else "no",
        as_told=released,
    )


def _one_run_more(licensed: Licensed, scene: Scene) -> Scene:
    """The operator runs it once more than was sold."""
    return _refused_by_the_broker(licensed, scene, "one-run-more", because="licence-used-up")


def _a_revoked_licence(licensed: Licensed, scene: Scene) -> Scene:
    """The owner sells two runs more, and takes the licence back before they are run."""
    licensed.renew(RUNS + 2)
    licensed.revoke()
    return _refused_by_the_broker(licensed, scene, "revoked", because="licence-revoked")


def _refused_by_the_broker(licensed: Licensed, scene: Scene, name: str, *, because: str) -> Scene:
    run = licensed.cast.stage.run(licensed.vm(name))
    return replace(
        scene,
        outcome="yes" if run.exit_code == ExitCode.YES else "no",
        as_told=(run.exit_code, run.code) == (ExitCode.REFUSED, because),
        by="the broker",
        words=run.words,
        exit_code=run.exit_code,
    )


_PLAYS: dict[str, Play[Cast]] = {
    "the operator launches the owner's image on a confidential VM": _the_job,
    "the operator launches another image: one byte of its terms differs (top-k 9, not 5)": _another_image,
    "the operator launches the owner's image on a debug VM": _debug_vm,
    "the owner's image runs as another operator's service account": _another_account,
    "the operator reads the model from the owner's bucket": _direct_read,
    "the model in the owner's bucket is replaced: one byte differs": _replaced_model,
    "an older model of the owner's, sealed too, is put back in its place": _older_model,
}

_LICENSED_PLAYS: dict[str, Play[Licensed]] = {
    f"the owner sells {RUNS} runs of the model by a broker, and the operator runs them": _licensed_runs,
    "the operator runs it once more": _one_run_more,
    "the owner sells two runs more, and revokes the licence before they are run": _a_revoked_licence,
}


def play(cast: Cast, step: int) -> Scene:
    """That step of the story alone, counted from 1."""
    title, how = list(_PLAYS.items())[step - 1]
    return _timed(how, cast, step=step, title=title)
