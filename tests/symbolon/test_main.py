"""The command as a whole: quick to answer, and honest in its exit code."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

import symbolon.arguments
from attestation.errors import Denied, ExitCode, Misconfigured
from symbolon.__main__ import main

from .conftest import Ask
