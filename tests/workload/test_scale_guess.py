"""What a guess by one picture says of a model whose terms do not say the scale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract.terms import ScaleMissing, parse_terms
from symbolon.demo.model import FED_MEAN, FED_SCALE
from symbolon.demo.photos import PHOTOS
from tests.workload.runtimes.test_openvino import demo_job, demo_model
from tests.workload.samples import terms_text
from workload import runtimes, scale_guess
from workload.pictures.headers import check_header
from workload.pictures.preparing import prepare
from workload.runtimes import LoadedModel

__all__ = ["demo_model"]  # the fixture

UNSCALED = replace(demo_job("openvino").terms.input, mean=(0.0, 0.0, 0.0), scale=1.0)


def missing(*, mean: scale_guess.Mean | None = None, scale: float | None = None) -> ScaleMissing:
    return ScaleMissing(mean=mean, scale=scale, unscaled=parse_terms(terms_text()))


def test_the_demos_model_is_surest_of_a_cat_as_it_was_trained(demo_model: Path) -> None:
    loaded = runtimes.load(demo_model, demo_job("openvino"))
    photo = prepare(check_header(PHOTOS[0].path.read_bytes()), UNSCALED)
    found = sorted(scale_guess._try(photo, loaded, missing()), key=lambda one: -round(one.score, 2))
    assert (found[0].mean, found[0].scale) == ((FED_MEAN,) * 3, FED_SCALE)
    assert found[-1].scale == 1.0
    assert found[0].score > 2 * found[-1].score


def model_that_takes(dtype: str) -> LoadedModel:
    """Its score is the mean of what it is fed."""
    return LoadedModel(
        classifier=lambda images: (np.zeros([1, 1], np.int32), images.mean(axis=(1, 2))[:, :1]),
        classes=1,
        at_once=1,
        batch_size=None,
        preferred_batch_size=None,
        takes=dtype,
    )


def test_what_the_terms_do_say_is_not_tried_otherwise() -> None:
    photo = np.full([8, 8, 3], 255, np.float32)
    float_model = model_that_takes("float32")
    assert {one.scale for one in scale_guess._try(photo, float_model, missing(scale=0.5))} == {0.5}
    said = (1.0, 2.0, 3.0)
    assert {one.mean for one in scale_guess._try(photo, float_model, missing(mean=said))} == {said}


@pytest.mark.parametrize(("dtype", "tried"), [("uint8", 1), ("int32", 1), ("float32", 4)])
def test_a_model_of_whole_numbers_says_itself_how_it_is_fed(dtype: str, tried: int) -> None:
    found = list(scale_guess._try(np.full([8, 8, 3], 255, np.float32), model_that_takes(dtype), missing()))
    assert len(found) == tried
    assert str(found[-1]) == "255.00 fed `mean = [0, 0, 0]` and `scale = 1`"


@pytest.mark.parametrize(("most", "tried"), [(1, 1), (3, 3), (4, 4), (5, 4)])
def test_no_more_scores_are_told_than_a_job_of_as_many_pictures_has(most: int, tried: int) -> None:
    terms = parse_terms(terms_text())
    unscaled = replace(terms, egress=replace(terms.egress, most_images=most))
    asked = ScaleMissing(mean=None, scale=None, unscaled=unscaled)
    photo = np.full([8, 8, 3], 255, np.float32)
    assert len(list(scale_guess._try(photo, model_that_takes("float32"), asked))) == tried


@pytest.mark.parametrize(("allowed", "told"), [(0, "1"), (1, "0.7"), (2, "0.67"), (9, "0.67")])
def test_a_score_is_told_with_no_more_digits_than_the_terms_allow(allowed: int, told: str) -> None:
    terms = parse_terms(terms_text())
    unscaled = replace(terms, egress=replace(terms.egress, score_digits=allowed))
    photo = np.full([8, 8, 3], 2 / 3, np.float32)
    asked = ScaleMissing(mean=(0.0, 0.0, 0.0), scale=1.0, unscaled=unscaled)
    (candidate,) = scale_guess._try(photo, model_that_takes("float32"), asked)
    assert str(candidate) == f"{told} fed `mean = [0, 0, 0]` and `scale = 1`"
