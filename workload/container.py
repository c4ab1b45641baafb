"""Where the launcher puts what a container needs, and where the image holds the owner's terms and the root.

The root is the platform's certificate that every PKI token has to lead to: Google's, or an emulator's in an
image that was built for it, which has another digest.

Read at call time (`container.TOKEN_FILE`), never copied, and never taken from the environment:
the environment is the operator's to set.

Source: google/go-tpm-tools, launcher/container_runner.go and launcher/teeserver.
"""

from __future__ import annotations

from pathlib import Path

TOKEN_FILE = Path("/run/container_launcher/attestation_verifier_claims_token")
TEESERVER_SOCKET = Path("/run/container_launcher/teeserver.sock")
TERMS_FILE = Path(__file__).parent.parent / "terms.toml"
ROOT_FILE = Path(__file__).parent.parent / "root.pem"
