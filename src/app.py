"""`python -m src.app`: see portrait_cartoons/app.py."""

from portrait_cartoons.cli.start import start

if __name__ == "__main__":
    start("app")
