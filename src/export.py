"""`python -m src.export`: see portrait_cartoons/export.py."""

from portrait_cartoons.cli.start import start

if __name__ == "__main__":
    start("export")
