"""How alike two embeddings are."""

import math

import numpy as np
from numpy.typing import NDArray

from domain.errors import GraderError

Vector = NDArray[np.float32]
"""A text's embedding, of finite numbers."""


def similarity(first: Vector, second: Vector) -> float:
    """Cosine of the angle between two vectors, reckoned in 64 bits, clipped to 0-1.

    Raises GraderError where they are of different lengths, or one has no direction.
    """
    if len(first) != len(second):
        raise GraderError(f"the two embeddings are of different lengths, {len(first)} and {len(second)} numbers")
    a, b = first.astype(np.float64), second.astype(np.float64)
    lengths = float(np.dot(a, a)) * float(np.dot(b, b))
    if lengths == 0:
        raise GraderError("an embedding is zero, so that it has no direction to compare")
    return min(1.0, max(0.0, float(np.dot(a, b)) / math.sqrt(lengths)))
