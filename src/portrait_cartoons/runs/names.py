"""What the files of a run folder are called. Whatever reads or writes one takes its name from here.

Only the list of pictures that could not be read is named where it is written, in data/datamodule.py.
"""

CONFIG, OVERRIDES = "config.yaml", "overrides.yaml"  # what the run was trained with, and what the user gave
ENVIRONMENT, DIFF = "environment.yaml", "uncommitted.diff"  # versions and commit, and the changes since that commit
CHECKPOINTS = "checkpoints"  # a folder
BEST, LAST, PREVIOUS = "best.ckpt", "last.ckpt", "previous.ckpt"
METRICS, PAGE = "metrics.csv", "index.html"
SAMPLES = "samples"  # a folder
LOCK = ".lock"
