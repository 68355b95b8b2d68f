"""Rectangles of pixels. Reads and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    L = TypeVar("L", bound=np.generic[Any])


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: left, top inside; right, bottom outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    def of(self, picture: NDArray[L]) -> NDArray[L]:
        """The part of a picture or mask (H, W, ...) that it covers; a view."""
        return picture[self.top : self.bottom, self.left : self.right]
