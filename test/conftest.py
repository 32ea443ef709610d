from hypothesis import settings

# The first call of a Numba function compiles it: no example has a deadline.
settings.register_profile("default", deadline=None)
settings.load_profile("default")
