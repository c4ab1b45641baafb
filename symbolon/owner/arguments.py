"""What can be typed after `symbolon owner`.

A command's own module is imported when the command runs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from attestation.errors import ExitCode

from ..parsers import FOR_PEOPLE, Parser, add, add_group, add_output, refuse_usage
from ..policy_arguments import add_findings, add_policy, now
from .licence_arguments import add_licence_commands
from .model_arguments import add_model_commands
from .order_arguments import add_order_commands
from .provision_arguments import add_owner_provision


def add_owner(commands: argparse._SubParsersAction[Parser], says: str) -> None:
    owner = add_group(commands, "owner", says)
    policy = add_group(owner, "policy", "what the owner asks of a token")
    _add_publish(owner)
    build = add(
        policy,
        "build",
        "the attribute condition, the mapping and the gcloud line of a policy file",
        "  symbolon owner policy build policy.toml\n"
        "  symbolon owner policy build policy.toml --format json | jq -r .condition > policy.cel\n",
    )
    build.add_argument("policy", metavar="P", help="the policy file (TOML); `-`: standard input")
    add_output(build)
    build.set_defaults(run=_build_policy)
    lint = add(
        policy,
        "lint",
        "what the rules find in a policy",
        "  symbolon owner policy lint policy.toml\n"
        "  symbolon owner policy lint provider.json --bindings iam-policy.json --image config.json\n"
        "  symbolon --explain debug-image-admitted    the page of a rule\n\n"
        "exit codes: 0 nothing as bad as --fail-on · 3 something is · 6 something could not be decided\n",
    )
    add_findings(lint)
    lint.set_defaults(run=_lint_policy)
    test = add(
        policy,
        "test",
        "tokens with the decisions that are expected of them",
        "  symbolon owner policy test policy.toml --generate policy.tests\n"
        "  symbolon owner policy test policy.toml policy.tests\n\n"
        "exit codes: 0 every token is decided as expected · 3 one is not · 6 of one it is not known\n",
    )
    add_policy(test)
    test.add_argument(
        "folder",
        metavar="DIR",
        nargs="?",
        type=Path,
        help="has folders `admit` and `deny`, with tokens, or claims as JSON (default: P with `.tests`)",
    )
    test.add_argument(
        "--generate",
        metavar="DIR",
        type=Path,
        help="write into DIR, new or empty, a token that is admitted, and for every clause one that "
        "fails only it",
    )
    add_output(test, FOR_PEOPLE)
    test.set_defaults(run=_test_policy)
    normalise = add(
        policy,
        "normalise",
        "the condition in one canonical form, proved to admit what it admitted",
        "  symbolon owner policy normalise condition.cel > canonical.cel\n\n"
        "exit codes: 0 printed · 6 not printed, since it is not proved to be equivalent\n",
    )
    add_policy(normalise)
    add_output(normalise)
    normalise.set_defaults(run=_normalise_policy)
    attach = add(
        policy,
        "attach",
        "the policy beside the image that it pins, where `operator preflight` finds it",
        "  symbolon owner policy attach policy.toml --reference us-docker.pkg.dev/primus/repo/workload:v1\n",
    )
    attach.add_argument("policy", metavar="P", help="the policy file (TOML); `-`: standard input")
    attach.add_argument("--reference", metavar="REF", required=True, help="the image, in Artifact Registry")
    add_output(attach)
    attach.set_defaults(run=_attach_policy)
    add_model_commands(owner)
    add_owner_provision(owner)
    add_licence_commands(owner)
    add_order_commands(owner)


def _lint_policy(arguments: argparse.Namespace) -> ExitCode:
    from .lint import lint_policy

    return lint_policy(
        policy=arguments.policy,
        bindings=arguments.bindings,
        image=arguments.image,
        fail_on=arguments.fail_on,
        accept_bounds=arguments.accept_bounds,
        output=arguments.output,
        now=now(),
    )


def _test_policy(arguments: argparse.Namespace) -> ExitCode:
    from .testing import generate_tests, run_tests

    if arguments.generate is not None:
        if arguments.folder is not None:
            return refuse_usage(arguments, "--generate writes tests into its own folder: name no other")
        return generate_tests(
            policy=arguments.policy, folder=arguments.generate, output=arguments.output, now=now()
        )
    return run_tests(policy=arguments.policy, folder=arguments.folder, output=arguments.output, now=now())


def _normalise_policy(arguments: argparse.Namespace) -> ExitCode:
    from .normalise import normalise_policy

    return normalise_policy(policy=arguments.policy, output=arguments.output, now=now())


def _build_policy(arguments: argparse.Namespace) -> ExitCode:
    from .build import build_policy

    return build_policy(policy=arguments.policy, output=arguments.output)


def _attach_policy(arguments: argparse.Namespace) -> ExitCode:
    from .attach import attach_policy

    return attach_policy(policy=arguments.policy, reference=arguments.reference, output=arguments.output)


def _add_publish(owner: argparse._SubParsersAction[Parser]) -> None:
    parser = add(
        owner,
        "publish",
        "an image with the owner's terms, pushed, and pinned by the policy",
        "  symbolon owner publish --reference us-docker.pkg.dev/primus/images/workload:v1 \\\n"
        "      --base docker.io/library/python:3.11-slim@sha256:…\n"
        "  symbolon owner publish --reference … --append --base oci:base@sha256:…    without any engine\n"
        "  symbolon owner publish --reference … --layout --emulator       our files alone, for an emulator\n"
        "  printf '[global]\\ncert = /mnt/ca.pem\\n' > pip.conf      behind a proxy with a root of its own\n"
        "  symbolon owner publish --reference … --base … --pip-config pip.conf --ca company-root.pem\n",
    )
    parser.add_argument(
        "--reference", metavar="REF", required=True, help="where it goes, in Artifact Registry"
    )
    parser.add_argument(
        "--terms", metavar="F", default="terms.toml", help="the owner's terms (default: terms.toml)"
    )
    parser.add_argument(
        "--policy", metavar="P", default="policy.toml", help="whose digest is set (default: policy.toml)"
    )
    parser.add_argument(
        "--base",
        metavar="NAME@DIGEST",
        help="the image that this one is built on, or appended to: of a registry, or oci:FOLDER",
    )
    parser.add_argument(
        "--append",
        action="store_true",
        help="the base carries the requirements already: add our layer to it, and build nothing",
    )
    parser.add_argument(
        "--engine", choices=("buildah", "podman", "docker"), help="default: the first that is installed"
    )
    parser.add_argument("--layout", action="store_true", help="our files alone, without a container engine")
    parser.add_argument(
        "--root", metavar="F", help="the root of the platform's tokens (default: what the verifier publishes)"
    )
    parser.add_argument(
        "--emulator", action="store_true", help="the image is for an emulator, and believes its root"
    )
    parser.add_argument("--pip-config", metavar="F", type=Path, help="pip's settings during the build")
    parser.add_argument(
        "--ca", metavar="F", type=Path, help="certificates that they may name, as /mnt/ca.pem"
    )
    parser.add_argument(
        "--keep-policy",
        action="store_true",
        help="do not put the policy beside the image, for operators to read",
    )
    parser.add_argument("--plan", action="store_true", help="show what would be done, and do nothing")
    add_output(parser)
    parser.set_defaults(run=_publish)


def _publish(arguments: argparse.Namespace) -> ExitCode:
    from dataclasses import fields

    from .publish import publish
    from .publish_order import Order

    order = Order(**{each.name: getattr(arguments, each.name) for each in fields(Order)})
    return publish(order, plan=arguments.plan, output=arguments.output)
