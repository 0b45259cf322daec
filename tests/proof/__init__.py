"""The proof: generated worlds against a slow oracle, one appointment's life against a model, races against a count."""
