# SPDX-License-Identifier: MIT
#
# A thin front for Meson and tools/; "make" alone explains. Everything is built under build/.

BUILD ?= build/release
PREFIX ?= /usr/local
LIBDIR ?= lib
DESTDIR ?=
# Stages for "make test", all by default: make test STAGES="release tsan"
STAGES ?=

CONFIGURE = tools/configure $(BUILD)

.PHONY: help demo build test bench format lint install clean

help:
	@echo 'make demo      install what is missing, build, run the school program on real data'
	@echo 'make test      install what is missing, build in all variants, run all tests'
	@echo '               (STAGES="release tsan": only these; tools/test-all --list names them)'
	@echo 'make bench     measure against the limit and the peers'
	@echo 'make build     only build, in $(BUILD)'
	@echo 'make format    bring the C sources into form'
	@echo 'make lint      check form, scripts and typical mistakes'
	@echo 'make install   install into PREFIX=$(PREFIX), under DESTDIR=$(DESTDIR)'
	@echo 'make clean     remove build/'

build:
	@tools/setup build
	@$(CONFIGURE)
	@ninja -C $(BUILD)

demo:
	@tools/setup build
	@$(CONFIGURE)
	@tools/demo $(BUILD)

test:
	@tools/setup test
	@tools/test-all $(STAGES)

bench:
	@tools/setup bench
	@tools/bench

format:
	@tools/setup lint
	@git ls-files -z '*.c' '*.h' '*.cc' | xargs -0 -r clang-format -i

lint:
	@tools/setup lint
	@tools/lint

install: BUILD = build/install
install:
	@tools/setup build
	@$(CONFIGURE)
	@meson configure $(BUILD) --prefix=$(abspath $(PREFIX)) --libdir=$(LIBDIR) \
		-Dtests=false -Dexamples=false -Dbench=false
	@ninja -C $(BUILD)
	@meson install -C $(BUILD) --no-rebuild $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

clean:
	rm -rf build
