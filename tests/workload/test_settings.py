"""Settings choose themselves: from cores, memory, and what the terms and the operator fix."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

import pytest

from attestation.errors import Misconfigured
from contract.request import Job, agree, parse_request
from contract.terms import StreamTerms, parse_terms
from tests.workload.samples import terms_text
from workload.pictures.headers import MOST_BYTES, MOST_PIXELS
from workload.pictures.preparing import BYTES_PER_PIXEL
from workload.settings import (
    DECODER_BYTES,
    agree_at_once,
    agree_batch_size,
    choose_settings,
    fed_bytes,
    machine_memory,
    row_bytes,
)

GIB = 1 << 30


def job(*, size: int = 224, stream: str = "", batch_size: str | None = None) -> Job:
    text = terms_text().replace("height = 8", f"height = {size}").replace("width = 8", f"width = {size}")
    request = {"INPUT_URI": "gs://photos", "RESULT_URI": "gs://results"}
    if batch_size is not None:
        request["BATCH_SIZE"] = batch_size
    return agree(parse_terms(f"{text}\n[stream]\n{stream}\n"), parse_request(request))


def test_what_the_terms_fix_is_not_chosen() -> None:
    stream = "connections = 7\ndecoders = 3\nbatch_wait_ms = 250\n"
    stream += "encoded_mib = 9\ndecoding_megapixels = 20\nwindow = 70"
    settings = choose_settings(job(stream=stream, batch_size="5"), cores=16, memory_bytes=64 * GIB)
    assert (settings.connections, settings.decoders) == (7, 3)
    assert (settings.batch_wait_s, settings.batch_size) == (0.25, 5)
    assert (settings.encoded_bytes, settings.decoding_pixels, settings.window) == (9 << 20, 20_000_000, 70)


@pytest.mark.parametrize("cores", [1, 2, 8])
def test_as_many_pictures_are_decoded_at_once_as_there_are_cores(cores: int) -> None:
    assert choose_settings(job(), cores=cores, memory_bytes=64 * GIB).decoders == cores


@pytest.mark.parametrize(
    ("cores", "size", "batch_size"),
    [(2, 128, 32), (2, 224, 32), (1, 224, 16), (2, 448, 8), (2, 4096, 1), (64, 224, 256), (1, 4096, 1)],
)
def test_the_usual_batch_grows_with_the_cores_and_shrinks_with_the_input(
    cores: int, size: int, batch_size: int
) -> None:
    assert choose_settings(job(size=size), cores=cores, memory_bytes=64 * GIB).batch_size == batch_size


@pytest.mark.parametrize("cores", [1, 2, 64, 256])
@pytest.mark.parametrize("size", [8, 224, 1024, 4096])
@pytest.mark.parametrize("memory_gib", [1, 2, 4, 8, 16, 64, 1024])
@pytest.mark.parametrize("batch_size", [None, "1024"])
def test_the_stream_takes_a_quarter_of_the_memory_or_what_one_of_the_largest_pictures_needs(
    cores: int, size: int, memory_gib: int, batch_size: str | None
) -> None:
    memory_bytes = memory_gib * GIB
    settings = choose_settings(job(size=size, batch_size=batch_size), cores=cores, memory_bytes=memory_bytes)
    least = (
        2 * MOST_BYTES
        + (MOST_PIXELS + 16_000_000) * BYTES_PER_PIXEL
        + DECODER_BYTES
        + 5 * fed_bytes(size, size)
        + (32 << 20)
    )
    taken = settings.most_bytes(height=size, width=size, top_k=3)
    assert taken <= max(memory_bytes // 4, least + memory_bytes // 8)
    assert settings.decoding_pixels >= MOST_PIXELS
    assert min(settings.decoders, settings.batch_size, settings.window, settings.connections) >= 1


def test_the_memory_that_the_terms_name_stands_in_place_of_the_machines() -> None:
    named = choose_settings(job(stream="memory_mib = 2048"), cores=64, memory_bytes=1024 * GIB)
    assert named == choose_settings(job(), cores=64, memory_bytes=8 * GIB)
    assert named != choose_settings(job(), cores=64, memory_bytes=1024 * GIB)


def test_rows_that_wait_take_bounded_memory_however_many_classes_are_asked_for() -> None:
    for top_k in (1, 3, 1000):
        wide = terms_text().replace("largest_top_k = 3", f"largest_top_k = {top_k}")
        request = parse_request({"INPUT_URI": "gs://photos", "RESULT_URI": "gs://results"})
        settings = choose_settings(agree(parse_terms(wide), request), cores=2, memory_bytes=8 * GIB)
        assert settings.window * row_bytes(top_k) <= 32 << 20
        assert settings.window > 1000


def test_a_model_is_asked_first_then_the_operator_and_then_the_runtime() -> None:
    asked, free = job(batch_size="5"), job()
    settings = choose_settings(free, cores=2, memory_bytes=8 * GIB)
    of_asked = choose_settings(asked, cores=2, memory_bytes=8 * GIB)
    assert agree_batch_size(asked, of_asked, saved_for=3, preferred=256) == 3
    assert agree_batch_size(asked, of_asked, saved_for=None, preferred=256) == 5
    assert agree_batch_size(free, settings, saved_for=None, preferred=64) == 64
    assert agree_batch_size(free, settings, saved_for=None, preferred=None) == settings.batch_size


def test_the_terms_batch_stands_where_the_operator_asks_for_none() -> None:
    def agreed(saved_for: int | None, preferred: int | None, batch_size: str | None = None) -> int:
        asking = job(stream="batch_size = 7", batch_size=batch_size)
        settings = choose_settings(asking, cores=2, memory_bytes=8 * GIB)
        return agree_batch_size(asking, settings, saved_for=saved_for, preferred=preferred)

    assert agreed(None, None) == agreed(None, 256) == 7
    assert agreed(None, 256, "5") == 5
    assert agreed(3, 256) == 3


@pytest.mark.parametrize("key", [field.name for field in fields(StreamTerms)])
@pytest.mark.parametrize("value", ["0", "-1", "20000000", "1.5", "true", '"4"'])
def test_a_setting_of_the_terms_is_a_whole_number_within_its_bounds(key: str, value: str) -> None:
    with pytest.raises(
        Misconfigured, match=rf"`stream\.{key}` in the terms is .*, not a whole number from 1 to"
    ):
        job(stream=f"{key} = {value}")


def test_the_terms_batch_is_no_larger_than_the_memory_holds() -> None:
    asking = job(size=1024, stream="batch_size = 1024")
    settings = choose_settings(asking, cores=2, memory_bytes=4 * GIB)
    assert settings.batch_size == settings.largest_batch_size < 1024


@pytest.mark.parametrize(("saved_for", "at_once"), [(None, 8), (1, 8), (5, 2), (1000, 1)])
def test_a_model_that_insists_on_its_batch_has_as_many_of_them_as_the_memory_holds(
    saved_for: int | None, at_once: int
) -> None:
    settings = choose_settings(job(size=1024), cores=8, memory_bytes=8 * GIB)
    assert settings.largest_batch_size == 10
    assert agree_at_once(settings, saved_for=saved_for, at_once=8) == at_once


def test_a_runtime_may_prefer_no_more_than_the_memory_holds() -> None:
    free = job(size=1024)
    settings = choose_settings(free, cores=2, memory_bytes=4 * GIB)
    preferred = agree_batch_size(free, settings, saved_for=None, preferred=256)
    assert preferred == settings.largest_batch_size < 256


def test_a_containers_memory_is_its_limit_where_it_has_one(tmp_path: Path) -> None:
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limited, unlimited, beyond = tmp_path / "limited", tmp_path / "unlimited", tmp_path / "beyond"
    limited.write_text("1073741824\n")
    unlimited.write_text("max\n")
    beyond.write_text("9223372036854771712\n")
    assert machine_memory((tmp_path / "none",)) == machine
    assert machine_memory((unlimited,)) == machine
    assert machine_memory((beyond,)) == machine
    assert machine_memory((unlimited, limited)) == min(GIB, machine)
