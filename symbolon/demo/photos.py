"""Real photos that other packages carry, found where they are installed, without importing those packages."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A photo, and what anybody would say is on it, in the words of ImageNet's classes."""

    package: str
    file: str
    shows: str

    @property
    def name(self) -> str:
        return self.file.rpartition("/")[2]

    @property
    def path(self) -> Path:
        """Where the installed package has it."""
        return Path(str(distribution(self.package).locate_file(self.file)))


PHOTOS = (
    Photo(package="scikit-image", file="skimage/data/chelsea.png", shows="Egyptian cat"),
    Photo(package="scikit-learn", file="sklearn/datasets/images/china.jpg", shows="bell cote"),
    Photo(package="scikit-image", file="skimage/data/coffee.png", shows="espresso"),
    Photo(package="scikit-learn", file="sklearn/datasets/images/flower.jpg", shows="daisy"),
    Photo(package="scikit-image", file="skimage/data/motorcycle_left.png", shows="moped"),
)
"""In the order in which a bucket lists them."""
