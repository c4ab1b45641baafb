"""What can be typed after `symbolon auditor`.

A command's own module is imported when the command runs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from attestation.digests import parse_digest
from attestation.errors import ExitCode
from policy.proving.question_names import NAMED_QUESTIONS

from ..inputs import check_folder_name
from ..parsers import FOR_PEOPLE, Parser, add, add_group, add_output, refuse_usage, typed
from ..policy_arguments import POLICY, add_accept_bounds, add_at, add_attack, add_findings, add_policy, now
from .image_arguments import add_image
from .log_arguments import add_log

_LONGEST_BUDGET_S = 3600.0


def add_auditor(commands: argparse._SubParsersAction[Parser], says: str) -> None:
    auditor = add_group(commands, "auditor", says)
    review = add(
        auditor,
        "review",
        "what a policy admits, what is wrong with it, and what each clause of it is for",
        "  symbolon auditor review policy.toml\n"
        "  symbolon auditor review provider.json --bindings iam-policy.json --format html > review.html\n"
        "  symbolon auditor review condition.cel --format sarif > review.sarif\n\n"
        "exit codes: 0 nothing as bad as --fail-on · 3 something is · 6 something could not be decided\n",
    )
    add_findings(review)
    add_attack(review)
    review.set_defaults(run=_review_policy)
    prove = add(
        auditor,
        "prove",
        "whether something is true of every token that a policy admits",
        "  symbolon auditor prove policy.toml --that 'assertion.dbgstat == \"disabled-since-boot\"'\n"
        "  symbolon auditor prove policy.toml --question no-overrides\n"
        "  symbolon auditor prove policy.toml --values-of submods.container.image_digest\n\n"
        "exit codes: 0 proved · 3 refuted, by a token · 6 undecided, or vacuous: nobody is admitted\n",
    )
    add_policy(prove)
    asked = prove.add_mutually_exclusive_group(required=True)
    asked.add_argument("--that", metavar="CEL", help="a condition over `assertion`, `google`, `attribute`")
    asked.add_argument(
        "--question", choices=tuple(NAMED_QUESTIONS), metavar="NAME", help=", ".join(NAMED_QUESTIONS)
    )
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
    diff.add_argument("old", metavar="OLD", help=POLICY)
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
        help=POLICY,
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
    add_at(explain, "when")
    explain.add_argument(
        "--audience",
        metavar="URL",
        help="ask about a token that was made for this audience, be it not one that the provider accepts",
    )
    add_output(explain)
    explain.set_defaults(run=_explain_token)
    add_image(auditor)
    _add_receipt(add_group(auditor, "receipt", "what the receipt of a run proves"))
    _add_replay(auditor)
    add_log(auditor)


def _add_receipt(receipt: argparse._SubParsersAction[Parser]) -> None:
    verify = add(
        receipt,
        "verify",
        "whether a receipt proves which image, model, inputs and results belong together",
        "  symbolon auditor receipt verify receipt.json --image-digest sha256:… --results gs://bucket/run\n"
        "  symbolon auditor receipt verify receipt.json --policy policy.toml --results results/\n"
        "  symbolon auditor receipt verify receipt.json --image-digest sha256:… --proof proof.json\n\n"
        "exit codes: 0 verified · 4 rejected, of another image, or refused by the policy\n"
        "  6 in order, but nobody said whose image may be believed\n",
    )
    verify.add_argument("receipt", metavar="R", help="the receipt; `-`: standard input")
    verify.add_argument(
        "--results",
        metavar="DIR",
        type=typed(check_folder_name),
        help="the results too: a folder, or gs://bucket/folder as you may read it",
    )
    verify.add_argument("--policy", metavar="P", help=f"the token's claims must be admitted by {POLICY}")
    verify.add_argument(
        "--image-digest", metavar="D", type=typed(parse_digest), help="the image must be this one: sha256:…"
    )
    _add_trust(verify)
    add_at(verify, "the moment of asking")
    verify.add_argument(
        "--proof", metavar="F", help="that one row is among the results: what `operator results prove` wrote"
    )
    verify.add_argument(
        "--row",
        metavar="ROW",
        help="a row with its proof, as --proof takes it; beside --proof, a row alone, in place of its own",
    )
    verify.add_argument(
        "--broker-key",
        metavar="KEY",
        help="the key must have been released by the broker of this key, base64 as the terms have it",
    )
    add_output(verify)
    verify.set_defaults(run=_verify_receipt)


def _add_replay(auditor: argparse._SubParsersAction[Parser]) -> None:
    replay = add(
        auditor,
        "replay",
        "which of the runs that were sealed would be refused under today's policy",
        "  symbolon auditor replay receipts/ --policy policy.toml\n"
        "  symbolon auditor replay gs://bucket/ --policy policy.toml\n\n"
        "exit codes: 0 none · 3 some · 4 some are no receipts that could be believed · 6 not known of some\n",
    )
    replay.add_argument(
        "folder",
        metavar="FOLDER",
        type=typed(check_folder_name),
        help="where the receipts are, at any depth (*.json): a folder, or gs://bucket/folder",
    )
    replay.add_argument("--policy", metavar="P", required=True, help=POLICY)
    _add_trust(replay)
    add_output(replay)
    replay.set_defaults(run=_replay)


def _add_trust(parser: Parser) -> None:
    parser.add_argument("--root", metavar="F", help="the root to trust (PEM), in place of Google's")
    parser.add_argument(
        "--emulator",
        action="store_true",
        help="it is an emulator's: trust the root of the one on this machine, or of --root",
    )


def _add_proof(parser: Parser) -> None:
    parser.add_argument(
        "--sample", metavar="T", help="a token, or claims as JSON: tokens shown are as near to it as can be"
    )
    _add_budget(parser)
    add_attack(parser)
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
    add_accept_bounds(parser)


def _add_budget(parser: Parser) -> None:
    parser.add_argument(
        "--budget",
        metavar="SECONDS",
        type=_seconds,
        default=5.0,
        help="for each question to the solver (default: 5)",
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST_BUDGET_S:
        raise argparse.ArgumentTypeError(f"`{text}` is no number of seconds up to {_LONGEST_BUDGET_S:,.0f}")
    return seconds


def _review_policy(arguments: argparse.Namespace) -> ExitCode:
    from .review import review_policy

    return review_policy(
        policy=arguments.policy,
        bindings=arguments.bindings,
        image=arguments.image,
        fail_on=arguments.fail_on,
        accept_bounds=arguments.accept_bounds,
        attack=arguments.attack,
        output=arguments.output,
        now=now(),
    )


def _prove_policy(arguments: argparse.Namespace) -> ExitCode:
    if arguments.values_of is not None:
        from .values import show_values

        if arguments.smt2 is not None:
            return refuse_usage(arguments, "--values-of asks no question that --smt2 could write down")
        return show_values(
            policy=arguments.policy,
            claim=arguments.values_of,
            accept_bounds=arguments.accept_bounds,
            documented=arguments.assume == "documented-values",
            attack=arguments.attack,
            budget_s=arguments.budget,
            output=arguments.output,
            now=now(),
        )
    from .prove import prove_policy

    return prove_policy(
        policy=arguments.policy,
        that=arguments.that,
        question=arguments.question,
        sample=arguments.sample,
        smt2=arguments.smt2,
        accept_bounds=arguments.accept_bounds,
        documented=arguments.assume == "documented-values",
        attack=arguments.attack,
        budget_s=arguments.budget,
        output=arguments.output,
        now=now(),
    )


def _diff_policies(arguments: argparse.Namespace) -> ExitCode:
    from .diff import diff_policies

    return diff_policies(
        old=arguments.old,
        new=arguments.new,
        sample=arguments.sample,
        accept_bounds=arguments.accept_bounds,
        documented=arguments.assume == "documented-values",
        attack=arguments.attack,
        budget_s=arguments.budget,
        output=arguments.output,
        now=now(),
    )


def _explain_token(arguments: argparse.Namespace) -> ExitCode:
    from .explain import explain_token

    return explain_token(
        policy=arguments.policy,
        token=arguments.token,
        jwks=arguments.jwks,
        root=arguments.root,
        at=arguments.at,
        output=arguments.output,
        now=now(),
        audience=arguments.audience,
    )


def _verify_receipt(arguments: argparse.Namespace) -> ExitCode:
    from ..emulator.command import state_folder
    from .receipt import verify

    return verify(
        receipt=arguments.receipt,
        results=arguments.results,
        policy=arguments.policy,
        image_digest=arguments.image_digest,
        root=arguments.root,
        emulator=arguments.emulator,
        state=state_folder(None),
        at=arguments.at,
        row=arguments.row,
        proof=arguments.proof,
        broker_key=arguments.broker_key,
        now=now().timestamp(),
        output=arguments.output,
    )


def _replay(arguments: argparse.Namespace) -> ExitCode:
    from ..emulator.command import state_folder
    from .replay import replay

    return replay(
        folder=arguments.folder,
        policy=arguments.policy,
        root=arguments.root,
        emulator=arguments.emulator,
        state=state_folder(None),
        now=now().timestamp(),
        output=arguments.output,
    )
