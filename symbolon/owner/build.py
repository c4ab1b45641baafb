"""What the owner types: `symbolon owner policy build`."""

from __future__ import annotations

from attestation.errors import ExitCode
from policy.cel import MAX_CONDITION_CHARACTERS
from policy.policy_file import parse_policy, render_gcloud

from ..inputs import read_text
from ..rendering import columns, console, print_json, printable_lines, styled


def build_policy(*, policy: str, output: str) -> ExitCode:
    """The policy file's condition, mapping and gcloud command line stand on standard output.

    Raises:
        Misconfigured: the file is not a policy that Google would accept.
    """
    parsed = parse_policy(read_text(policy, what="policy"))
    mapping = dict(parsed.mapping.expressions)
    if output == "json":
        print_json({"condition": parsed.condition, "mapping": mapping, "gcloud": render_gcloud(parsed)})
        return ExitCode.YES
    terminal = console()
    size = f"{len(parsed.condition):,} of {MAX_CONDITION_CHARACTERS:,} characters"
    terminal.print(styled(("attribute condition", "bold"), f"  {size}"))
    terminal.print(styled(printable_lines(parsed.condition), whole=True))
    terminal.print(styled("\n", ("attribute mapping", "bold")))
    mappings = columns((f"{key} =", value) for key, value in mapping.items())
    terminal.print(styled(printable_lines(mappings), whole=True))
    terminal.print(styled("\n", ("gcloud", "bold")))
    terminal.print(styled(printable_lines(render_gcloud(parsed)), whole=True))
    return ExitCode.YES
