"""What the commands of owner and auditor have in common: how a policy and its company are typed."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Final

from policy.findings import Severity

from .inputs import parse_time
from .parsers import FOR_PEOPLE, Parser, add_output, typed

POLICY: Final = (
    "a policy file (TOML), a condition (.cel), the YAML or JSON that `gcloud iam workload-identity-pools "
    "providers` describes or lists, or what `terraform show -json` prints; `-`: standard input"
)
_MOST_ATTACKS: Final = 1_000_000
SEVERITIES: Final = tuple(severity.label for severity in sorted(Severity, reverse=True))


def add_policy(parser: Parser) -> None:
    """The policy that is read, as `policy`."""
    parser.add_argument("policy", metavar="P", help=POLICY)


def add_findings(parser: Parser) -> None:
    """The policy, what stands beside it, and which findings make the answer no."""
    add_policy(parser)
    add_bindings(parser)
    parser.add_argument(
        "--image", metavar="F", help="the image's configuration (JSON), or the folder of an OCI layout"
    )
    parser.add_argument(
        "--fail-on",
        choices=SEVERITIES,
        default="high",
        metavar="SEVERITY",
        help=f"answer no when a finding is as bad: {', '.join(SEVERITIES)} (default: high)",
    )
    add_accept_bounds(parser)
    add_output(parser, (*FOR_PEOPLE, "sarif"))


def add_bindings(parser: Parser) -> None:
    """Who may be whom, as `bindings`."""
    parser.add_argument(
        "--bindings", metavar="F", help="the IAM policy of the service account or the bucket (YAML or JSON)"
    )


def add_accept_bounds(parser: Parser) -> None:
    """Whether a proof within bounds is one, as `accept_bounds`."""
    parser.add_argument(
        "--accept-bounds",
        action="store_true",
        help="a proof that does not cover longer lists and maps is an answer, and not undecided",
    )


def add_attack(parser: Parser) -> None:
    """By how many tokens a proof is attacked, as `attack`."""
    parser.add_argument(
        "--attack",
        metavar="N",
        type=_count,
        default=300,
        help="tokens of an independent search that must not refute a proof (default: 300; 0: none)",
    )


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text[:10]) > _MOST_ATTACKS:
        raise argparse.ArgumentTypeError(f"`{text}` is no number from 0 to {_MOST_ATTACKS:,}")
    return int(text)


def add_at(parser: Parser, says: str) -> None:
    """A moment, in seconds since the epoch, as `at`; None where none is typed."""
    parser.add_argument(
        "--at",
        metavar="TIME",
        type=typed(parse_time),
        help=f"{says}: seconds since the epoch, or RFC 3339 (default: now)",
    )


def now() -> datetime:
    """The moment of an answer: the command's one clock."""
    return datetime.now(UTC)
