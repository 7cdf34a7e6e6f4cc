# conc.h: one header, so there is nothing to build but its examples, tests and benchmarks. They go to build/.
# Try: make run, make test, make bench. Recipes of the last two: tests/tests.mk, bench/bench.mk.

CC       ?= cc
CXX      ?= c++
PREFIX   ?= /usr/local
DIR      ?= /usr/include
B        := build
WARN     := -Wall -Wextra -Wpedantic -Wconversion -Wshadow
CFLAGS   ?= -O2 -g
EXAMPLES := hello pingpong workers select scope sieve embed digest echo kv http build crawl balancer logs simulated chat feeds
PATTERNS := $(patsubst examples/%.c,%,$(wildcard examples/patterns/*.c examples/by-example/*.c))
VERSION  := $(shell sed -n 's/^.define CONC_VERSION_STRING "\(.*\)"/\1/p' conc.h)

help:
	@echo "make run [DIR=/usr/include]  hash a directory concurrently and compare with sha256sum (examples/digest.c)"
	@echo "make examples                build every program of examples/ into $(B)/ (installs the libraries they use, as deps does)"
	@echo "make test                    run all tests; the last line is 'N passed, N failed'"
	@echo "make bench                   measure against Go"
	@echo "make floors                  check the layering of conc.h's implementation"
	@echo "make install [PREFIX=$(PREFIX)] [DESTDIR=]   conc.h and conc.pc"
	@echo "make deps                    install what the tests need (Debian; says what it would install if you are not root)"
	@echo "make clean"

# ---- what is needed from Debian ----
RUN_DEPS  := gcc libc6-dev libstb-dev libssl-dev
EXAMPLE_DEPS := $(RUN_DEPS) libhttp-parser-dev libjansson-dev libhiredis-dev libxml2-dev libexpat1-dev
TEST_DEPS := $(EXAMPLE_DEPS) g++ clang libclang-rt libcmocka-dev check valgrind qemu-user gcc-aarch64-linux-gnu \
             g++-aarch64-linux-gnu gdb pkg-config python3 redis-server redis-tools curl wrk spin
run-deps:
	@.ci/deps $(RUN_DEPS)
example-deps:
	@.ci/deps $(EXAMPLE_DEPS)
deps:
	@.ci/deps $(TEST_DEPS)

# ---- examples ----
$(B):
	@mkdir -p $@
LIBS_digest := -lcrypto
LIBS_http   := -lhttp_parser -ljansson
LIBS_feeds  := -lexpat
LIBS_remote_work := -lhiredis
LIBS_md5all := -lcrypto
LIBS_crawl  := -I/usr/include/libxml2 -lhttp_parser -lxml2
$(B)/%: examples/%.c conc.h | $(B)
	$(CC) -std=c11 $(CFLAGS) $(WARN) -I. $< -o $@ -pthread $(LIBS_$*)
$(PATTERNS:%=$(B)/%): $(B)/%: examples/%.c conc.h $(wildcard patterns/*.h)
	@mkdir -p $(@D)
	$(CC) -std=c11 $(CFLAGS) $(WARN) -I. -Ipatterns $< -o $@ -pthread $(LIBS_$(@F))
examples: example-deps
	@$(MAKE) --no-print-directory $(EXAMPLES:%=$(B)/%) $(PATTERNS:%=$(B)/%)

run: run-deps
	@$(MAKE) -s $(B)/digest
	@examples/run.sh $(B)/digest "$(DIR)"

# ---- checks ----
floors:
	@tests/macros/floors.sh

# ---- install ----
install:
	install -d "$(DESTDIR)$(PREFIX)/include" "$(DESTDIR)$(PREFIX)/share/pkgconfig"
	install -m 644 conc.h "$(DESTDIR)$(PREFIX)/include/conc.h"
	printf '%s\n' 'prefix=$(PREFIX)' 'includedir=$${prefix}/include' '' 'Name: conc' \
	    'Description: Go-style goroutines, channels, select, sync and timers for C and C++, in one header' \
	    'Version: $(VERSION)' 'Cflags: -I$${includedir} -pthread' 'Libs: -pthread' \
	    > "$(DESTDIR)$(PREFIX)/share/pkgconfig/conc.pc"

clean:
	rm -rf $(B)

.PHONY: help run-deps example-deps deps examples run floors install clean test bench
.DEFAULT_GOAL := help
test: deps
-include tests/tests.mk
-include bench/bench.mk
