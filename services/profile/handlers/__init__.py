"""Load, decide (pure), save: what each kind of event does (intake, identity), what folders, the learner and the API do."""
