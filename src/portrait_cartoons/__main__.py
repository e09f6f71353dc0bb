"""The console command of the installed package: `portrait-cartoons <command> ...`."""

import sys

from portrait_cartoons.cli.start import COMMANDS, start


def main() -> None:
    """Run the command that the first argument names."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help", "help"):
        print("portrait-cartoons <command> --help explains a command:")
        print("\n".join(f"  {command:<10} {purpose}" for command, purpose in COMMANDS.items()))
    elif name in COMMANDS:
        start(name, arguments)
    else:
        print(f"error: there is no command {name!r}: use one of {', '.join(COMMANDS)}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
