"""`harmonize study plan`."""

from __future__ import annotations

from typing import Any

import click

from ccharmony.arguments import Number, WholeNumber
from ccharmony.console import echo

_RATERS = (5, 10, 20, 40, 80)
_DEFAULT = " ".join(map(str, _RATERS))


@click.command("plan", short_help="Simulate how many raters a study needs.")
@click.option("--methods", type=WholeNumber(), default=6, show_default=True, help="Methods, the composite included.")
@click.option("--pictures", type=WholeNumber(), default=100, show_default=True)
@click.option("--votes", type=WholeNumber(), default=150, show_default=True, help="Questions for each rater.")
@click.option("--difference", type=Number(), default=0.2, show_default=True, help="Strength that is to be told apart.")
@click.option(
    "--picture-spread",
    type=Number(),
    default=0.5,
    show_default=True,
    help="How much strengths differ between pictures.",
)
@click.option(
    "--rater-spread", type=Number(), default=0.3, show_default=True, help="How much strengths differ between raters."
)
@click.option("--raters", type=WholeNumber(), multiple=True, help=f"Raters, once a number.  [default: {_DEFAULT}]")
@click.option(
    "--studies", type=WholeNumber(), default=100, show_default=True, help="Simulated for each number of raters."
)
@click.option("--seed", type=WholeNumber(0), default=0, show_default=True)
def command(raters: tuple[int, ...], seed: int, **options: Any) -> None:
    """Simulate studies whose answer is known, and say in how many the better of two methods is found.

    Two methods differ by --difference, the others lie between them. A study has found the better one if the 95 %
    interval of the difference lies above 0.
    """
    from harmonize.study.bradley_terry import predict_preference
    from harmonize.study.plan import Plan, predict_power

    plan = Plan(**options)
    chance = predict_preference([plan.difference, 0.0])[0, 1]
    echo(f"difference {plan.difference:g}: the better one is preferred in {chance:.0%}; {plan.studies} studies each")
    echo("")
    echo("raters    votes    found    width of the interval")
    for power in predict_power(plan, raters or _RATERS, seed):
        echo(f"{power.raters:6d}  {power.votes:7,d}    {power.found:5.0%}    {power.width:.2f}")
