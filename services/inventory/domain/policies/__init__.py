"""How item classes are ordered: their policies and the levels that follow."""
