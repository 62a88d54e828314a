"""What running a study and scoring translations from elsewhere share."""
