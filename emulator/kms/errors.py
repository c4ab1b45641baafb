"""What Cloud KMS refuses, in its own words where they are known.

Source: Cloud KMS documentation, "Verify end-to-end data integrity"; seen error answers, of `gcloud kms` and
Terraform; googleapis, google/api/error_reason.proto.
"""

from __future__ import annotations

from ..errors import GoogleError

WRONG_KEY = "Decryption failed: verify that 'name' refers to the correct CryptoKey."
INVALID_CIPHERTEXT = "Decryption failed: the ciphertext is invalid."


def insufficient_scopes(service: str) -> GoogleError:
    """The access token is good, and for other services."""
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        "domain": "googleapis.com",
        "metadata": {"service": service},
    }
    return GoogleError(403, "Request had insufficient authentication scopes.", details=[info])


def not_found(kind: str, name: str) -> GoogleError:
    """There is no such one. `kind` is `KeyRing`, `CryptoKey` or `CryptoKeyVersion`."""
    return GoogleError(404, f"{kind} {name} not found.")


def already_exists(kind: str, name: str) -> GoogleError:
    """There is one of that name already, and its name is taken for good."""
    return GoogleError(409, f"{kind} {name} already exists.")


def no_such_location(name: str) -> GoogleError:
    """Cloud KMS is not in that location, or it is no location; `-` is none either."""
    return GoogleError(
        404,
        f"The request concerns location '{name[:60]}' but was sent to location 'global'. Either Cloud KMS is "
        f"not available in '{name[:60]}' or the request was misrouted.",
    )


def wrong_state(name: str, state: str, *, wanted: str = "enabled") -> GoogleError:
    """The version `name` is in a state in which this cannot be done; the detail names the state.

    Google's sentence is known of versions that are not enabled; of other wishes the emulator says it alike.
    """
    violation = {"type": f"KEY_{state}", "subject": name}
    return GoogleError(
        400,
        f"{name} is not {wanted}, current state is: {state}.",
        status="FAILED_PRECONDITION",
        details=[{"@type": "type.googleapis.com/google.rpc.PreconditionFailure", "violations": [violation]}],
    )


def no_primary(name: str) -> GoogleError:
    """The key has no version that encrypts. Not Google's words."""
    return GoogleError(400, f"{name} has no primary version.", status="FAILED_PRECONDITION")


def wrong_checksum(field: str) -> GoogleError:
    """The checksum of `field` is another one than the request says. `gcloud` knows this sentence."""
    return GoogleError(400, f"The checksum in field {field}_crc32c did not match the data in field {field}.")


def invalid(field: str, what: str) -> GoogleError:
    """The field of the request is not as it has to be. Not Google's words."""
    return GoogleError(400, f"Invalid value at '{field}': {what}.")
