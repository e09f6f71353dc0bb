"""`python -m src.train`: see portrait_cartoons/train.py."""

from portrait_cartoons.cli.start import start

if __name__ == "__main__":
    start("train")
