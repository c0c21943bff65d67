"""Training: stages, losses, runs that stop and resume, validation, several processes."""
