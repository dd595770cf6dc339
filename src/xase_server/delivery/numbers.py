"""Record numbers."""

import numpy as np

Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]
"""The places of data records in a dataset version, from 0."""
