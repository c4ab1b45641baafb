"""The name of a key in Google's Cloud KMS, and the lines that grant its use.

Source: Cloud KMS, "Getting a Cloud KMS resource ID"; `gcloud kms keys add-iam-policy-binding --help`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from attestation.errors import Misconfigured, quoted

SHAPE = "`projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY`"
PATTERN = re.compile(
    r"projects/([a-z0-9][a-z0-9.:-]{4,60}[a-z0-9])/locations/([a-z0-9-]{1,63})"
    r"/keyRings/([A-Za-z0-9_-]{1,63})/cryptoKeys/([A-Za-z0-9_-]{1,63})",
    re.ASCII,
)
DECRYPTER = "roles/cloudkms.cryptoKeyDecrypter"
ENCRYPTER = "roles/cloudkms.cryptoKeyEncrypter"
ENCRYPTER_DECRYPTER = "roles/cloudkms.cryptoKeyEncrypterDecrypter"


@dataclass(frozen=True, slots=True, kw_only=True)
class KmsKey:
    """A symmetric key of Cloud KMS, of whichever version."""

    project: str
    location: str
    ring: str
    key: str

    def __str__(self) -> str:
        return f"projects/{self.project}/locations/{self.location}/keyRings/{self.ring}/cryptoKeys/{self.key}"

    def grant_line(self, member: str, role: str) -> str:
        """The command that gives the member that role on the key."""
        return (
            f"gcloud kms keys add-iam-policy-binding {self.key} --keyring={self.ring}"
            f" --location={self.location} --project={self.project} --member={member} --role={role}"
        )

    def versions_line(self) -> str:
        """The command that lists the key's versions, with the state of each."""
        return (
            f"gcloud kms keys versions list --key={self.key} --keyring={self.ring}"
            f" --location={self.location} --project={self.project}"
        )

    def creation_lines(self) -> str:
        """The commands that make the key ring and the key."""
        place = f"--location={self.location} --project={self.project}"
        return (
            f"gcloud kms keyrings create {self.ring} {place} &&"
            f" gcloud kms keys create {self.key} --keyring={self.ring} {place} --purpose=encryption"
        )


def parse_kms_key(text: str, *, where: str) -> KmsKey:
    """`text` names a key.

    >>> parse_kms_key("projects/primus/locations/global/keyRings/models/cryptoKeys/lite0", where="").key
    'lite0'

    Raises:
        Misconfigured: it does not; `where` says which setting it came from.
    """
    match = PATTERN.fullmatch(text)
    if match is None:
        raise Misconfigured(f"{where} {quoted(text)} names no key of Cloud KMS", hint=f"write {SHAPE}")
    return KmsKey(project=match[1], location=match[2], ring=match[3], key=match[4])
