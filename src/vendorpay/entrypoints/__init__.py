"""The mains: settings are read, objects are wired and processes are run here and nowhere else."""
