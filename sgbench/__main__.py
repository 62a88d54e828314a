"""``python -m sgbench COMMAND``."""

from sgbench.commands.door import command

if __name__ == "__main__":
    command()
