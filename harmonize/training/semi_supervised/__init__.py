"""PIH's second stream: unpaired composites judged by a critic."""
