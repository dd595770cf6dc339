"""`k_anonymize`: versions whose records hide among others, and how well those of any version do (docs/adr/0023)."""
