"""From rows to bytes: the shape that may leave, and how it is written. Pure; columnar."""
