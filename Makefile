# SPDX-License-Identifier: GPL-2.0-or-later
# Targets: all debug check unit vectors fuzz fuzz-replay asan ubsan tsan sim netns interop bench bench-aead bench-dns lint
# format check-layers check-pure check-headers analyze demo deps install uninstall clean
# Variables: BUILD=dir CC=gcc|clang V=1 PREFIX DESTDIR SAN=address,undefined|thread WERROR=1 RUNS=n BENCH_NO_CRYPTO=1

BUILD   ?= build
PREFIX  ?= /usr/local
CC      ?= cc
VERSION := 0.1.0
Q       := $(if $(V),,@)
say      = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)';)

MESH_VECTORS ?= ../shared/vectors
export MESH_VECTORS

# ---- flags ---------------------------------------------------------------------------
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wformat=2 \
        -Wvla -Wundef -Wwrite-strings $(if $(WERROR),-Werror)
HARD := -fno-strict-aliasing -fstack-protector-strong -fstack-clash-protection -fPIE \
        $(if $(SAN),,-D_FORTIFY_SOURCE=2)
OPT  ?= -O2
CFLAGS  ?= $(OPT) -g
ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -I. $(WARN) $(HARD) -DMESH_VERSION='"$(VERSION)"' \
             $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed -Wl,--gc-sections \
              $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS)
ALL_CFLAGS += -ffunction-sections -fdata-sections
# For the ceiling of the benchmarks only: adds --aead=none, which protects nothing.
ifdef BENCH_NO_CRYPTO
ALL_CFLAGS += -DMESH_BENCH_NO_CRYPTO
endif

# One library, one package: `make deps` names what is missing.
PKGS := libsodium:libsodium-dev libcurl:libcurl4-openssl-dev openssl:libssl-dev jansson:libjansson-dev \
        libcares:libcares-dev libnl-3.0:libnl-3-dev libnl-route-3.0:libnl-route-3-dev libmnl:libmnl-dev \
        libnftnl:libnftnl-dev libuv:libuv1-dev libnghttp2:libnghttp2-dev libzstd:libzstd-dev \
        libmicrohttpd:libmicrohttpd-dev libb2:libb2-dev
PKGS := $(subst libcares-dev,libc-ares-dev,$(PKGS))
PKG_NAMES := $(foreach p,$(PKGS),$(firstword $(subst :, ,$(p))))
ifneq ($(filter-out clean format lint check-layers uninstall deps demo,$(or $(MAKECMDGOALS),all)),)
PKG_MISSING := $(shell command -v pkg-config >/dev/null 2>&1 || echo pkg-config; \
	for p in $(PKGS); do pkg-config --exists $${p%%:*} 2>/dev/null || echo $$p | cut -d: -f2; done)
ifneq ($(strip $(PKG_MISSING)),)
$(error missing: $(strip $(PKG_MISSING)); type: apt-get install $(strip $(PKG_MISSING)))
endif
PKG_CFLAGS := $(shell pkg-config --cflags $(PKG_NAMES))
PKG_LIBS   := $(shell pkg-config --libs $(PKG_NAMES))
endif
LIBS = $(PKG_LIBS) -lpthread -lm
TEST_LIBS = -lcmocka $(LIBS)

# ---- rooms ---------------------------------------------------------------------------
# One archive a room; a program or test takes from it just the objects it names.
ROOMS := base wg magicsock netstack dns control state dataplane peerapi engine localapi coordinator cli daemon
DIR_base := base base/crypto
DIR_wg := wg
DIR_magicsock := magicsock
DIR_netstack := netstack
DIR_dns := dns
DIR_control := daemon/control
DIR_state := daemon/state
DIR_dataplane := daemon/dataplane
DIR_peerapi := daemon/peerapi
DIR_engine := daemon/engine
DIR_localapi := daemon/localapi
DIR_coordinator := daemon/coordinator
DIR_cli := cli
DIR_daemon := daemon
# Which rooms a room's tests may link besides itself and base
NEED_control := state magicsock netstack dns
NEED_state :=
NEED_dataplane := wg magicsock netstack dns
NEED_engine := state control dataplane peerapi wg magicsock netstack dns daemon
NEED_peerapi :=
NEED_localapi := dns
NEED_coordinator := control state magicsock netstack dns
NEED_daemon := netstack dns
MAINS := daemon/main.c cli/main.c daemon/coordinator/main.c

srcs = $(filter-out $(MAINS),$(foreach d,$(DIR_$(1)),$(wildcard $(d)/*.c)))
objs = $(patsubst %.c,$(BUILD)/%.o,$(call srcs,$(1)))
lib  = $(BUILD)/lib$(1).a
with = $(foreach r,$(1) $(NEED_$(1)) $(if $(filter base,$(1)),,base),$(call lib,$(r)))

PROGS := $(BUILD)/meshd $(BUILD)/meshctl $(BUILD)/meshcoord
all: $(PROGS)
debug: OPT := -O0
debug: all

define room_rule
$(call lib,$(1)): $(call objs,$(1))
	$(call say,AR,$$@)rm -f $$@ && $(AR) rcs $$@ $$^
room-$(1): $(call lib,$(1))
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$(r))))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(ALL_CFLAGS) $(PKG_CFLAGS) -MMD -MP -c $< -o $@

link = $(call say,LD,$@)$(CC) $(ALL_LDFLAGS) -o $@ $(1) -Wl,--start-group $(2) -Wl,--end-group $(3)

DAEMON_ROOMS := localapi engine peerapi control state dataplane wg magicsock netstack dns base
DAEMON_SRCS := $(wildcard daemon/*.c)
$(BUILD)/meshd: $(patsubst %.c,$(BUILD)/%.o,$(DAEMON_SRCS)) $(foreach r,$(DAEMON_ROOMS),$(call lib,$(r)))
	$(call link,$(filter %.o,$^),$(filter %.a,$^),$(LIBS))
$(BUILD)/meshctl: $(BUILD)/cli/main.o $(call lib,cli) $(call lib,base)
	$(call link,$(filter %.o,$^),$(filter %.a,$^),$(LIBS))
COORD_ROOMS := coordinator control magicsock netstack dns base
$(BUILD)/meshcoord: $(BUILD)/daemon/coordinator/main.o $(foreach r,$(COORD_ROOMS),$(call lib,$(r)))
	$(call link,$(filter %.o,$^),$(filter %.a,$^),$(LIBS))

# ---- tests: tests/{unit,vectors,fuzz}/<room>/*.c -----------------------------------------
# tests/lib/*.c is linked into each test. A unit test is a cmocka program; a vectors test reads
# $(MESH_VECTORS) and says so loudly when it is absent; a fuzz target defines LLVMFuzzerTestOneInput.
TESTLIB := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/lib/*.c))
bins = $(patsubst %.c,$(BUILD)/%,$(wildcard tests/$(1)/$(2)/*.c))
UNIT_BINS    := $(foreach r,$(ROOMS),$(call bins,unit,$(r)))
VECTOR_BINS  := $(foreach r,$(ROOMS),$(call bins,vectors,$(r)))
FUZZ_SRCS    := $(foreach r,$(ROOMS),$(wildcard tests/fuzz/$(r)/*.c))
REPLAY_BINS  := $(patsubst %.c,$(BUILD)/%-replay,$(FUZZ_SRCS))
FUZZ_BINS    := $(patsubst %.c,$(BUILD)/%,$(FUZZ_SRCS))

define test_rule
$(call bins,unit,$(1)) $(call bins,vectors,$(1)): $(BUILD)/%: $(BUILD)/%.o $(TESTLIB) $(call with,$(1))
	$$(call link,$$(filter %.o,$$^),$$(filter %.a,$$^),$(TEST_LIBS))
$(patsubst %.c,$(BUILD)/%-replay,$(wildcard tests/fuzz/$(1)/*.c)): $(BUILD)/%-replay: $(BUILD)/%.o $(BUILD)/tests/fuzz/replay.o $(TESTLIB) $(call with,$(1))
	$$(call link,$$(filter %.o,$$^),$$(filter %.a,$$^),$(TEST_LIBS))
$(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/$(1)/*.c)): $(BUILD)/%: $(BUILD)/%.o $(TESTLIB) $(call with,$(1))
	$$(call link,-fsanitize=fuzzer $$(filter %.o,$$^),$$(filter %.a,$$^),$(TEST_LIBS))
test-$(1): $(call bins,unit,$(1)) $(call bins,vectors,$(1)) $(patsubst %.c,$(BUILD)/%-replay,$(wildcard tests/fuzz/$(1)/*.c))
	$$(Q)sh tests/run.sh $$^
endef
$(foreach r,$(ROOMS),$(eval $(call test_rule,$(r))))

unit: $(UNIT_BINS)
	$(Q)sh tests/run.sh $^
# The rooms that start threads or hand work to them; the others never leave theirs.
unit-threads: $(foreach r,base state control dataplane engine localapi,$(call bins,unit,$(r)))
	$(Q)sh tests/run.sh $^
vectors: $(VECTOR_BINS)
	$(Q)sh tests/run.sh $^
fuzz-replay: $(REPLAY_BINS)
	$(Q)sh tests/run.sh $^
fuzz-bins: $(FUZZ_BINS)

# The tests that need root and network namespaces, one script each; they print "skipped" otherwise.
PROGRAM_TESTS = MESHD=$(abspath $(BUILD))/meshd MESHCTL=$(abspath $(BUILD))/meshctl \
                MESHCOORD=$(abspath $(BUILD))/meshcoord BUILD=$(abspath $(BUILD))
HOSTILE := $(BUILD)/tests/fault/hostile
$(HOSTILE): $(HOSTILE).o $(HOSTILE)_tls.o $(call with,control)
	$(call link,$(filter %.o,$^),$(filter %.a,$^),$(LIBS))
SANDBOXED := $(BUILD)/tests/fault/sandboxed
$(SANDBOXED): $(SANDBOXED).o $(patsubst %.c,$(BUILD)/%.o,$(wildcard daemon/sandbox*.c)) $(call lib,base)
	$(call link,$(filter %.o,$^),$(filter %.a,$^),$(LIBS))
CLOCK_SHIFT := $(BUILD)/tests/fault/clock_shift.so
$(CLOCK_SHIFT): tests/fault/clock_shift.c
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -shared -fPIC $(WARN) -D_GNU_SOURCE -O1 -o $@ $<
BENCH_TOOLS := $(addprefix $(BUILD)/tests/bench/,udp_blast hs_load hs_rate)
$(BENCH_TOOLS): $(BUILD)/%: $(BUILD)/%.o $(call with,wg)
	$(call link,$(filter %.o,$^),$(filter %.a,$^),$(LIBS))
$(BUILD)/tests/bench/hs_load: $(BUILD)/tests/load/flood_messages.o
FLOOD := $(BUILD)/tests/load/flood
$(FLOOD): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/load/flood*.c)) $(call with,wg)
	$(call link,$(filter %.o,$^),$(filter %.a,$^),$(LIBS))
STREAM := $(BUILD)/tests/load/stream
$(STREAM): $(STREAM).o
	$(call link,$^,,-lcrypto)
DNS_LOCAL_BENCH := $(BUILD)/tests/bench/dns_local
$(DNS_LOCAL_BENCH): $(DNS_LOCAL_BENCH).o $(call with,dns)
	$(call link,$(filter %.o,$^),$(filter %.a,$^),$(LIBS))
DNS_LOAD := $(addprefix $(BUILD)/tests/load/,dns_load dns_answer)
$(DNS_LOAD): $(BUILD)/%: $(BUILD)/%.o
	$(call link,$^,,)
TEST_PROGRAMS := $(DNS_LOCAL_BENCH) $(DNS_LOAD) $(HOSTILE) $(SANDBOXED) $(CLOCK_SHIFT) $(BENCH_TOOLS) $(FLOOD) $(STREAM)
test-programs: $(TEST_PROGRAMS)
netns: all $(TEST_PROGRAMS)
	$(Q)$(PROGRAM_TESTS) TEST_TIMEOUT=600 sh tests/run.sh $(sort $(wildcard tests/netns/t_*.sh tests/fault/t_*.sh tests/bench/t_*.sh))
stranger: all $(BUILD)/tests/stranger/wg_harness
	$(Q)$(PROGRAM_TESTS) sh tests/run.sh $(sort $(wildcard tests/stranger/*.sh))
interop: all $(STREAM)
	$(Q)$(PROGRAM_TESTS) TEST_TIMEOUT=600 sh tests/run.sh $(sort $(wildcard tests/interop/t_*.sh))
SIM_BINS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/sim/run_*.c))
SIM_LIB  := $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(wildcard tests/sim/run_*.c),$(wildcard tests/sim/*.c)))
$(SIM_BINS): $(BUILD)/%: $(BUILD)/%.o $(SIM_LIB) $(TESTLIB) $(call with,engine)
	$(call link,$(filter %.o,$^),$(filter %.a,$^),$(TEST_LIBS))
sim: $(SIM_BINS)
	$(Q)for s in $^; do $$s $(SEEDS) || exit 1; done
$(BUILD)/tests/stranger/wg_harness: $(BUILD)/tests/stranger/wg_harness.o $(call with,wg)
	$(call link,$(filter %.o,$^),$(filter %.a,$^),$(LIBS))
AEAD_TABLE := $(BUILD)/tests/bench/aead_table
$(AEAD_TABLE): $(AEAD_TABLE).o $(call lib,base)
	$(call link,$(filter %.o,$^),$(filter %.a,$^),$(LIBS))
# ROUNDS=n (7): how often each figure is taken
bench-aead: $(AEAD_TABLE)
	$(Q)$(AEAD_TABLE) $(ROUNDS)
# Names: beside dnsmasq and unbound, where they are.
bench-dns: all $(DNS_LOCAL_BENCH) $(DNS_LOAD)
	$(Q)$(PROGRAM_TESTS) sh tests/bench/dns.sh
# With a second daemon that does not encrypt: the ceiling of our own path.
bench: all $(BENCH_TOOLS) $(FLOOD) $(AEAD_TABLE)
	$(Q)$(MAKE) --no-print-directory BENCH_NO_CRYPTO=1 BUILD=$(BUILD)-nocrypto $(BUILD)-nocrypto/meshd
	$(Q)$(PROGRAM_TESTS) BENCH_CEILING=$(abspath $(BUILD)-nocrypto)/meshd sh tests/bench/bench.sh

# ---- sanitizers: their own build folders -------------------------------------------------
asan:
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)-asan SAN=address,undefined OPT=-O1 unit vectors fuzz-replay
ubsan: asan
tsan:
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)-tsan SAN=thread OPT=-O1 unit-threads
RUNS ?= 1000000
fuzz:
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)-fuzz CC=clang SAN=address,undefined \
		CPPFLAGS=-fsanitize=fuzzer-no-link fuzz-bins
	$(Q)sh tests/fuzz/run.sh $(BUILD)-fuzz $(RUNS)

# ---- rules of the house: each prints nothing when kept -----------------------------------
check-layers:
	$(Q)sh tests/lib/check_layers.sh
check-pure: $(foreach r,base wg magicsock netstack dns control state engine dataplane,$(call objs,$(r)))
	$(Q)sh tests/lib/check_pure.sh $(BUILD)
check-headers:
	$(Q)for h in $$(git ls-files '*.h' | grep -v '^tests/'); do \
		$(CC) $(ALL_CFLAGS) $(PKG_CFLAGS) -fsyntax-only -x c -include $$h /dev/null || echo "$$h does not compile alone"; done
lint:
	$(Q)sh tests/lib/lint.sh
format:
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i
analyze:
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)-analyze CC=gcc CPPFLAGS=-fanalyzer all

# Everything CI runs. tests/check.sh installs what is missing first and calls this.
check:
	$(Q)sh tests/lib/check_all.sh

demo:
	$(Q)sh tests/demo.sh
deps:
	$(Q)sh tests/lib/deps.sh

# ---- install ---------------------------------------------------------------------------------
install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man8 \
		$(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/sysusers.d $(DESTDIR)/etc/default
	install -m 0755 -s $(BUILD)/meshd $(DESTDIR)$(PREFIX)/sbin/meshd
	install -m 0755 -s $(BUILD)/meshcoord $(DESTDIR)$(PREFIX)/sbin/meshcoord
	install -m 0755 -s $(BUILD)/meshctl $(DESTDIR)$(PREFIX)/bin/meshctl
	install -m 0644 man/meshd.8 man/meshctl.8 man/meshcoord.8 $(DESTDIR)$(PREFIX)/share/man/man8
	sed 's|@PREFIX@|$(PREFIX)|g' systemd/meshd.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/meshd.service
	install -m 0644 systemd/meshd.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/meshd.conf
	test -e $(DESTDIR)/etc/default/meshd || install -m 0644 systemd/meshd.default $(DESTDIR)/etc/default/meshd
uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/,sbin/meshd sbin/meshcoord bin/meshctl lib/systemd/system/meshd.service \
		lib/sysusers.d/meshd.conf share/man/man8/meshd.8 share/man/man8/meshctl.8 share/man/man8/meshcoord.8)
clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-fuzz $(BUILD)-clang $(BUILD)-analyze $(BUILD)-nocrypto

-include $(shell test -d $(BUILD) && find $(BUILD) -name '*.d')
.PHONY: all debug unit unit-threads vectors fuzz-replay fuzz-bins test-programs netns stranger interop sim bench bench-aead bench-dns asan ubsan tsan fuzz \
	check-layers check-pure check-headers lint format analyze check demo deps install uninstall clean
.SECONDARY:
