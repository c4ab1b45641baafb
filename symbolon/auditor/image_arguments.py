"""What can be typed after `symbolon auditor image` and `symbolon auditor report`."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from attestation.errors import ExitCode

from ..parsers import FOR_PEOPLE, Parser, add, add_output
from ..policy_arguments import POLICY, SEVERITIES, add_accept_bounds, add_at, add_attack, add_bindings, now

if TYPE_CHECKING:
    from .image_order import Order

_EXIT_CODES = (
    "exit codes: 0 all as it should be · 3 something differs, or policy or key let others in\n"
    "  4 what was handed over is hostile, or not what its digest says · 6 not all could be compared\n"
)


def add_image(auditor: argparse._SubParsersAction[Parser]) -> None:
    """`image`, and `report`, which takes the same."""
    image = add(
        auditor,
        "image",
        "whether an image is what its sources make, and what it lets its operator do",
        "  symbolon auditor image us-docker.pkg.dev/primus/images/workload@sha256:… --source . \\\n"
        "      --terms terms.toml --base docker.io/library/python:3.11-slim@sha256:… --policy policy.toml\n"
        "  symbolon auditor image layout/ --source checkout --terms terms.toml --engine none \\\n"
        "      --wheels wheels --known python-3.11-slim/           file by file, without building anything\n"
        "  symbolon auditor image layout/ --source . --terms terms.toml --sbom sbom.spdx.json\n"
        "  symbolon auditor image layout/ --source . --terms terms.toml --key-policy key-policy.json\n\n"
        + _EXIT_CODES,
    )
    _add_order(image)
    image.add_argument(
        "--sbom", metavar="FILE", type=Path, help="write packages and licences there, as SPDX 2.3 in JSON"
    )
    add_at(image, "the time of the record")
    add_output(image, FOR_PEOPLE)
    image.set_defaults(run=_audit_image)
    report = add(
        auditor,
        "report",
        "one dated record of an image, its terms and the review of its policy",
        "  symbolon auditor report audit/ --image layout/ --source . --terms terms.toml \\\n"
        "      --policy policy.toml\n"
        "  symbolon auditor report audit/ … --at 2026-11-27T12:00:00Z      the same bytes each time\n\n"
        + _EXIT_CODES,
    )
    report.add_argument(
        "folder", metavar="DIR", type=Path, help="where report.html and report.json are written"
    )
    _add_order(report)
    report.add_argument("--sbom", action="store_true", help="write DIR/sbom.spdx.json as well")
    report.add_argument(
        "--fail-on",
        choices=SEVERITIES,
        default="high",
        metavar="SEVERITY",
        help=f"the review says no when a finding is as bad: {', '.join(SEVERITIES)} (default: high)",
    )
    add_accept_bounds(report)
    add_at(report, "the time that it bears")
    add_output(report)
    report.set_defaults(run=_make_report)


def _add_order(parser: Parser) -> None:
    """What is audited: the image stands by itself after `image`, and is an option of `report`."""
    is_report = parser.prog.endswith("report")
    what = "an image in Artifact Registry, best by its digest, or the folder of an OCI layout"
    if is_report:
        parser.add_argument("--image", metavar="REF|LAYOUT", required=True, help=what)
    else:
        parser.add_argument("image", metavar="REF|LAYOUT", help=what)
    parser.add_argument(
        "--source", metavar="CHECKOUT", type=Path, required=True, help="this project's sources, as published"
    )
    parser.add_argument("--terms", metavar="F", required=True, help="the owner's terms")
    parser.add_argument(
        "--policy", metavar="P", required=is_report, help=f"which ought to admit this image alone: {POLICY}"
    )
    add_bindings(parser)
    parser.add_argument(
        "--key-policy",
        metavar="F",
        help="the IAM policy of a sealed model's key, of `gcloud kms keys get-iam-policy`: who can open it",
    )
    parser.add_argument(
        "--base", metavar="NAME@DIGEST", help="what the owner built it on: it is built again on that"
    )
    parser.add_argument(
        "--engine",
        choices=("buildah", "podman", "docker", "none"),
        help="what builds it again (default: the first that is installed); none: its files are compared",
    )
    parser.add_argument(
        "--wheels", metavar="DIR", type=Path, help="has the lock's wheels (default: pip fetches them)"
    )
    parser.add_argument(
        "--known",
        metavar="LAYOUT",
        type=Path,
        action="append",
        default=[],
        help="an OCI layout whose files you vouch for, such as the interpreter's; may be given several times",
    )
    parser.add_argument(
        "--root", metavar="F", help="the root that it has to believe (default: Google's, by its fingerprint)"
    )
    parser.add_argument(
        "--emulator", action="store_true", help="it is an emulator's, and believes that emulator's root"
    )
    parser.add_argument("--pip-config", metavar="F", type=Path, help="pip's settings during the build")
    parser.add_argument(
        "--ca", metavar="F", type=Path, help="certificates that they may name, as /mnt/ca.pem"
    )
    add_attack(parser)


def _moment(arguments: argparse.Namespace) -> datetime:
    return now() if arguments.at is None else datetime.fromtimestamp(arguments.at, UTC)


def _order(arguments: argparse.Namespace) -> Order:
    from .image_order import Order

    return Order(
        image=arguments.image,
        source=arguments.source,
        terms=arguments.terms,
        policy=arguments.policy,
        bindings=arguments.bindings,
        base=arguments.base,
        engine=arguments.engine,
        wheels=arguments.wheels,
        known=tuple(arguments.known),
        root=arguments.root,
        emulator=arguments.emulator,
        pip_config=arguments.pip_config,
        ca=arguments.ca,
        attack=arguments.attack,
        key_policy=arguments.key_policy,
    )


def _audit_image(arguments: argparse.Namespace) -> ExitCode:
    from .image import audit_image

    return audit_image(
        _order(arguments), sbom=arguments.sbom, output=arguments.output, now=_moment(arguments)
    )


def _make_report(arguments: argparse.Namespace) -> ExitCode:
    from .report import make_report

    return make_report(
        _order(arguments),
        folder=arguments.folder,
        fail_on=arguments.fail_on,
        accept_bounds=arguments.accept_bounds,
        with_sbom=arguments.sbom,
        output=arguments.output,
        now=_moment(arguments),
    )
