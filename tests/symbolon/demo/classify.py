"""Prints what a SavedModel answers, as JSON: `python classify.py FOLDER NAME=PHOTO …`.

A process of its own, for TensorFlow's sake. Each photo gives the logits of its middle
224 x 224 pixels, and the class of the whole photo as the demo's terms feed it.
"""

import json
import sys

import numpy as np
import tensorflow as tf
from PIL import Image

SIZE, MEAN, SCALE = 224, 127.0, 0.0078125


def main() -> None:
    answer = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]

    def logits(pixels: np.ndarray) -> np.ndarray:
        fed = (np.asarray(pixels, np.float32) - MEAN) * SCALE
        found: np.ndarray = answer(images=tf.constant(fed[None]))["logits"].numpy()[0]
        return found

    answers = {}
    for argument in sys.argv[2:]:
        name, _, path = argument.partition("=")
        photo = Image.open(path).convert("RGB")
        left, top = (photo.width - SIZE) // 2, (photo.height - SIZE) // 2
        middle = logits(np.asarray(photo.crop((left, top, left + SIZE, top + SIZE))))
        whole = logits(tf.image.resize(np.asarray(photo), (SIZE, SIZE)).numpy())
        answers[name] = {"middle": [float(each) for each in middle], "class": int(whole.argmax())}
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
