"""What a study will do: jobs, systems, identities."""
