"""`python -m src.translate`: see portrait_cartoons/translate.py."""

from portrait_cartoons.cli.start import start

if __name__ == "__main__":
    start("translate")
