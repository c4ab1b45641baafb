"""The slugs of the rules, in the order in which findings are listed; each has its module in `rules/`."""

from __future__ import annotations

from typing import Final

SLUGS: Final = (
    # what it admits: decided by proof, shown by a token
    "software-not-confidential-space",
    "debug-image-admitted",
    "workload-not-pinned",
    "stable-not-required",
    "unencrypted-memory-admitted",
    "command-override-admitted",
    "env-override-admitted",
    "memory-monitoring-admitted",
    "project-not-pinned",
    "extra-service-accounts-possible",
    "secure-boot-not-required",
    "gpu-confidential-mode-not-required",
    "args-unpinned-with-override",
    "restart-always-admitted",
    "admits-nobody",
    "redundant-clause",
    "weak-branch",
    "deny-list",
    "optional-claim-required",
    # how it is written
    "invalid-expression",
    "condition-too-long",
    "unsupported-function",
    "invalid-pattern",
    "unknown-evaluation",
    "unknown-claim",
    "wrong-type",
    "in-on-a-string",
    "value-outside-vocabulary",
    "malformed-digest",
    "unanchored-match",
    "vacuous-all",
    "order-dependent",
    "unguarded-override-size",
    "one-shape-of-two",
    "whole-map-equality",
    "quoted-comparison",
    # what it refers to
    "mutable-reference",
    "signature-without-algorithm",
    "signer-without-expiry",
    "latest-required",
    "usable-accepted",
    # the provider, its pool, and what is bound to them
    "empty-condition",
    "no-claim-in-condition",
    "quoted-mapping",
    "second-provider",
    "pool-wide-binding",
    "foreign-issuer",
    "foreign-audience",
    "subject-may-exceed-127-bytes",
    "binding-on-operator-set-attribute",
    "iam-condition-reads-the-token",
    "image-labels-wider-than-condition",
    # the waivers themselves
    "waiver-expired",
)

FOR_ANY_ISSUER: Final = frozenset(
    (
        "invalid-expression",
        "condition-too-long",
        "unsupported-function",
        "invalid-pattern",
        "wrong-type",
        "in-on-a-string",
        "unanchored-match",
        "quoted-comparison",
        "empty-condition",
        "no-claim-in-condition",
        "quoted-mapping",
        "second-provider",
        "pool-wide-binding",
        "foreign-issuer",
        "waiver-expired",
    )
)
"""The rules that need no vocabulary: they read texts, CEL's own types, and bindings."""
