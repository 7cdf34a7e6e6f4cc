# Tests: make test (minutes), make check (hours: long mode, every configuration at 1, 2, 4, 8 processors, 20 rounds),
# make soak SECONDS=n. Pieces: python3 tests/run.py --help
.PHONY: test check soak
SECONDS ?= 600
test:
	@python3 tests/run.py
check:
	@python3 tests/run.py --long
soak:
	@python3 tests/run.py --soak $(SECONDS)
