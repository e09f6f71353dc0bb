"""`python -m src.validate`: see portrait_cartoons/validate.py."""

from portrait_cartoons.cli.start import start

if __name__ == "__main__":
    start("validate")
