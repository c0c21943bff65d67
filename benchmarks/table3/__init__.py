"""The paper's ablation (Table 3) on data that can be had; ``python -m benchmarks.ablation`` is its command.

-   `plan`: which runs there are, by name, in which order.
-   `study`: what all runs of a study share, kept in its folder.
-   `trial`: one run, in a process of its own: trained, then scored picture by picture.
-   `schedule`: runs one after the other, or several at a time, within a budget of minutes.
-   `results`, `contrasts`, `claims`: what finished runs scored, how they differ, which of the paper's findings hold.
-   `tables`, `figure`, `strip`, `page`: docs/results.md and its pictures.
-   `diagnosis`: how large each reading of the distillation loss is beside the loss of the image.
-   `published`: the paper's own numbers.
"""
