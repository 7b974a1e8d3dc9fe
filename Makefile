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
.PHONY: all run test check bench coverage fuzz format install clean deps deps-dev unit
all: $B/outlayd $B/outlay

# --- what is built from what
PKGS     := libbpf libevent libevent_pthreads libcyaml yaml-0.1 jansson rdkafka sqlite3 zlib libcrypto libelf libcurl
SRC      := $(wildcard src/*/*.c)
PROGRAMS := src/agent/main.c $(wildcard src/cli/*.c)
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
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
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
$B/$(1)/outlay: $(patsubst %.c,$B/$(1)/%.o,$(wildcard src/cli/*.c)) $B/$(1)/core.a
$B/$(1)/tests/%: $B/$(1)/tests/%.o $B/$(1)/core.a
	$$(call say,LD,$$@)
	$$Q $(CC) $(LDFLAGS_$(1)) -pthread -o $$@ $$^ $(PKG_LIBS) $(TEST_LIBS)
$B/$(1)/outlayd $B/$(1)/outlay:
	$$(call say,LD,$$@)
	$$Q $(CC) $(LDFLAGS_$(1)) -pthread -o $$@ $$^ $(PKG_LIBS)
endef
TEST_LIBS := -lcmocka -lhttp_parser -lssl
$(foreach v,opt asan cov fuzz,$(eval $(call variant,$v)))
$B/fuzz/tests/fuzz/%: TEST_LIBS := -ljansson -lhttp_parser

$B/outlayd $B/outlay: $B/%: $B/opt/%
	$Q cp $< $@

# --- BPF: object, without debug sections, skeleton
BPF_ARCH := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')
define bpf_object
$(call say,BPF,$@)
$Q mkdir -p $(@D)
$Q $(CC) -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -I. -Ibpf -I/usr/include/$(shell uname -m)-linux-gnu \
	-O2 -g -mcpu=v3 -Wall -Wextra -Werror -c -o $@ $<
$Q llvm-strip -g $@
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

-include $(shell find $B -name '*.d' 2>/dev/null)
