"""A token made for another reader can be shown to this provider by that reader.

Its own resource name, and the audience of the launcher's default token, are this provider's.
Source: RFC 7519, "aud"; google/go-tpm-tools, launcher, the default token.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..context import Context
from ..findings import Finding, Severity
from ..provider import default_audiences
from ..wording import quoted

SLUG: Final = "foreign-audience"
SEVERITY: Final = Severity.HIGH
TITLE: Final = "tokens are admitted that were asked for somebody else"

_DEFAULT: Final = "https://sts.googleapis.com"


def check(context: Context) -> Iterator[Finding]:
    own = (*default_audiences(context.provider.name), _DEFAULT)
    for audience in context.provider.allowed_audiences:
        if audience not in own:
            yield context.finding(
                f"a token for {quoted(audience)} is admitted",
                hint="allow no audience by name: then only the provider's own resource name is one",
            )
