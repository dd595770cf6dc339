"""Noise from OpenDP, the extra `dp`: the discrete Laplace mechanism over whole numbers, exact in its arithmetic."""

import math
from collections.abc import Sequence
from fractions import Fraction
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opendp.mod import Measurement


class OpenDP:
    """See `ports.Noise`. The library takes half a second to import: its first use waits for it."""

    def added(self, sums: Sequence[int], *, sensitivity: int, epsilon: Fraction) -> list[int]:
        """See `Noise.added`."""
        return list(_mechanism(sensitivity, epsilon)(list(sums)))


def is_installed() -> bool:
    """Whether there can be noise on this server."""
    return find_spec("opendp") is not None


def _mechanism(sensitivity: int, epsilon: Fraction) -> "Measurement":
    """The mechanism with the least scale of which OpenDP itself says that it costs no more than this."""
    from opendp.core import measurement_map
    from opendp.domains import atom_domain, vector_domain
    from opendp.measurements import make_laplace
    from opendp.metrics import l1_distance
    from opendp.mod import enable_features

    enable_features("contrib")
    scale = float(Fraction(sensitivity) / epsilon)
    while True:
        made = make_laplace(vector_domain(atom_domain(T="i64")), l1_distance(T="i64"), scale)
        if Fraction(measurement_map(made, sensitivity)) <= epsilon:
            return made
        scale = math.nextafter(scale, math.inf)
