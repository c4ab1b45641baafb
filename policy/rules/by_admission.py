"""The rules that ask one question: is a token admitted of which this is true? If so, it is shown.

Each is data. A rule that needs lines of its own, or asks more than one question, is a module beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from ..cel.rendering import render_constant
from ..context import CONTAINER, IN_SPACE, SPACE, Context, Dossier, among
from ..findings import Finding, Severity
from ..proving.neighbours import (
    STRANGER,
    STRANGERS_ACCOUNT,
    STRANGERS_COMMAND,
    STRANGERS_NUMBER,
    STRANGERS_SUB,
    STRANGERS_VARIABLES,
)
from ..schema import ENCRYPTED_MEMORY

Question: TypeAlias = str | Callable[[Dossier], str]
"""A condition over `assertion`; or what makes it of the constants that the policy's condition names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRule:
    """No token may be admitted of which `question` is true.

    The finding stands at the first clause that reads the claim `about`. Where `only_if_read` names a claim,
    the rule speaks only of a condition that reads it.
    """

    slug: str
    severity: Severity
    title: str
    question: Question
    hint: str
    about: str
    only_if_read: str = ""

    def question_of(self, dossier: Dossier) -> str:
        """The condition that is asked of this provider's tokens."""
        return self.question if isinstance(self.question, str) else self.question(dossier)

    def asks(self, context: Context) -> Iterator[str]:
        """The one question, where the rule speaks at all."""
        if not self.only_if_read or context.dossier.reads(self.only_if_read):
            yield self.question_of(context.dossier)

    def check(self, context: Context) -> Iterator[Finding]:
        """A finding with the token that is admitted, or that this is not decided."""
        for question in self.asks(context):
            yield from context.admits(question, self.title, hint=self.hint, about=self.about)


_CMD_OVERRIDE: Final = f"{CONTAINER}.cmd_override"
_ENV_OVERRIDE: Final = f"{CONTAINER}.env_override"
_SIGNATURES: Final = f"{CONTAINER}.image_signatures"
_ATTRIBUTES: Final = f"{SPACE}.support_attributes"


def _workload_not_named(dossier: Dossier) -> str:
    """That neither a digest nor a key of the condition is this workload's."""
    digests = [f"sha256:{each}" for each in dossier.hashes]
    others = [IN_SPACE, f"!({among(f'{CONTAINER}.image_digest', digests)})"]
    if dossier.reads("submods.container.image_id"):
        others.append(f"!({among(f'{CONTAINER}.image_id', digests)})")
    if dossier.reads("submods.container.image_reference"):
        others += [f'!{CONTAINER}.image_reference.endsWith("@{each}")' for each in digests]
    if dossier.reads("submods.container.image_signatures"):
        signed = f"{_SIGNATURES}.exists(signature, {among('signature.key_id', dossier.hashes)})"
        others.append(f"(!has({_SIGNATURES}) || {_SIGNATURES} == null || !{signed})")
    return " && ".join(others)


def args_not_named(dossier: Dossier) -> str:
    """That the whole command line is not one that the condition writes out."""
    return f"!({among(f'{CONTAINER}.args', dossier.lists)})"


def _strangers_command(dossier: Dossier) -> str:
    """That a command runs which the operator alone has chosen."""
    command = f'{_CMD_OVERRIDE} == ["{STRANGERS_COMMAND}"]'
    return f'{command} && "{STRANGERS_COMMAND}" in {CONTAINER}.args && {args_not_named(dossier)}'


def _variable_not_named(dossier: Dossier) -> str:
    """That a variable is set which the condition does not name."""
    name = next((each for each in STRANGERS_VARIABLES if each not in dossier.strings), "ANY")
    return f'"{name}" in {_ENV_OVERRIDE} && "{name}" in {CONTAINER}.env'


def _strangers_account_too(dossier: Dossier) -> str:
    """That an account of the condition is there, and a stranger's as well."""
    named = [each for each in dossier.strings if "@" in each]
    accounts = "assertion.google_service_accounts"
    asked = f"{accounts}.exists(account, {among('account', named)})"
    return f'{asked} && "{STRANGERS_ACCOUNT}" in {accounts}'


_RULES: Final = (
    # The same issuer signs tokens of machines without Confidential Space: they say nothing of a workload.
    # Source: Google Cloud documentation, "Attestation token claims", `swname`.
    AdmissionRule(
        slug="software-not-confidential-space",
        severity=Severity.CRITICAL,
        title="a machine is admitted that does not run Confidential Space",
        question='assertion.swname != "CONFIDENTIAL_SPACE"',
        hint='ask `assertion.swname == "CONFIDENTIAL_SPACE"`',
        about="swname",
    ),
    # Whoever launches a debug image has a shell in it, and reads the model from memory.
    # Source: Google Cloud documentation, "Confidential Space images"; `dbgstat` of real tokens.
    AdmissionRule(
        slug="debug-image-admitted",
        severity=Severity.CRITICAL,
        title="a debug image is admitted: its operator can look inside",
        question=f'{IN_SPACE} && assertion.dbgstat != "disabled-since-boot"',
        hint='ask `assertion.dbgstat == "disabled-since-boot"`',
        about="dbgstat",
    ),
    # A digest, or the key of a signature, names a workload. A tag, an account or a project does not.
    # Source: Google Cloud documentation, "Create and grant access to confidential resources".
    AdmissionRule(
        slug="workload-not-pinned",
        severity=Severity.CRITICAL,
        title="a workload is admitted that the condition does not name",
        question=_workload_not_named,
        hint=f'ask `{CONTAINER}.image_digest == "sha256:…"`, or for a signature by a key of yours',
        about="submods.container.image_digest",
    ),
    # An image that is only USABLE is out of support soon; an EXPERIMENTAL one never was in it.
    # Source: Google Cloud documentation, "Confidential Space images", support attributes.
    AdmissionRule(
        slug="stable-not-required",
        severity=Severity.HIGH,
        title="an image is admitted that Google does not support as stable",
        question=f'{IN_SPACE} && assertion.dbgstat == "disabled-since-boot"'
        f' && has({_ATTRIBUTES}) && !("STABLE" in {_ATTRIBUTES})',
        hint=f'ask `"STABLE" in {_ATTRIBUTES}`',
        about="submods.confidential_space.support_attributes",
    ),
    # On a Shielded VM nothing keeps whoever runs the host out of the memory.
    # Source: Google Cloud documentation, "Attestation token claims", `hwmodel`; real tokens.
    AdmissionRule(
        slug="unencrypted-memory-admitted",
        severity=Severity.HIGH,
        title="a machine is admitted whose memory is not encrypted",
        question=f'{IN_SPACE} && assertion.hwmodel == "GCP_SHIELDED_VM"',
        hint=f"ask `assertion.hwmodel in {render_constant(list(ENCRYPTED_MEMORY))}`",
        about="hwmodel",
    ),
    # An image whose label allows it runs `tee-cmd` instead of its command: a shell, if it has one.
    # Source: google/go-tpm-tools, launcher/spec/launch_spec.go; Google Cloud documentation, `cmd_override`.
    AdmissionRule(
        slug="command-override-admitted",
        severity=Severity.HIGH,
        title="whoever launches the workload may give it another command",
        question=_strangers_command,
        hint=f"ask `!has({_CMD_OVERRIDE}) || size({_CMD_OVERRIDE}) == 0`",
        about="submods.container.cmd_override",
    ),
    # A variable such as LD_PRELOAD or PYTHONPATH makes another program of the same image.
    # Source: google/go-tpm-tools, launcher/spec/launch_spec.go; Google Cloud documentation, `env_override`.
    AdmissionRule(
        slug="env-override-admitted",
        severity=Severity.HIGH,
        title="whoever launches the workload may set variables that the condition does not name",
        question=_variable_not_named,
        hint=f'ask `!has({_ENV_OVERRIDE}) || {_ENV_OVERRIDE}.all(name, name in ["…"])`',
        about="submods.container.env_override",
    ),
    # How much memory is used, over time, tells of the model and of the data.
    # Source: Google Cloud documentation, "Attestation token claims", `monitoring_enabled`.
    AdmissionRule(
        slug="memory-monitoring-admitted",
        severity=Severity.MEDIUM,
        title="a machine is admitted that reports its use of memory",
        question=f"{SPACE}.monitoring_enabled.memory == true",
        hint=f"ask `{SPACE}.monitoring_enabled.memory == false`",
        about="submods.confidential_space.monitoring_enabled",
    ),
    # Without a project or an account of the operator's, whoever has the image is the operator: the question
    # is for a token in which none of them is one that the condition could mean.
    # Source: Google Cloud documentation, "Attestation token claims", `submods.gce`.
    AdmissionRule(
        slug="project-not-pinned",
        severity=Severity.MEDIUM,
        title="anybody's project, with anybody's service account, may run the workload",
        question=f'assertion.submods.gce.project_id == "{STRANGER}"'
        f' && assertion.submods.gce.project_number == "{STRANGERS_NUMBER}"'
        f' && assertion.sub == "{STRANGERS_SUB}"'
        f' && assertion.google_service_accounts == ["{STRANGERS_ACCOUNT}"]',
        hint='ask `assertion.submods.gce.project_number == "…"`, or for the service account',
        about="submods.gce",
    ),
    # What the workload reads as its own account may be somebody else's beside it.
    # Source: Google Cloud documentation, "Attestation token claims", `google_service_accounts`.
    AdmissionRule(
        slug="extra-service-accounts-possible",
        severity=Severity.MEDIUM,
        title="the machine may have other service accounts beside the one that is asked",
        question=_strangers_account_too,
        hint='ask for the whole list: `assertion.google_service_accounts == ["…"]`',
        about="google_service_accounts",
        only_if_read="google_service_accounts",
    ),
    # Confidential Space measures what it boots; Secure Boot refuses software that is not signed before that.
    # Source: Google Cloud documentation, "Attestation token claims", `secboot`.
    AdmissionRule(
        slug="secure-boot-not-required",
        severity=Severity.LOW,
        title="a machine is admitted that may have booted unsigned software",
        question=f"{IN_SPACE} && assertion.secboot == false",
        hint="ask `assertion.secboot == true`",
        about="secboot",
    ),
    # A GPU whose confidential mode is off, or for developers, holds the model in the open. The rule speaks
    # only of a condition that speaks of GPUs: an image without a driver cannot use one.
    # Source: Google Cloud documentation, "Attestation token claims", `nvidia_gpu.cc_mode`.
    AdmissionRule(
        slug="gpu-confidential-mode-not-required",
        severity=Severity.MEDIUM,
        title="a GPU is admitted that does not compute confidentially",
        question='assertion.submods.nvidia_gpu.cc_mode != "ON"',
        hint='ask `assertion.submods.nvidia_gpu.cc_mode == "ON"`',
        about="submods.nvidia_gpu",
        only_if_read="submods.nvidia_gpu",
    ),
    # A workload that is restarted for ever can be made to answer for ever. The rule speaks only of a
    # condition that speaks of restarts: an operator can always launch again.
    # Source: google/go-tpm-tools, launcher/spec/launch_spec.go, `tee-restart-policy`.
    AdmissionRule(
        slug="restart-always-admitted",
        severity=Severity.LOW,
        title="a workload is admitted that is started again whenever it ends",
        question=f'{CONTAINER}.restart_policy == "Always"',
        hint=f'ask `{CONTAINER}.restart_policy == "Never"`',
        about="submods.container.restart_policy",
        only_if_read="submods.container.restart_policy",
    ),
)
BY_ADMISSION: Final[Mapping[str, AdmissionRule]] = {rule.slug: rule for rule in _RULES}
"""Each of these rules by its slug."""
