"""Load, decide, save: one file per thing that offers is asked to do, by subjects."""
