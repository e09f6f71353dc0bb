"""`python -m src.sweep`: see portrait_cartoons/sweep.py."""

from portrait_cartoons.cli.start import start

if __name__ == "__main__":
    start("sweep")
