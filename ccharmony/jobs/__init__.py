"""Many photos worked on at once: stages, threads, a Ray cluster, and the journal that lets them resume."""
