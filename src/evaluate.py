"""`python -m src.evaluate`: see portrait_cartoons/evaluate.py."""

from portrait_cartoons.cli.start import start

if __name__ == "__main__":
    start("evaluate")
