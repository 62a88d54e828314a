"""The paper's claims, decided from measured scores and from the paper's own numbers."""
