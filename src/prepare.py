"""`python -m src.prepare`: see portrait_cartoons/prepare.py."""

from portrait_cartoons.cli.start import start

if __name__ == "__main__":
    start("prepare")
