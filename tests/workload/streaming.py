"""Streams of pictures that are numbers, and a model that answers with the number."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from contract.results import Row
from workload.answers import Classifier, Fed, Indices, Scores
from workload.pictures.headers import MOST_PIXELS, EncodedPicture, undecodable
from workload.pictures.listing import ListedPicture
from workload.pictures.preparing import Pixels
from workload.pipeline import Stream
from workload.settings import Settings

GIVE_UP_S = 30
"""How long a test waits for what must happen: only a failing one waits so long."""


def listed(count: int) -> list[ListedPicture]:
    return [ListedPicture(name=f"{number}.png", generation=number + 1, size=1) for number in range(count)]


def bounds(
    *,
    connections: int = 8,
    encoded_bytes: int = 1000,
    decoders: int = 2,
    decoding_pixels: int = 2 * MOST_PIXELS,
    batch_size: int = 2,
    batch_wait_s: float = 0.0,
    window: int = 4096,
) -> Settings:
    return Settings(
        connections=connections,
        encoded_bytes=encoded_bytes,
        decoders=decoders,
        decoding_pixels=decoding_pixels,
        batch_size=batch_size,
        largest_batch_size=batch_size,
        batch_wait_s=batch_wait_s,
        window=window,
    )


def value_of(image: ListedPicture) -> EncodedPicture:
    return EncodedPicture(data=str(image.generation).encode(), orientation=1)


def one_pixel(encoded: EncodedPicture) -> Pixels:
    if encoded.data == b"undecodable":
        raise undecodable()
    return np.full([1, 1, 3], int(encoded.data), np.float32)


def best_is_the_value(images: Fed) -> tuple[Indices, Scores]:
    values = images[:, 0, 0, :1]
    scores = np.concatenate([values, values - 1], axis=1)
    return np.concatenate([values, values + 1], axis=1).astype(np.int32), scores


def stream_of(
    count: int,
    *,
    read: Callable[[ListedPicture], EncodedPicture] = value_of,
    prepare: Callable[[EncodedPicture], Pixels] = one_pixel,
    settings: Settings | None = None,
) -> Stream:
    return Stream(listed(count), read=read, prepare=prepare, settings=settings or bounds())


def run(
    count: int,
    *,
    read: Callable[[ListedPicture], EncodedPicture] = value_of,
    prepare: Callable[[EncodedPicture], Pixels] = one_pixel,
    classifier: Classifier = best_is_the_value,
    labels: Sequence[str] | None = None,
    settings: Settings | None = None,
) -> list[Row]:
    with stream_of(count, read=read, prepare=prepare, settings=settings) as stream:
        return list(stream.rows(classifier, labels=labels))


def eventually(condition: Callable[[], bool]) -> None:
    """Returns when it holds."""
    end = time.monotonic() + GIVE_UP_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)
