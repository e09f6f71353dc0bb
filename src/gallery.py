"""`python -m src.gallery`: see portrait_cartoons/gallery.py."""

from portrait_cartoons.cli.start import start

if __name__ == "__main__":
    start("gallery")
