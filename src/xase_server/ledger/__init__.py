"""The ledger: one ordered log of everything, appended by group commit, provable, auditable."""
