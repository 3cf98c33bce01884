"""Speed of the front door against its peers, in one run: `make bench-ingest`.

The door is the real one: `services.ingest api` with keys, limits, metrics and everything else it does to an event, on an
embedded PostgreSQL and broker. Its peers are FastAPI's default route that produces to the same broker, the same route
without a broker, and, where two variables say where it is, the Karapace REST proxy:

- `KARAPACE_SOURCE`: the folder `src` of its source, release 5.0.0, in which `karapace/version.py` says `__version__ = "5.0.0"`
  and `karapace/core/protobuf/protopace/protopace.py` either finds its built Go library or is a stub with the names `Proto`,
  `IncompatibleError`, `format_proto` and `check_compatibility` (JSON never uses it);
- `KARAPACE_PYTHON`: an interpreter with its dependencies (Python 3.11; those of its pyproject.toml, `avro` from the index).

Every contender gets the same receipt of twenty lines. Each server runs on the first core, the load generator on the second,
broker and PostgreSQL wherever there is room. The contenders take turns, round after round; a figure is the median of its
rounds. On a busy machine trust the CPU time per event most, then the ratios, and absolute rates not at all.
"""
