"""Policies: who may use a dataset for what, and what they get to see. Pure: no I/O, no clock.

Source: docs/spec/policy.md, section 1.
"""
