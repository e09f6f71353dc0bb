"""`python -m src.convert`: see portrait_cartoons/convert.py."""

from portrait_cartoons.cli.start import start

if __name__ == "__main__":
    start("convert")
