"""What can be typed about a policy: the commands of its owner, and of the auditor.

As in `arguments`, a command's own module is imported when the command runs.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from attestation.errors import ExitCode

from .parsers import FOR_PEOPLE, Parser, add, add_group, add_output

_POLICY = (
    "a policy file (TOML), a condition (.cel), the YAML or JSON that `gcloud iam workload-identity-pools "
    "providers` describes or lists, or what `terraform show -json` prints; `-`: standard input"
)
_SEVERITIES = ("critical", "high", "medium", "low", "warning", "info")
_QUESTIONS = (
    "production-image",
    "encrypted-memory",
    "pinned-image",
    "pinned-operator",
    "no-overrides",
    "satisfiable",
    "never-errors",
)
_LONGEST_BUDGET_S = 3600.0


def add_owner(commands: argparse._SubParsersAction[Parser]) -> None:
    owner = add_group(commands, "owner", "for whoever has the model")
    policy = add_group(owner, "policy", "what the owner asks of a token")
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
    _add_findings(lint)
    lint.set_defaults(run=_lint_policy)
    test = add(
        policy,
        "test",
        "tokens with the decisions that are expected of them",
        "  symbolon owner policy test policy.toml --generate policy.tests\n"
        "  symbolon owner policy test policy.toml policy.tests\n\n"
        "exit codes: 0 every token is decided as expected · 3 one is not · 6 of one it is not known\n",
    )
    _add_policy(test)
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
    _add_policy(normalise)
    add_output(normalise)
    normalise.set_defaults(run=_normalise_policy)


def _add_policy(parser: Parser) -> None:
    parser.add_argument("policy", metavar="P", help=_POLICY)


def _add_findings(parser: Parser) -> None:
    _add_policy(parser)
    parser.add_argument(
        "--bindings", metavar="F", help="the IAM policy of the service account or the bucket (YAML or JSON)"
    )
    parser.add_argument(
        "--image", metavar="F", help="the image's configuration (JSON), or the folder of an OCI layout"
    )
    parser.add_argument(
        "--fail-on",
        choices=_SEVERITIES,
        default="high",
        metavar="SEVERITY",
        help=f"answer no when a finding is as bad: {', '.join(_SEVERITIES)} (default: high)",
    )
    add_output(parser, (*FOR_PEOPLE, "sarif"))


def _add_proof(parser: Parser) -> None:
    parser.add_argument(
        "--sample", metavar="T", help="a token, or claims as JSON: tokens shown are as near to it as can be"
    )
    _add_budget(parser)
    add_output(parser, FOR_PEOPLE)


def _add_assumptions(parser: Parser) -> None:
    """What a proof may rest on beyond what the issuer guarantees."""
    parser.add_argument(
        "--assume",
        choices=("documented-values", "none"),
        default="none",
        metavar="WHAT",
        help="documented-values: no token has other claims and values than are documented; none (default)",
    )
    parser.add_argument(
        "--accept-bounds",
        action="store_true",
        help="a proof that does not cover longer lists and maps is an answer, and not undecided",
    )


def _add_budget(parser: Parser) -> None:
    parser.add_argument(
        "--budget",
        metavar="SECONDS",
        type=_seconds,
        default=5.0,
        help="for each question to the solver (default: 5)",
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= _LONGEST_BUDGET_S:
        raise ValueError(text)
    return seconds


def _now() -> datetime:
    return datetime.now(UTC)


def _lint_policy(arguments: argparse.Namespace) -> ExitCode:
    from .auditor.review import lint_policy

    return lint_policy(
        policy=arguments.policy,
        bindings=arguments.bindings,
        image=arguments.image,
        fail_on=arguments.fail_on,
        output=arguments.output,
        now=_now(),
    )


def _test_policy(arguments: argparse.Namespace) -> ExitCode:
    from .owner.testing import generate_tests, run_tests

    if arguments.generate is not None:
        if arguments.folder is not None:
            sys.stderr.write(arguments.usage())
            return ExitCode.USAGE
        return generate_tests(
            policy=arguments.policy, folder=arguments.generate, output=arguments.output, now=_now()
        )
    return run_tests(policy=arguments.policy, folder=arguments.folder, output=arguments.output, now=_now())


def _normalise_policy(arguments: argparse.Namespace) -> ExitCode:
    from .owner.normalise import normalise_policy

    return normalise_policy(policy=arguments.policy, output=arguments.output)


def _build_policy(arguments: argparse.Namespace) -> ExitCode:
    from .owner.build import build_policy

    return build_policy(policy=arguments.policy, output=arguments.output)


def add_auditor(commands: argparse._SubParsersAction[Parser]) -> None:
    auditor = add_group(commands, "auditor", "for whoever trusts neither")
    review = add(
        auditor,
        "review",
        "what a policy admits, what is wrong with it, and what each clause of it is for",
        "  symbolon auditor review policy.toml\n"
        "  symbolon auditor review provider.json --bindings iam-policy.json --format html > review.html\n"
        "  symbolon auditor review condition.cel --format sarif > review.sarif\n\n"
        "exit codes: 0 nothing as bad as --fail-on · 3 something is · 6 something could not be decided\n",
    )
    _add_findings(review)
    review.set_defaults(run=_review_policy)
    prove = add(
        auditor,
        "prove",
        "whether something is true of every token that a policy admits",
        "  symbolon auditor prove policy.toml --that 'assertion.dbgstat == \"disabled-since-boot\"'\n"
        "  symbolon auditor prove policy.toml --question no-overrides\n"
        "  symbolon auditor prove policy.toml --values-of submods.container.image_digest\n\n"
        "exit codes: 0 proved · 3 refuted, by a token · 6 undecided\n",
    )
    _add_policy(prove)
    asked = prove.add_mutually_exclusive_group(required=True)
    asked.add_argument("--that", metavar="CEL", help="a condition over `assertion`, `google`, `attribute`")
    asked.add_argument("--question", choices=_QUESTIONS, metavar="NAME", help=", ".join(_QUESTIONS))
    asked.add_argument("--values-of", metavar="CLAIM", help="what a claim can be, by its path")
    _add_assumptions(prove)
    prove.add_argument("--smt2", metavar="FILE", type=Path, help="write the question in SMT-LIB too")
    _add_proof(prove)
    prove.set_defaults(run=_prove_policy)
    diff = add(
        auditor,
        "diff",
        "whether a change of a policy lets somebody in, or keeps somebody out",
        "  symbolon auditor diff old.toml new.toml\n"
        '  symbolon auditor diff old.toml new.toml --format markdown >> "$GITHUB_STEP_SUMMARY"\n\n'
        "exit codes: 0 nobody is newly admitted · 3 somebody is · 6 undecided\n",
    )
    diff.add_argument("old", metavar="OLD", help=_POLICY)
    diff.add_argument("new", metavar="NEW", help="the same")
    _add_proof(diff)
    _add_assumptions(diff)
    diff.set_defaults(run=_diff_policies)
    explain = add(
        auditor,
        "explain",
        "whether a policy admits a token, and what each clause of it says",
        "  symbolon auditor explain --policy provider.json --token token.jwt --jwks keys.json\n"
        "  symbolon auditor explain --policy policy.toml --token token.jwt --root root.pem --at 1757060250\n"
        "  symbolon auditor explain --policy condition.cel --token claims.json --unsafe-unverified\n\n"
        "exit codes: 0 admit · 3 deny · 4 the token itself is rejected · 6 not known what Google answers\n",
    )
    explain.add_argument(
        "--policy",
        metavar="P",
        required=True,
        help=_POLICY,
    )
    explain.add_argument(
        "--token", metavar="T", required=True, help="a token, or its claims as JSON with --unsafe-unverified"
    )
    believed = explain.add_mutually_exclusive_group(required=True)
    believed.add_argument("--jwks", metavar="F", help="verify it with the issuer's key set of that day")
    believed.add_argument("--root", metavar="F", help="verify its certificates with this root (PEM)")
    believed.add_argument(
        "--unsafe-unverified", action="store_true", help="verify nothing: what if these were the claims?"
    )
    explain.add_argument(
        "--at", metavar="TIME", help="when: seconds since the epoch, or RFC 3339 (default: now)"
    )
    explain.add_argument(
        "--audience",
        metavar="URL",
        help="ask about a token that was made for this audience, be it not one that the provider accepts",
    )
    add_output(explain)
    explain.set_defaults(run=_explain_token)


def _review_policy(arguments: argparse.Namespace) -> ExitCode:
    from .auditor.review import review_policy

    return review_policy(
        policy=arguments.policy,
        bindings=arguments.bindings,
        image=arguments.image,
        fail_on=arguments.fail_on,
        output=arguments.output,
        now=_now(),
    )


def _prove_policy(arguments: argparse.Namespace) -> ExitCode:
    if arguments.values_of is not None:
        from .auditor.values import show_values

        if arguments.smt2 is not None:
            sys.stderr.write(arguments.usage())
            return ExitCode.USAGE
        return show_values(
            policy=arguments.policy,
            claim=arguments.values_of,
            accept_bounds=arguments.accept_bounds,
            documented=arguments.assume == "documented-values",
            budget_s=arguments.budget,
            output=arguments.output,
            now=_now(),
        )
    from .auditor.prove import prove_policy

    return prove_policy(
        policy=arguments.policy,
        that=arguments.that,
        question=arguments.question,
        sample=arguments.sample,
        smt2=arguments.smt2,
        accept_bounds=arguments.accept_bounds,
        documented=arguments.assume == "documented-values",
        budget_s=arguments.budget,
        output=arguments.output,
        now=_now(),
    )


def _diff_policies(arguments: argparse.Namespace) -> ExitCode:
    from .auditor.diff import diff_policies

    return diff_policies(
        old=arguments.old,
        new=arguments.new,
        sample=arguments.sample,
        accept_bounds=arguments.accept_bounds,
        documented=arguments.assume == "documented-values",
        budget_s=arguments.budget,
        output=arguments.output,
        now=_now(),
    )


def _explain_token(arguments: argparse.Namespace) -> ExitCode:
    from .auditor.explain import explain_token

    return explain_token(
        policy=arguments.policy,
        token=arguments.token,
        jwks=arguments.jwks,
        root=arguments.root,
        at=arguments.at,
        output=arguments.output,
        audience=arguments.audience,
    )
