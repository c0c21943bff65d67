"""The paper's ablation (Table 3) on data that can be had; ``python -m benchmarks.ablation`` is its command.

Nine modules, and why each is one of its own:

-   `plan`: which runs there are, by name, in which order. It knows no files, so that names can be checked without any.
-   `study`: data and budget that all runs share, in study.json. A file format that old studies are read from.
-   `trial`: one run, trained and then scored picture by picture. A program of its own: each run has its own process.
-   `schedule`: several processes at a time within a budget of minutes. The only module that starts and stops processes.
-   `results`: scores of finished runs, contrasts of rows, and their chance. Statistics alone; nothing is written.
-   `claims`: the paper's numbers and findings, and whether they hold here. What the paper says is in no other module.
-   `report`: the generated blocks of docs/results.md. The only module that writes prose and tables.
-   `pictures`: the figure and the strip of docs/results.md. The only module that needs matplotlib.
-   `diagnosis`: how large each reading of the distillation loss is. It measures gradients of networks, not scores.
"""
