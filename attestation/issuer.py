"""Who signs the tokens of Confidential Space: for whoever verifies one, and for whoever writes a policy.

Source: the `issuer` of https://confidentialcomputing.googleapis.com/.well-known/openid-configuration
"""

from __future__ import annotations

from typing import Final

ISSUER: Final = "https://confidentialcomputing.googleapis.com"
