"""A study's settings: frozen, validated models, read from YAML."""
