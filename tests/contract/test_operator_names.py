"""The names that an operator may set stand in one place, and the request is made of them all."""

from __future__ import annotations

from contract.operator_names import OPERATOR_NAMES
from contract.request import parse_request


class Asked(dict[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(INPUT_URI="gs://photos", RESULT_URI="gs://results")
        self.names: list[str] = []

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.names.append(name)
        return super().get(name, default)


def test_a_request_asks_for_each_name_once_and_for_nothing_else() -> None:
    asked = Asked()
    parse_request(asked)
    assert tuple(asked.names) == OPERATOR_NAMES


def test_no_name_is_one_that_a_library_or_a_shell_reads() -> None:
    for name in OPERATOR_NAMES:
        assert not name.startswith(("LD_", "PYTHON", "GOOGLE", "TF_", "SSL", "REQUESTS"))
        assert name not in ("PATH", "HOME", "HTTPS_PROXY", "NO_PROXY")
