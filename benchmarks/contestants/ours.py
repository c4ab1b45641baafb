"""Our workload's stream and runtime, over files or the emulator's Cloud Storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import google.auth
import numpy as np
from google.auth.credentials import Credentials

from contract.parts import rows_a_part
from contract.request import Job, agree, parse_request
from workload import reading, runtimes
from workload.pictures.headers import EncodedPicture, check_header
from workload.pictures.listing import ListedPicture
from workload.pictures.preparing import prepare
from workload.pipeline import Stream
from workload.settings import Settings, agree_batch_size, choose_settings

from ..work import Work, terms_of
from .answering import Answer, serve
from .files import Files

_WARM_UP = 64


class Ours:
    """The model as the terms' runtime loads it, and the settings that the workload chooses by itself."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._job = _job(work)
        self._settings = choose_settings(self._job)
        self._files = Files(work.folder, latency_s=work.latency_ms / 1000)
        self._read = _reader(work, self._files)
        self._prepare = partial(prepare, terms=self._job.terms.input)
        self._listed = {listed.name: listed for listed in _list(work)}
        self._loaded = runtimes.load(Path(work.model.folder), self._job)
        self._batch_size = _batch_size(self._job, self._settings, self._loaded)
        for _ in self.stream(work.photos[:_WARM_UP]):
            pass

    def stream(self, photos: Sequence[str]) -> Iterator[Answer]:
        listed = [self._listed[name] for name in photos]
        with Stream(
            listed,
            read=self._read,
            prepare=self._prepare,
            settings=self._settings,
            rows_a_part=rows_a_part(len(listed)),
        ) as stream:
            yield from _answers(stream, self._loaded, self._batch_size)

    def delay(self, latency_s: float) -> None:
        self._files.latency_s = latency_s

    def alone(self, stage: str) -> Callable[[], int]:
        """One stage on all cores: `reads`, `decode` (of photos in memory), or `model` (in its batches)."""
        listed = list(self._listed.values())
        if stage == "model":
            return self._model_alone()
        if stage == "reads":
            pool = ThreadPoolExecutor(self._settings.connections)
            return lambda: sum(1 for _ in pool.map(self._read, listed))
        encoded = [self._read(one) for one in listed]
        decoders = ThreadPoolExecutor(self._settings.decoders)
        return lambda: sum(1 for _ in decoders.map(self._prepare, encoded))

    def _model_alone(self) -> Callable[[], int]:
        at_once = self._loaded.at_once
        size, pixels = max(1, self._batch_size // at_once), self._work.model.pixels
        batch = np.random.default_rng(0).uniform(-1, 1, (size, pixels, pixels, 3)).astype(np.float32)
        threads = ThreadPoolExecutor(at_once)
        batches = [batch] * (4 * at_once)

        def run() -> int:
            return sum(len(indices) for indices, _ in threads.map(self._loaded.classifier, batches))

        return run


def whole_job(work: Work, photos: Sequence[str]) -> Iterator[Answer]:
    """Every photo, from nothing; as in `workload.inference`, they are read while the runtime is imported."""
    job = _job(work)
    settings = choose_settings(job)
    runtime = ThreadPoolExecutor(1).submit(runtimes.import_runtime, work.runtime)
    wanted = set(photos)
    with Stream(
        [listed for listed in _list(work) if listed.name in wanted],
        read=_reader(work, Files(work.folder, latency_s=work.latency_ms / 1000)),
        prepare=partial(prepare, terms=job.terms.input),
        settings=settings,
    ) as stream:
        runtime.result()
        loaded = runtimes.load(Path(work.model.folder), job)
        yield from _answers(stream, loaded, _batch_size(job, settings, loaded))


def _batch_size(job: Job, settings: Settings, loaded: runtimes.LoadedModel) -> int:
    return agree_batch_size(
        job,
        settings,
        saved_for=loaded.batch_size,
        preferred=loaded.preferred_batch_size,
        at_once=loaded.at_once,
    )


def _answers(stream: Stream, loaded: runtimes.LoadedModel, batch_size: int) -> Iterator[Answer]:
    rows = stream.rows(loaded.classifier, labels=None, batch_size=batch_size, at_once=loaded.at_once)
    for row in rows:
        if row.error is not None:
            raise AssertionError(f"a photo of the benchmark is not read: {row.error.code}")
        best = [prediction.class_index for prediction in row.predictions]
        yield row.picture, best, [prediction.score for prediction in row.predictions]


def _job(work: Work) -> Job:
    request = {"INPUT_URI": f"gs://{work.bucket or 'photos'}", "RESULT_URI": "gs://results"}
    if work.batch_size:
        request["BATCH_SIZE"] = str(work.batch_size)
    return agree(terms_of(work), parse_request(request))


def _operators() -> Credentials:
    """A person's own: outside of a machine of the cloud there is no service account to ask for."""
    credential, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/devstorage.read_write"])
    return credential


def _list(work: Work) -> list[ListedPicture]:
    if work.bucket:
        from workload import object_storage

        client = object_storage.open_client(_operators())
        return list(reading.list_pictures(client, _job(work).input, most=10_000_000).pictures)
    folder = Path(work.folder)
    return [
        ListedPicture(name=name, generation=1, size=(folder / name).stat().st_size) for name in work.photos
    ]


def _reader(work: Work, files: Files) -> Callable[[ListedPicture], EncodedPicture]:
    if not work.bucket:
        return lambda listed: check_header(files.read(listed.name))
    from workload import object_storage

    connections = choose_settings(_job(work)).connections
    client = object_storage.open_client(_operators(), connections=connections)
    return partial(reading.read_picture, client, work.bucket)


if __name__ == "__main__":
    serve(Ours, whole_job)
