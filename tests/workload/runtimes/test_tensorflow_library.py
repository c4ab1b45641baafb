"""The library is loaded once it is found, and says no without words of a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workload.runtimes.tensorflow_library import INVALID, Failed, Session, load_library, wheel_folder


def test_what_is_no_model_is_refused_by_a_number_alone(tmp_path: Path) -> None:
    with pytest.raises(Failed) as refused:
        Session(load_library(), tmp_path, config=b"")
    assert str(tmp_path) not in str(refused.value)


def test_a_tensor_that_is_not_there_is_none_of_it(saved_model: Path) -> None:
    session = Session(load_library(), saved_model, config=b"")
    picture = np.zeros((1, 8, 8, 3), np.float32)
    with pytest.raises(Failed) as refused:
        session.run(picture, 1, fed="nothing:0", fetched="nothing:0")
    assert refused.value.code == INVALID


def test_a_configuration_that_is_none_is_refused(saved_model: Path) -> None:
    with pytest.raises(Failed):
        Session(load_library(), saved_model, config=b"\xff\xff")


def test_without_the_library_it_is_said_which_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workload.runtimes.tensorflow_library._LIBRARY", "none")
    with pytest.raises(ModuleNotFoundError) as missing:
        wheel_folder()
    assert missing.value.name == "tensorflow"
