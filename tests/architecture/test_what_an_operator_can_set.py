"""An operator's settings reach the program through five names, and through nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from contract.request import parse_request
from deploy.image import SOURCE, read_dockerfile
from workload import environment

LABEL = "tee.launch_policy.allow_env_override"
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb"}
# What is removed; the request, RESULT_URI for `error.json`, which proxy is set; where the image's own ENV has
# scratch; which proxy, for the receipt; the logger of TensorFlow, which the image's own ENV sets as well.
READERS = {
    "__main__.py": 1,
    "program.py": 3,
    "scratch.py": 1,
    "sealing.py": 1,
    "tensorflow.py": 1,
    "tensorflow_python.py": 1,
}


class Environment(Mapping[str, str]):
    """A VM's environment, which remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return {"INPUT_URI": "gs://photos", "RESULT_URI": "gs://results"}[name]

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("the workload looks at every variable")

    def __len__(self) -> int:
        return 2


def test_the_image_lets_an_operator_set_exactly_what_a_request_consists_of() -> None:
    environment = Environment()
    parse_request(environment)
    assert set(read_dockerfile().labels[LABEL].split(",")) == environment.asked


def test_the_environment_is_read_where_the_request_is_and_nowhere_else() -> None:
    files = sorted(
        path for room in ("workload", "contract", "attestation") for path in (SOURCE / room).rglob("*.py")
    )
    assert {path.name: count for path in files if (count := readings(path))} == READERS


def test_the_environment_is_narrowed_to_what_the_image_and_the_operator_may_set() -> None:
    dockerfile = read_dockerfile()
    assert set(dockerfile.environment) == set(environment.OF_THE_IMAGE)
    assert set(dockerfile.labels[LABEL].split(",")) == set(environment.OF_THE_OPERATOR)


def readings(path: Path) -> int:
    """How often the module's source reaches for the environment."""
    return sum(
        (isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT)
        or (isinstance(node, ast.ImportFrom) and bool(ENVIRONMENT & {name.name for name in node.names}))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    )
