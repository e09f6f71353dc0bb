"""`python -m src.benchmark`: see portrait_cartoons/benchmark.py."""

from portrait_cartoons.cli.start import start

if __name__ == "__main__":
    start("benchmark")
