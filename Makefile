# outlay: one Makefile, wildcards, all output in build/. A new source, test or fuzz target needs no
# edit here. V=1 shows the commands.
#
#   make          build/outlayd, build/outlay            make bench     figures, build/bench.json
#   make run      install what is missing, build, start  make coverage  lines and branches by folder
#   make test     install what is missing, every test    make fuzz      each target for FUZZ_SECONDS
#   make check    the tests that need no root            make format    clang-format in place

CC      := clang
AR      := llvm-ar
BPFTOOL := $(firstword $(wildcard /usr/sbin/bpftool /usr/bin/bpftool /sbin/bpftool) bpftool)
B       := build
Q       := $(if $(V),,@)
say      = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all run test check check-root bench coverage fuzz format install clean deps deps-dev prices
all: $B/outlayd $B/outlay $B/liboutlay.a $B/liboutlay.so

# --- what is built from what
PKGS     := libbpf libevent_core libevent_pthreads libcyaml yaml-0.1 jansson sqlite3 zlib libelf libcurl libbrotlidec libzstd libnghttp2 capstone
SRC      := $(wildcard src/*/*.c)
PROGRAMS := src/agent/main.c src/cli/outlay.c
CORE     := $(filter-out $(PROGRAMS),$(SRC))
BPF      := $(wildcard bpf/*.bpf.c)
SKELS    := $(BPF:bpf/%.bpf.c=$B/bpf/%.skel.h)
GEN      := $B/gen/schema.sql.inc $B/gen/version.h
UNITS    := $(wildcard tests/unit/*/*.c)
FUZZERS  := $(wildcard tests/fuzz/*.c)
BENCHES  := $(wildcard tests/bench/*.c)
VERSION  := 0.1.0

# --- three variants of every object: opt (what ships), asan (tests), cov (coverage); fuzz adds a fourth
CFLAGS   ?= -O2 -g
WARN     := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
BASE     := -std=gnu11 -D_GNU_SOURCE -Isrc -I. -Iinclude -I$B $(WARN) -fPIE -pthread
ifneq ($(shell command -v pkg-config),)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
# Of nettle one hash is used: a few KB of it, where the whole library takes 300.
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -l:libnettle.a
endif
CFLAGS_opt  := $(CFLAGS) -DNDEBUG -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection
LDFLAGS_opt := -pie -Wl,-z,relro,-z,now,--as-needed
CFLAGS_asan  := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS_asan := -fsanitize=address,undefined
CFLAGS_cov   := -O0 -g -fprofile-instr-generate -fcoverage-mapping
LDFLAGS_cov  := -fprofile-instr-generate
CFLAGS_fuzz  := $(CFLAGS_asan) -fsanitize=fuzzer-no-link
LDFLAGS_fuzz := $(LDFLAGS_asan) -fsanitize=fuzzer

define variant
$B/$(1)/%.o: %.c | $(SKELS) $(GEN)
	$$(call say,CC,$$@)
	$$Q mkdir -p $$(@D)
	$$Q $(CC) $(BASE) $(PKG_CFLAGS) $(CFLAGS_$(1)) -MMD -MP -c -o $$@ $$<

$B/$(1)/core.a: $(CORE:%.c=$B/$(1)/%.o)
	$$(call say,AR,$$@)
	$$Q rm -f $$@ && $(AR) rcs $$@ $$^

$B/$(1)/outlayd: $B/$(1)/src/agent/main.o $B/$(1)/core.a
$B/$(1)/outlay: $B/$(1)/src/cli/outlay.o $B/$(1)/core.a
$B/$(1)/tests/%: $B/$(1)/tests/%.o $B/$(1)/core.a
	$$(call say,LD,$$@)
	$$Q $(CC) $(LDFLAGS_$(1)) -pthread -o $$@ $$^ $(PKG_LIBS) $$(TEST_LIBS)
$B/$(1)/outlayd $B/$(1)/outlay:
	$$(call say,LD,$$@)
	$$Q $(CC) $(LDFLAGS_$(1)) -pthread -o $$@ $$^ $(PKG_LIBS)
endef
TEST_LIBS := -lcmocka -lhttp_parser -lssl -lcrypto -lrdkafka -lbrotlienc -lm
$(foreach v,opt asan cov fuzz,$(eval $(call variant,$v)))
$B/fuzz/tests/fuzz/%: TEST_LIBS := -ljansson -lhttp_parser

$B/outlayd $B/outlay: $B/%: $B/opt/%
	$Q install $< $@

# --- the client library: what its header names is all that it shows, also where it is linked in
$B/lib/liboutlay.o: $(wildcard src/lib/*.[ch]) $(wildcard include/outlay/*.h)
	$(call say,CC,$@)
	$Q rm -rf $(@D) && mkdir -p $(@D)
	$Q for c in $(filter %.c,$^); do $(CC) $(filter-out -fPIE,$(BASE)) $(CFLAGS_opt) -fPIC \
		-fvisibility=hidden -c -o $(@D)/$$(basename $$c .c).part.o $$c || exit 1; done
	$Q $(CC) -r -o $@ $(@D)/*.part.o && llvm-objcopy --localize-hidden $@
$B/liboutlay.a: $B/lib/liboutlay.o
	$Q rm -f $@ && $(AR) rcs $@ $<
$B/liboutlay.so: $B/lib/liboutlay.o
	$Q $(CC) -shared -Wl,-z,relro,-z,now,-soname,liboutlay.so.0 -pthread -o $@ $<

# --- BPF: object, without debug sections, skeleton
BPF_ARCH := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')
define bpf_object
$(call say,BPF,$@)
$Q mkdir -p $(@D)
$Q $(CC) -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -I. -Ibpf -I/usr/include/$(shell uname -m)-linux-gnu \
	-O2 -g -mcpu=v3 -Wall -Wextra -Werror -c -o $@.part $<
$Q llvm-strip -g $@.part && $(BPFTOOL) gen object $@ $@.part && rm $@.part
endef
$B/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h)
	$(bpf_object)
$B/tests/bpf/%.bpf.o: tests/bpf/%.bpf.c $(wildcard bpf/*.h)
	$(bpf_object)
$B/bpf/%.skel.h: $B/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$Q $(BPFTOOL) gen skeleton $< name $*_bpf > $@

$B/gen/%.sql.inc: src/ledger/%.sql
	$Q mkdir -p $(@D)
	$Q sed 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$$/\\n"/' $< > $@
$B/gen/version.h: Makefile
	$Q mkdir -p $(@D)
	$Q printf '#define OUTLAY_VERSION "%s"\n' $(VERSION) > $@

# --- price lists: from the catalogs in two PyPI packages, whose versions the script names
prices: $B/outlay
	$Q packaging/prices.py $B/outlay config/prices $B/prices

# --- two commands
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

deps:
	$Q packaging/deps.sh
deps-dev:
	$Q packaging/deps.sh dev
	$Q tests/setup.sh

# What is missing is installed before the rest of this file asks for it: hence a second make.
run: deps
	$Q $(MAKE) --no-print-directory all
	$Q mkdir -p $B/run
	$Q $(SUDO) $B/outlayd --config config --state $B/run --socket $B/run/policy.sock

test: deps-dev
	$Q $(MAKE) --no-print-directory check check-root

# --- tests. Programs of tests/unit and tests/fuzz are found, not listed.
# Those of the policy wait for time-outs most of their time: they begin first.
UNIT_BIN  := $(sort $(filter %/policy,$(UNITS:%.c=$B/asan/%))) $(filter-out %/policy,$(UNITS:%.c=$B/asan/%))
FUZZ_BIN  := $(FUZZERS:%.c=$B/fuzz/%)
COV_BIN   := $(UNITS:%.c=$B/cov/%) $(patsubst %.c,$B/cov/%,$(filter-out %.bpf.c,$(wildcard tests/bpf/*.c)))
BPF_BIN   := $(patsubst %.c,$B/opt/%,$(filter-out %.bpf.c,$(wildcard tests/bpf/*.c)))
E2E       := $(wildcard tests/e2e/test_*.py)
BENCH_BIN := $(BENCHES:%.c=$B/opt/%)
REPLAYS   := $(foreach f,$(FUZZ_BIN),"$f -runs=0 $(wildcard tests/fuzz/corpus/$(notdir $f))")
export ASAN_OPTIONS  := detect_leaks=1
export UBSAN_OPTIONS := print_stacktrace=1

check: all $(UNIT_BIN) $(FUZZ_BIN) $B/opt/tests/wire $B/asan/tests/model/budget
	$(call say,TEST,style unit fuzz-corpus)
	$Q tests/run.sh "tests/style/check.py" "tests/style/test_check.py" tests/cases.py "tests/model/budget.py $B/asan/tests/model/budget" $(UNIT_BIN) $(REPLAYS) tests/corpus.sh tests/wire.py tests/schema.sh tests/library.sh

# The probes and the whole line, on the real kernel.
check-root: all $(BPF_BIN) $B/tests/bpf/layout.bpf.o
	$(call say,TEST,bpf e2e)
	$Q $(SUDO) env JOBS=1 SECONDS_EACH=600 PYTHONDONTWRITEBYTECODE=1 tests/run.sh $(BPF_BIN) $(E2E)

coverage: $(COV_BIN) $B/tests/bpf/layout.bpf.o
	$Q tests/coverage.sh

FUZZ_SECONDS ?= 60
fuzz: $(FUZZ_BIN)
	$Q for f in $(FUZZ_BIN); do mkdir -p $B/corpus/$${f##*/}; \
		$$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 -print_final_stats=1 \
			$B/corpus/$${f##*/} tests/fuzz/corpus/$${f##*/} || exit 1; done

bench: all $(BENCH_BIN)
	$Q tests/bench/run.py

format:
	$Q clang-format -i $(wildcard src/*/*.[ch] bpf/*.[ch] tests/*/*.[ch] tests/unit/*/*.[ch])

# --- installing: where the defaults of outlayd look
install: all
	install -D -m 755 -t $(DESTDIR)/usr/sbin $B/outlayd
	install -D -m 755 -t $(DESTDIR)/usr/bin $B/outlay
	install -D -m 644 -t $(DESTDIR)/etc/outlay config/*.yaml
	install -D -m 644 -t $(DESTDIR)/etc/outlay/providers config/providers/*.yaml
	install -D -m 644 -t $(DESTDIR)/usr/share/outlay/templates config/templates/*.yaml
	install -D -m 644 -t $(DESTDIR)/etc/outlay/prices config/prices/*.json config/prices/LICENSE.*
	install -D -m 644 -t $(DESTDIR)/etc/outlay/prices/seed-2025 config/prices/seed-2025/*.json
	install -D -m 644 -t $(DESTDIR)/usr/share/outlay include/outlay/*.schema.json
	install -D -m 644 -t $(DESTDIR)/usr/lib/systemd/system packaging/systemd/*
	install -D -m 644 -t $(DESTDIR)/usr/include/outlay include/outlay/outlay.h include/outlay/peek.h
	install -D -m 644 -t $(DESTDIR)/usr/lib $B/liboutlay.a
	install -D -m 755 $B/liboutlay.so $(DESTDIR)/usr/lib/liboutlay.so.0
	ln -sf liboutlay.so.0 $(DESTDIR)/usr/lib/liboutlay.so
	install -D -m 644 -t $(DESTDIR)/usr/share/man/man3 packaging/man/liboutlay.3
	mkdir -p $(DESTDIR)/usr/lib/pkgconfig
	sed 's/@VERSION@/$(VERSION)/' packaging/outlay.pc.in > $(DESTDIR)/usr/lib/pkgconfig/outlay.pc

clean:
	rm -rf $B

-include $(shell find $B -name '*.d' 2>/dev/null)
