# Benchmarks against Go, included by the top Makefile.
#   make bench         every group, one processor and all; writes build/bench/results.md
#   make bench-quick   a first impression in a few minutes
#   make bench-plot    draws docs/benchmarks.svg from the last results (gnuplot)
# BENCH_ARGS goes to bench/compare.py:   make bench BENCH_ARGS="--match chan.select --procs 1"

PYTHON ?= python3
BENCH_ARGS ?=

.PHONY: bench bench-quick bench-plot

bench:
	$(PYTHON) bench/compare.py --markdown build/bench/results.md $(BENCH_ARGS)

bench-quick:
	$(PYTHON) bench/compare.py --quick --markdown build/bench/results.md $(BENCH_ARGS)

build/bench/plot.tsv:
	$(PYTHON) bench/compare.py --markdown build/bench/results.md $(BENCH_ARGS)

bench-plot: build/bench/plot.tsv
	@if command -v gnuplot >/dev/null; then \
	    mkdir -p docs && gnuplot -c bench/plot.gp $< docs/benchmarks.svg && echo docs/benchmarks.svg; \
	else \
	    echo "bench-plot: gnuplot is not installed (apt-get install gnuplot-nox)"; \
	fi
