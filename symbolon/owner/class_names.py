"""The names of a model's classes: the file that is named, or the one of the model's own that fits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from attestation.errors import Misconfigured

from ..inputs import read_text
from .asking import Asker
from .model_facts import Facts
from .packing import name_of_labels


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassNames:
    """A name a class, where there are names.

    `name` is what the archive calls their file; `outside` is the file itself, where it lies beside the model.
    """

    name: str | None = None
    outside: Path | None = None
    texts: tuple[str, ...] = ()

    def of(self, number: int) -> str:
        """What the class is called; its number, where nobody says."""
        return self.texts[number] if number < len(self.texts) else f"class {number}"


def class_names_of(model: Path, labels: Path | None, facts: Facts, classes: int, asker: Asker) -> ClassNames:
    """From the file `labels`; without one, from the only text file of the model's with a line for each class.

    Where there is no such file, a person is asked for one.

    Raises:
        Misconfigured: `labels` cannot be read, or has another number of lines.
    """
    if labels is None:
        fitting = [name for name, lines in facts.label_files.items() if len(lines) == classes]
        if len(fitting) == 1:
            return ClassNames(name=fitting[0], texts=facts.label_files[fitting[0]])
        answer = asker.take(
            None,
            question=f"a file that names the {classes} classes, one a line (none: results have no labels)",
            flag="--labels FILE",
            parse=_a_file,
            default="none",
        )
        if answer is None or answer == "none":
            return ClassNames()
        labels = Path(answer)
    texts = tuple(read_text(str(labels), what="label file").splitlines())
    if len(texts) != classes:
        raise Misconfigured(
            f"the label file names {len(texts)} classes, and the model has {classes}",
            hint="one class a line, in the order of the model's scores",
        )
    name = name_of_labels(model, labels)
    is_inside = model.is_dir() and labels.resolve().is_relative_to(model.resolve())
    return ClassNames(name=name, outside=None if is_inside else labels, texts=texts)


def _a_file(text: str) -> str:
    if text != "none" and not Path(text).is_file():
        raise ValueError("the path of a file, or `none`")
    return text
