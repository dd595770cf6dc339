"""What becomes of values before anybody but their holder sees them (docs/spec/policy.md, section 3)."""
