"""The thesis's claims, each held against a sweep with replicates: from a claim to a verdict."""
