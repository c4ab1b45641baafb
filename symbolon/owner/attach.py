"""What the owner types once the policy has changed and the image has not: `symbolon owner policy attach`."""

from __future__ import annotations

from attestation.errors import ExitCode, Misconfigured
from deploy.policy_beside import put_policy
from deploy.push import parse_image_reference, resolve
from policy.policy_file import parse_policy

from ..inputs import read_text
from ..rendering import console, print_json, printable_lines
from ..signing_in import sign_in


def attach_policy(*, policy: str, reference: str, output: str) -> ExitCode:
    """The policy lies beside the image that it pins, where `operator preflight` finds it.

    Raises:
        Misconfigured: it is no policy file, or pins another image; there is no such image.
        Denied, Unavailable: as the registry answers.
    """
    text = read_text(policy, what="policy")
    pinned = parse_policy(text).conditions.what.image_digests
    named, api = parse_image_reference(reference), sign_in("owner")
    digest = resolve(api, named)
    if digest not in pinned:
        raise Misconfigured(
            f"the policy does not pin the image that `{named}` is now: `{digest}`",
            hint="`symbolon owner publish` pins it; or name the image that the policy pins, by its digest",
        )
    put_policy(api, named, digest, text)
    if output == "json":
        print_json({"image": f"{named.repository}@{digest}", "policy": policy})
    else:
        console().print(printable_lines(f"{policy} lies beside {named.repository}@{digest}"))
    return ExitCode.YES
