"""What can be typed to bring a model: `symbolon owner init|trial|protect`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from attestation.errors import ExitCode

from ..brokers import NamedBroker
from ..parsers import Parser, add, add_output, refuse_usage
from .conventions import CONVENTIONS
from .sealing_arguments import add_folder, add_seal, add_sealing_commands


def add_model_commands(owner: argparse._SubParsersAction[Parser]) -> None:
    _add_init(owner)
    _add_trial(owner)
    _add_protect(owner)
    add_sealing_commands(owner)


def _add_init(owner: argparse._SubParsersAction[Parser]) -> None:
    init = add(
        owner,
        "init",
        "read a model, try it on photos, and write its terms and a policy",
        "  symbolon owner init saved_model --photos photos --output mine      asks what no file can know\n"
        "  symbolon owner init model.xml --photos photos --convention signed --labels labels.txt \\\n"
        "      --project primus --project-number 123456789012 \\\n"
        "      --operator-account workload-sa@secundus.iam.gserviceaccount.com --output mine\n\n"
        "conventions:\n"
        + "".join(f"  {name:<9} {each.says}\n" for name, each in CONVENTIONS.items())
        + "\nexit codes: 0 written, or there already · 7 not usable, or there and different (--force)\n",
    )
    init.add_argument(
        "model",
        metavar="MODEL",
        type=Path,
        help="a SavedModel's folder, an OpenVINO IR (.xml, a .bin beside it), or a .tar or .tar.gz of either",
    )
    init.add_argument(
        "--output",
        metavar="DIR",
        dest="folder",
        type=Path,
        default=Path(),
        help="where to write (default: here)",
    )
    init.add_argument("--force", action="store_true", help="write files anew whose contents are others")
    of_model = init.add_argument_group("of the model")
    of_model.add_argument(
        "--photos", metavar="DIR", type=Path, help="try the model on these, in every convention"
    )
    of_model.add_argument("--convention", choices=tuple(CONVENTIONS), help="how pixels are fed")
    of_model.add_argument("--mean", metavar="R,G,B", type=_three, help="of pixels in 0 to 255, with --scale")
    of_model.add_argument("--scale", metavar="S", type=float, help="fed = (pixel - mean) * S")
    of_model.add_argument("--channels", choices=("rgb", "bgr"), help="the order of a pixel's numbers")
    of_model.add_argument(
        "--labels", metavar="FILE", type=Path, help="one class a line, in the order of scores"
    )
    of_model.add_argument("--signature", metavar="NAME", help="of a SavedModel (default: serving_default)")
    of_model.add_argument("--output-tensor", metavar="NAME", help="where the model gives more than one")
    of_model.add_argument("--size", metavar="HxW", type=_size, help="where the model takes any")
    of_model.add_argument("--scores", choices=("softmax", "as-is"), help="what makes probabilities of scores")
    of_model.add_argument("--runtime", choices=("tensorflow", "openvino"), help="what runs it")
    of_model.add_argument(
        "--precision", choices=("fp32", "bf16", "int8"), help="(default: fp32, or as it is)"
    )
    of_model.add_argument(
        "--resize",
        choices=("bilinear", "bicubic", "nearest", "area"),
        default="bilinear",
        help="(default: bilinear)",
    )
    of_model.add_argument("--antialias", action="store_true", help="resizing looks at all pixels")
    of_model.add_argument(
        "--fit",
        choices=("stretch", "crop"),
        default="stretch",
        help="what becomes of proportions (default: stretch)",
    )
    of_model.add_argument(
        "--exif-orientation", choices=("ignore", "apply"), default="ignore", help="(default: ignore)"
    )
    leaves = init.add_argument_group("what may leave")
    leaves.add_argument("--largest-top-k", metavar="N", type=int, help="classes of a photo (default: 5)")
    leaves.add_argument("--score-digits", metavar="N", type=int, help="after the decimal point (default: 4)")
    leaves.add_argument("--most-images", metavar="N", type=int, help="of one job (default: 10000)")
    names = init.add_argument_group("names, the codelab's where none is said")
    names.add_argument("--project", metavar="ID", help="the owner's (default: $GOOGLE_CLOUD_PROJECT)")
    names.add_argument("--project-number", metavar="N", help="its number (default: looked up, if signed in)")
    names.add_argument(
        "--operator-account",
        metavar="EMAIL",
        dest="operators",
        action="append",
        default=[],
        help="a workload account that is admitted; may be given several times",
    )
    names.add_argument("--bucket", metavar="NAME", help="of the model (default: PROJECT-input-bucket)")
    names.add_argument("--object", metavar="NAME", dest="object_name", help="(default: model.tar)")
    names.add_argument(
        "--service-account", metavar="EMAIL", help="which reads the model (default: that of PROJECT-sa)"
    )
    names.add_argument("--pool", metavar="ID", help="(default: PROJECT-wip)")
    names.add_argument("--provider", metavar="ID", help="(default: PROJECT-wip-provider)")
    add_output(init)
    init.set_defaults(run=_init, output="human")


def _add_trial(owner: argparse._SubParsersAction[Parser]) -> None:
    trial = add(
        owner,
        "trial",
        "run the workload on photos as the launcher does, on this machine alone",
        "  symbolon owner trial --photos photos\n"
        "  symbolon owner trial mine --photos photos --format json\n\n"
        "exit codes: 0 every photo has its row · 3 none could be read · 4, 5, 7 as the workload ended\n",
    )
    add_folder(trial)
    trial.add_argument("--photos", metavar="DIR", type=Path, required=True, help="what to classify")
    trial.add_argument(
        "--top-k", metavar="N", type=int, help="classes a photo (default: as many as may leave)"
    )
    add_output(trial)
    trial.set_defaults(run=_trial, output="human")


def _add_protect(owner: argparse._SubParsersAction[Parser]) -> None:
    protect = add(
        owner,
        "protect",
        "pack the model, seal it if wanted, upload it once, and pin it in the terms",
        "  symbolon owner protect --plan              what would be done\n"
        "  symbolon owner protect mine\n"
        "  symbolon owner protect --seal kms=KEY      encrypted; KEY is one of Cloud KMS:\n"
        "      projects/primus/locations/global/keyRings/models/cryptoKeys/lite0\n"
        "  symbolon owner protect --seal none         as it is, for whoever reads the bucket\n\n"
        "exit codes: 0 it is there and pinned · 4 a role is missing, or the bucket is somebody else's\n",
    )
    add_folder(protect)
    add_seal(protect)
    protect.add_argument("--plan", action="store_true", help="show what would be done, and do nothing")
    add_output(protect)
    protect.set_defaults(run=_protect, output="human")


def _three(text: str) -> tuple[float, float, float]:
    try:
        red, green, blue = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"`{text[:40]}` is not three numbers: 127.5,127.5,127.5") from None
    return red, green, blue


def _size(text: str) -> tuple[int, int]:
    try:
        height, width = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"`{text[:40]}` is no height and width: 224x224") from None
    return height, width


def _init(arguments: argparse.Namespace) -> ExitCode:
    from ..projects import OwnerNames, read_said
    from .identities import Named
    from .init import Said, init
    from .model_facts import Wanted
    from .trying import Feeding

    said = read_said(OwnerNames)
    by_numbers = [arguments.mean is not None, arguments.scale is not None]
    if any(by_numbers) and not (all(by_numbers) and arguments.convention is None):
        return refuse_usage(arguments, "say --convention, or both --mean and --scale")
    height, width = arguments.size or (None, None)
    return init(
        Said(
            model=arguments.model,
            folder=arguments.folder,
            force=arguments.force,
            photos=arguments.photos,
            labels=arguments.labels,
            wanted=Wanted(
                runtime=arguments.runtime,
                signature=arguments.signature,
                output=arguments.output_tensor,
                height=height,
                width=width,
            ),
            feeding=Feeding(
                convention=arguments.convention,
                mean=arguments.mean,
                scale=arguments.scale,
                channels=arguments.channels,
            ),
            precision=arguments.precision,
            scores=arguments.scores,
            method=arguments.resize,
            antialias=arguments.antialias,
            fit=arguments.fit,
            exif_orientation=arguments.exif_orientation,
            largest_top_k=arguments.largest_top_k,
            score_digits=arguments.score_digits,
            most_images=arguments.most_images,
            named=Named(
                project=arguments.project or said.get("project"),
                project_number=arguments.project_number,
                bucket=arguments.bucket or said.get("model_bucket"),
                object_name=arguments.object_name,
                service_account=arguments.service_account or said.get("service_account"),
                pool=arguments.pool or said.get("pool"),
                provider=arguments.provider or said.get("provider"),
                operators=tuple(arguments.operators),
            ),
            output=arguments.output,
        )
    )


def _trial(arguments: argparse.Namespace) -> ExitCode:
    from ..steps import Steps

    with Steps() as steps:
        steps.begin("preparing a trial")  # what it needs takes a while to import
        from .trial import run_trial

        return run_trial(
            arguments.folder,
            photos=arguments.photos,
            top_k=arguments.top_k,
            output=arguments.output,
            steps=steps,
        )


def _protect(arguments: argparse.Namespace) -> ExitCode:
    from ..steps import Steps

    with Steps() as steps:
        steps.begin("reading the terms")  # Google's clients take a while to import
        from .protect import Seal, protect

        typed = arguments.seal
        named = replace(
            typed if isinstance(typed, NamedBroker) else NamedBroker(),
            key=arguments.broker_key,
            pins=tuple(arguments.pin),
            owner_key=arguments.key,
            passphrase_file=arguments.passphrase_file,
        )
        has_broker = isinstance(typed, NamedBroker) or any((named.key, named.pins, named.owner_key))
        seal = Seal(
            kms=None if isinstance(typed, NamedBroker) else typed,
            broker=named if has_broker else None,
            sign_with=arguments.sign_with,
            passphrase_file=arguments.passphrase_file,
        )
        return protect(arguments.folder, seal, plan=arguments.plan, output=arguments.output, steps=steps)
