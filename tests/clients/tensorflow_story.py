"""What a person does with Cloud Storage by TensorFlow's own client: python tensorflow_story.py BUCKET BIG."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from google.cloud import storage

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf


def main(bucket: str, big: str) -> None:
    """Files are written, read, listed, renamed and removed."""
    place, files = f"gs://{bucket}", tf.io.gfile
    storage.Client().create_bucket(bucket)
    with files.GFile(f"{place}/a/small", "w") as file:
        file.write("hello")
    files.copy(big, f"{place}/big")
    assert files.GFile(f"{place}/a/small").read() == "hello"
    assert files.GFile(f"{place}/big", "rb").read() == Path(big).read_bytes()
    assert files.stat(f"{place}/a/small").length == 5
    assert (files.exists(f"{place}/none"), files.isdir(f"{place}/a")) == (False, True)
    files.rename(f"{place}/a/small", f"{place}/moved")
    assert sorted(files.glob(f"{place}/*")) == [f"{place}/big", f"{place}/moved"]
    files.remove(f"{place}/moved")
    assert files.listdir(place) == ["big"]


if __name__ == "__main__":
    main(*sys.argv[1:])
