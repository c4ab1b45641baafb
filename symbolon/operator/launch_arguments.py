"""What can be typed after `symbolon operator` about a VM: before it is launched, while it runs, and after."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final

from attestation.errors import ExitCode

from ..parsers import Parser, add, add_output

if TYPE_CHECKING:
    from deploy.google_api import GoogleApi

    from .launch_file import Target

_FLAGS: Final = (
    ("reference", "IMAGE", "the owner's image: REGION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE:TAG@sha256:…"),
    (
        "policy",
        "P",
        "the owner's policy: policy.toml, or the provider's JSON or YAML (default: the one beside the image)",
    ),
    ("project", "ID", "the project that the VM is in (default: GOOGLE_CLOUD_PROJECT)"),
    ("zone", "ZONE", "where it runs (default: us-west1-b)"),
    ("name", "VM", "its name (default: workload-vm)"),
    ("service-account", "ACCOUNT", "who it is: an account's address, or its name in the project"),
    ("input", "GS", "the pictures: gs://bucket/folder (default: gs://PROJECT-input-bucket)"),
    ("results", "GS", "where results go (default: gs://PROJECT-result-bucket/NAME)"),
    ("licence", "ID", "the licence that the owner's broker asks for: 32 hex digits"),
    ("machine-type", "TYPE", "such as n2d-standard-8 (default: the smallest usual one)"),
)
_CHOICES: Final = (
    ("technology", ("SEV", "SEV_SNP", "TDX"), "how its memory is encrypted (default: SEV)"),
    ("maintenance", ("TERMINATE", "MIGRATE"), "while its host is maintained (default: TERMINATE)"),
    ("restart-policy", ("Never", "OnFailure", "Always"), "when its job has ended (default: Never)"),
)
_NUMBERS: Final = (
    ("top-k", "classes for each picture"),
    ("batch-size", "pictures at a time"),
    ("scratch-kib", "of /dev/shm, which model and archive have to fit into"),
)
_WISHES: Final = (
    *(name.replace("-", "_") for name, _, _ in _FLAGS + _CHOICES),
    *(name.replace("-", "_") for name, _ in _NUMBERS),
    *("debug", "redirect_log"),
)


def add_launching(operator: argparse._SubParsersAction[Parser]) -> None:
    """Every command about the VM."""
    preflight = add(
        operator,
        "preflight",
        "say whether a launch would be admitted, and what stands in its way, before it costs anything",
        "  symbolon operator preflight --reference us-docker.pkg.dev/primus/repo/workload:v1 \\\n"
        "      --policy policy.toml --input gs://secundus-input-bucket/photos\n"
        "  symbolon operator preflight LAUNCH.toml --format json\n"
        "  symbolon operator preflight … --save LAUNCH.toml       with the digest that the tag has now\n\n"
        "exit codes: 0 admitted · 3 it would be refused · 6 not known\n",
    )
    _add_wishes(preflight)
    preflight.add_argument("--save", metavar="F", help="write a launch file, for `operator launch F`")
    preflight.set_defaults(run=_preflight)
    launch = add(
        operator,
        "launch",
        "launch the VM once you agree to the plan, and watch it until its job ends",
        "  symbolon operator launch LAUNCH.toml                   as preflight saved it\n"
        "  symbolon operator launch LAUNCH.toml --plan            what would be made, and what costs\n"
        "  symbolon operator launch LAUNCH.toml --yes --detach    and do not wait\n\n"
        "exit codes: 3 preflight says that it would be refused · else the job's own\n",
    )
    _add_wishes(launch)
    launch.add_argument("--plan", action="store_true", help="show what would be made, and make nothing")
    launch.add_argument("--yes", action="store_true", help="do not ask")
    launch.add_argument("--anyway", action="store_true", help="launch what preflight says is refused")
    launch.add_argument("--detach", action="store_true", help="do not watch it")
    launch.set_defaults(run=_launch)
    watch = add(
        operator,
        "watch",
        "show what a VM says until its job ends; from its first line, whenever it is typed",
        "  symbolon operator watch workload-vm\n"
        "  symbolon operator watch workload-vm --format json     a JSON object a line\n\n"
        "exit codes: the job's own · 5 the VM was switched off before · 6 nothing says how it ended\n",
    )
    watch.add_argument("--policy", metavar="P", help="the owner's policy, to explain a refusal by")
    watch.set_defaults(run=_watch)
    status = add(
        operator, "status", "whether there is the VM, what it does, and what costs: exit code 0 or 3"
    )
    status.set_defaults(run=_status)
    stop = add(operator, "stop", "switch the VM off; its disk stays, and its job can go on")
    stop.set_defaults(run=_stop)
    destroy = add(
        operator,
        "destroy",
        "delete the VM and its disk; pictures and results stay",
        "  symbolon operator destroy workload-vm --yes\n",
    )
    destroy.add_argument("--yes", action="store_true", help="do not ask")
    destroy.set_defaults(run=_destroy)
    for parser in (watch, status, stop, destroy):
        parser.add_argument(
            "vm", metavar="VM", nargs="?", help="its name (default: workload-vm), or a launch file"
        )
        for name, placeholder, says in _FLAGS:
            if name in ("project", "zone"):
                parser.add_argument(f"--{name}", metavar=placeholder, help=says)
        add_output(parser)
        parser.set_defaults(output="human")


def _add_wishes(parser: Parser) -> None:
    parser.add_argument("file", metavar="LAUNCH", nargs="?", help="a launch file (TOML); flags go before it")
    for name, placeholder, says in _FLAGS:
        parser.add_argument(f"--{name}", metavar=placeholder, help=says)
    for name, choices, says in _CHOICES:
        parser.add_argument(f"--{name}", choices=choices, help=says)
    for name, says in _NUMBERS:
        parser.add_argument(f"--{name}", type=int, metavar="N", help=says)
    parser.add_argument(
        "--metadata",
        metavar="KEY=VALUE",
        action="append",
        type=_pair,
        default=[],
        help="a key of the VM's metadata besides; may be given several times",
    )
    parser.add_argument(
        "--debug", action="store_true", default=None, help="boot the image that one can log in to"
    )
    parser.add_argument(
        "--no-log",
        dest="redirect_log",
        action="store_false",
        default=None,
        help="do not ask for the job's log",
    )
    add_output(parser)
    parser.set_defaults(output="human")


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError("write KEY=VALUE")
    return key, value


def _wishes(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        **{name: getattr(arguments, name) for name in _WISHES},
        **({"metadata": dict(arguments.metadata)} if arguments.metadata else {}),
    }


def _preflight(arguments: argparse.Namespace) -> ExitCode:
    from .launch_file import read_wanted
    from .preflight import preflight

    wanted = read_wanted(arguments.file, _wishes(arguments))
    return preflight(wanted, save=arguments.save, output=arguments.output)


def _launch(arguments: argparse.Namespace) -> ExitCode:
    from ..signing_in import sign_in
    from .launch_file import read_wanted
    from .launching import launch

    return launch(
        sign_in("operator"),
        read_wanted(arguments.file, _wishes(arguments)),
        plan=arguments.plan,
        yes=arguments.yes,
        anyway=arguments.anyway,
        detach=arguments.detach,
        output=arguments.output,
    )


def _target(arguments: argparse.Namespace) -> tuple[GoogleApi, Target]:
    from ..signing_in import sign_in
    from .launch_file import read_target

    target = read_target(arguments.vm, project=arguments.project, zone=arguments.zone)
    return sign_in("operator"), target


def _watch(arguments: argparse.Namespace) -> ExitCode:
    from ..policies import read_policies
    from .watching import watch_vm

    api, target = _target(arguments)
    policy = arguments.policy or target.policy
    policies = () if policy is None else read_policies(policy)[1]
    return watch_vm(api, target.vm, policies=policies, output=arguments.output)


def _status(arguments: argparse.Namespace) -> ExitCode:
    from .watching import show_status

    api, target = _target(arguments)
    return show_status(api, target.vm, output=arguments.output)


def _stop(arguments: argparse.Namespace) -> ExitCode:
    from .ending import stop

    api, target = _target(arguments)
    return stop(api, target.vm, output=arguments.output)


def _destroy(arguments: argparse.Namespace) -> ExitCode:
    from .ending import destroy

    api, target = _target(arguments)
    return destroy(api, target.vm, yes=arguments.yes, output=arguments.output)
