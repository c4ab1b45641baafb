"""What `symbolon owner trial` does: the owner's image on the owner's photos, in front of a private emulator.

It is the way of a real job: the terms go into the image, the launcher starts it, the owner's condition admits
it, and rows are read from the results. Only the names of project, bucket and accounts are the emulator's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from attestation.digests import Digest
from attestation.errors import (
    Denied,
    ExitCode,
    Misconfigured,
    SymbolonError,
    Unavailable,
    printable,
    quoted,
)
from contract.parts import parse_part, parse_part_name
from contract.results import Row, parse_row
from contract.terms import CredentialTerms, OwnerTerms
from contract.uris import ObjectUri
from deploy.confidential_vm import ConfidentialVm, launch, watch
from deploy.resources import Operator, Owner, operator_of, owner_of
from emulator.vm import sandbox

from ..extras import require_extra
from ..rendering import console, print_json
from ..scratch import require_room, scratch_folder
from ..stage import Stage, VmRun, raised
from ..steps import Steps
from .on_stage import ask, ensure_all, publish
from .packing import Measured, measure
from .photos import best_lines, photos_in, width
from .uploading import upload
from .workplace import Workplace, open_workplace

MOST_PHOTOS = 1000
_ANYBODY = "allAuthenticatedUsers"
_ZONE = "us-west1-b"
_PHOTOS = "photos/"
_LONGEST_RUN_S = 1800
_POLL_S = 0.2
_UNPACKED_TIMES = 4
"""What an archive that is gzipped, and what is in it, take at most, as a rule."""
_MACHINES = ((6, "n2d-standard-2"), (28, "n2d-standard-8"), (120, "n2d-standard-32"))
"""GiB for the model's files, and a machine whose memory holds them and the workload."""
_IN_THE_IMAGE = ("numpy", "PIL", "simplejpeg")
_FAMILIES = {
    ExitCode.REFUSED: Denied,
    ExitCode.UNAVAILABLE: Unavailable,
    ExitCode.MISCONFIGURED: Misconfigured,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Came:
    """What the trial's job wrote, and how it ended."""

    run: VmRun
    rows: tuple[Row, ...]


def run_trial(folder: Path, *, photos: Path, top_k: int | None, output: str, steps: Steps) -> ExitCode:
    """A row for each photo stands on standard output; everything that was made for it is gone.

    Raises:
        Misconfigured: terms, model or photos cannot be used, or what runs the model is not installed.
        Denied, Unavailable: as the workload ended.
    """
    place = open_workplace(folder)
    found = photos_in(photos)
    if len(found) > MOST_PHOTOS:
        raise Misconfigured(
            f"there are {len(found)} photos in {quoted(str(photos))}, and a trial takes {MOST_PHOTOS}",
            hint="name a folder with fewer",
        )
    _require_runtime(place.terms.runtime.name)
    names = {path.relative_to(photos).as_posix(): path for path in found}
    for name, path in names.items():
        _check_readable(name, path)
    with scratch_folder() as own:
        steps.begin("reading the model")
        measured = measure(place.packing, note=lambda size: steps.show(f"{size / 1e6:,.0f} MB"))
        steps.begin("starting a private emulator")
        require_room(own, _room_mb(measured), what="for temporary files", variable="TMPDIR")
        with raised(own) as stage:
            came = _play(stage, place, measured, names, top_k, steps)
    steps.pause()
    return _tell(place, measured.digest, came, output=output)


def _play(
    stage: Stage,
    place: Workplace,
    measured: Measured,
    photos: Mapping[str, Path],
    top_k: int | None,
    steps: Steps,
) -> _Came:
    """Owner and operator do what they do in the cloud, one after the other."""
    owner, operator = owner_of(stage.owner.project), operator_of(stage.operator.project)
    steps.begin("the owner uploads the model")
    ensure_all(stage.owner, owner.foundation())
    name = place.terms.model.uri.name
    blob = stage.owner.storage.bucket(owner.model_bucket.name).blob(name)
    upload(blob, place.packing, size=measured.size, note=lambda size: steps.show(f"{size / 1e6:,.0f} MB"))
    steps.begin("the owner publishes the image")
    terms = _of_the_emulator(place.terms, owner, name, measured.digest)
    image = publish(stage, stage.owner, owner.repository, terms=terms)
    ensure_all(stage.owner, [owner.pull_grant(_ANYBODY)])
    ask(stage, owner, operator, Digest(image.rpartition("@")[2]))
    steps.begin("the operator uploads the photos")
    ensure_all(stage.operator, operator.foundation())
    for each, path in photos.items():
        stage.operator.upload(operator.input_bucket.name, _PHOTOS + each, path)
    vm = _vm(operator, image, measured.size, top_k, is_packed=name.endswith("gz"))
    steps.begin("the operator launches the image")
    launch(stage.operator.api, vm)
    give_up_at = time.monotonic() + _LONGEST_RUN_S
    for text in watch(stage.operator.api, vm, poll_s=_POLL_S):
        if text:
            steps.show(_last_message(text))
        elif time.monotonic() > give_up_at:
            raise Unavailable(f"the workload still runs after {_LONGEST_RUN_S} s", hint="try fewer photos")
    run = stage.ended(vm)
    written = stage.operator.objects(operator.result_bucket.name, f"{vm.name}/")
    rows = [
        parse_row(line.decode())
        for part in sorted(written)
        if parse_part_name(part) is not None
        for line in parse_part(written[part], where=part).rows
    ]
    return _Came(run=run, rows=tuple(rows))


def _of_the_emulator(terms: OwnerTerms, owner: Owner, name: str, sha256: Digest) -> OwnerTerms:
    """The owner's terms, word for word, but for who the owner is and where the model lies: not sealed."""
    uri = ObjectUri(bucket=owner.model_bucket.name, name=name)
    return replace(
        terms,
        model=replace(terms.model, uri=uri, sha256=sha256, generation=None),
        credential=CredentialTerms(audience=owner.audience, service_account=owner.service_account.email),
        release=None,
    )


def _vm(operator: Operator, image: str, size: int, top_k: int | None, *, is_packed: bool) -> ConfidentialVm:
    account = operator.workload_account
    asked = {} if top_k is None else {"TOP_K": str(top_k)}
    needed = size * (_UNPACKED_TIMES if is_packed else 2) + (64 << 20)
    machine = next((name for gib, name in _MACHINES if needed <= gib << 30), _MACHINES[-1][1])
    return ConfidentialVm(
        project_id=account.project.project_id,
        zone=_ZONE,
        name="trial",
        image_reference=image,
        service_account=account.email,
        environment={
            "INPUT_URI": f"gs://{operator.input_bucket.name}/{_PHOTOS}",
            "RESULT_URI": f"gs://{operator.result_bucket.name}/trial/",
            **asked,
        },
        machine_type=machine,
        scratch_kib=needed >> 10,
    )


def _last_message(text: str) -> str:
    """What the workload said last, of lines that may be cut."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            try:
                return f"({printable(str(json.loads(line)['message']))[:60]})"
            except (ValueError, LookupError):
                continue
    return ""


def _room_mb(model: Measured) -> int:
    """The MB that an emulator's state takes, with the model in it twice: as uploaded, and as read."""
    return 20 + 2 * model.size // 1_000_000


def _check_readable(name: str, path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        reason = (error.strerror or "no reason given").lower()
        raise Misconfigured(
            f"cannot read the photo {quoted(name)}: {reason}", hint="make it readable, or take it away"
        ) from None


def _require_runtime(runtime: str) -> None:
    """The image's packages are installed here, where no image is built."""
    require_extra("emulator")
    for module in (*_IN_THE_IMAGE, runtime):
        if find_spec(module) is None:
            extra = "openvino" if module == "openvino" else "demo"
            raise Misconfigured(
                f"`{module}` is not installed, and the workload needs it",
                hint=f"make the environment that has it: scripts/environment {extra}",
            )


def _tell(place: Workplace, model: Digest, came: _Came, *, output: str) -> ExitCode:
    code = came.run.exit_code
    if code not in (ExitCode.YES, ExitCode.ANSWERED_NO):
        family = SymbolonError if code is None else _FAMILIES.get(ExitCode(code), SymbolonError)
        raise family(came.run.words or "the workload ended without a word", hint=came.run.hint)
    pinned = model == place.terms.model.sha256
    if output == "json":
        print_json(
            {
                "model": model,
                "pinned": pinned,
                "sandbox": sandbox.best_kind(),
                "exit_code": code,
                "rows": [_document(row) for row in came.rows],
            }
        )
        return ExitCode(code)
    _show(came.rows, digits=place.terms.egress.score_digits)
    terminal = console()
    read = sum(row.error is None for row in came.rows)
    kind = "bubblewrap" if sandbox.best_kind() == "bubblewrap" else f"bare: {sandbox.why_not_bubblewrap()}"
    terminal.print(
        f"\n{read} of {len(came.rows)} photos read by the workload in front of an emulator ({kind})"
    )
    if not pinned:
        terminal.print(
            "the model is another than the terms pin: `symbolon owner protect` uploads it and pins it anew"
        )
    return ExitCode(code)


def _show(rows: Sequence[Row], *, digits: int) -> None:
    terminal, wide = console(), width()
    good = [row for row in rows if row.error is None]
    best = [
        (
            _name(row),
            [(each.label or f"class {each.class_index}", each.score) for each in row.predictions],
        )
        for row in good
    ]
    for line in best_lines(best, digits=digits, columns=wide):
        terminal.print(line)
    for row in rows:
        if row.error is not None:
            terminal.print(f"  {printable(_name(row))}  {row.error.message}")


def _name(row: Row) -> str:
    return row.picture.removeprefix(_PHOTOS)


def _document(row: Row) -> dict[str, object]:
    if row.error is not None:
        return {"image": _name(row), "error": {"code": row.error.code, "message": row.error.message}}
    predictions = [
        {"class_index": each.class_index, "label": each.label, "score": each.score}
        for each in row.predictions
    ]
    return {"image": _name(row), "top_k_predictions": predictions}
