"""Commands: their life, the figures and words behind them, who must agree, and how long we wait."""
