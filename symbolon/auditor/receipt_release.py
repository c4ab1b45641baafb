"""What a receipt shows of the release by which its start had the model: an entry of a broker's log.

The entry commits to an opening, which the receipt has beside it. It has to be of this very run: of the
request that the statement names, its sealed model, its image, the machine and the licence of the token. The
proof leads from the entry to the checkpoint; whose log that is, its signature says, to whoever knows the
broker's key.
"""

from __future__ import annotations

from attestation.claims import Container
from attestation.errors import EvidenceRejected, NotKnown
from attestation.verification import VerifiedClaims
from contract.checkpoint import unsafe_read_checkpoint, verify_logged
from contract.dsse import PublicKey
from contract.merkle import verify_inclusion
from contract.receipt import Statement
from contract.release_log import EntryFormatUnknown, check_opening, parse_entry

from ..handed_tokens import moment
from .receipt_checks import shown

_OPEN = "whose log that is stays open: --broker-key names the broker's key"


class ReleaseContradicted(EvidenceRejected):
    """The entry of the log that the receipt shows is not of the run that it states."""

    code = "release-contradicted"


def check_release(
    statement: Statement, verified: VerifiedClaims, container: Container, broker_key: PublicKey | None
) -> str:
    """What is said of the release, which is in the log as the statement has it.

    Raises:
        ReleaseContradicted: the entry is of something else.
        EvidenceRejected: entry, opening or checkpoint is malformed or another's; or not in the log.
        NotKnown: a broker's key was given, and the receipt shows no release; or the entry is of another
            format.
    """
    release = statement.release
    if release is None:
        raise NotKnown(
            "the receipt shows no release: the start that sealed it asked no broker, or had nothing to run",
            hint="leave --broker-key out, where the model came by another way",
        )
    logged = release.logged
    try:
        entry = parse_entry(logged.entry)
        said = check_opening(entry, logged.opening).said
    except EntryFormatUnknown as unknown:
        raise NotKnown(unknown.message, hint=unknown.hint) from None
    gce = None if verified.claims.submods is None else verified.claims.submods.gce
    facts = {
        "request": release.request,
        "purpose": "release",
        "manifest": statement.sealed_manifest,
        "image": statement.image_digest,
        "instance": None if gce is None else gce.instance_id,
        "licence": (container.env or {}).get("LICENCE"),
    }
    if entry.kind != "release":
        raise ReleaseContradicted(f"the entry of the log is a `{entry.kind}`, not a release")
    for name, value in facts.items():
        if value is None or said.get(name) != value:
            raise ReleaseContradicted(
                f"the entry of the log is of another {name}, {shown(said.get(name))}, than the receipt"
                f" has, which is {shown(value)}"
            )
    if broker_key is not None:
        verify_logged(logged, broker_key)
        return (
            f"released at {moment(entry.at)}, entry {logged.index} of the log of broker {broker_key.key_id}"
        )
    checkpoint = unsafe_read_checkpoint(logged.checkpoint)
    verify_inclusion(
        logged.entry, index=logged.index, size=checkpoint.size, proof=logged.proof, root=checkpoint.root
    )
    return f"released at {moment(entry.at)}, as entry {logged.index} of a log says; {_OPEN}"
