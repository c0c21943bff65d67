"""`python -m harmonize`: the command line, for starters such as torchrun that want a module."""

from harmonize.cli import main

if __name__ == "__main__":
    main()
