"""Networks that give metrics their inputs."""
