"""`python -m ccharmony`: the command line, for starters such as torchrun that want a module."""

from ccharmony.cli import main

if __name__ == "__main__":
    main()
