# SPDX-License-Identifier: GPL-2.0-or-later
# Targets: all debug check unit vectors fuzz fuzz-replay asan ubsan tsan sim netns interop bench lint
# format check-layers check-pure check-headers analyze demo deps install uninstall clean
# Variables: BUILD=dir CC=gcc|clang V=1 PREFIX DESTDIR SAN=address,undefined|thread WERROR=1 RUNS=n

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

# One library, one package: `make deps` names what is missing.
PKGS := libsodium:libsodium-dev libcurl:libcurl4-openssl-dev openssl:libssl-dev jansson:libjansson-dev \
        libcares:libcares-dev libnl-3.0:libnl-3-dev libnl-route-3.0:libnl-route-3-dev libmnl:libmnl-dev \
        libnftnl:libnftnl-dev libuv:libuv1-dev libnghttp2:libnghttp2-dev libzstd:libzstd-dev \
        libmicrohttpd:libmicrohttpd-dev libb2:libb2-dev
PKGS := $(subst libcares-dev,libc-ares-dev,$(PKGS))
PKG_NAMES := $(foreach p,$(PKGS),$(firstword $(subst :, ,$(p))))
ifeq ($(filter clean format lint check-layers uninstall,$(MAKECMDGOALS)),)
PKG_MISSING := $(shell command -v pkg-config >/dev/null 2>&1 || echo pkg-config; \
	for p in $(PKGS); do pkg-config --exists $${p%%:*} 2>/dev/null || echo $${p\#\#*:}; done)
ifneq ($(strip $(PKG_MISSING)),)
$(error missing: $(strip $(PKG_MISSING)); type: apt-get install $(strip $(PKG_MISSING)))
endif
PKG_CFLAGS := $(shell pkg-config --cflags $(PKG_NAMES))
PKG_LIBS   := $(shell pkg-config --libs $(PKG_NAMES))
endif
LIBS = $(PKG_LIBS) -lpthread
TEST_LIBS = -lcmocka $(LIBS)

# ---- rooms ---------------------------------------------------------------------------
# One archive a room; a program or test takes from it just the objects it names.
ROOMS := base wg magicsock netstack dns control state dataplane engine localapi coordinator cli
DIR_base := base base/crypto
DIR_wg := wg
DIR_magicsock := magicsock
DIR_netstack := netstack
DIR_dns := dns
DIR_control := daemon/control
DIR_state := daemon/state
DIR_dataplane := daemon/dataplane
DIR_engine := daemon/engine
DIR_localapi := daemon/localapi
DIR_coordinator := daemon/coordinator
DIR_cli := cli
# Which rooms a room's tests may link besides itself and base
NEED_control := magicsock netstack dns
NEED_state :=
NEED_dataplane := wg netstack
NEED_engine := state control dataplane wg magicsock netstack dns
NEED_localapi := engine $(NEED_engine)
NEED_coordinator := control magicsock netstack dns
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

DAEMON_ROOMS := localapi engine control state dataplane wg magicsock netstack dns base
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
vectors: $(VECTOR_BINS)
	$(Q)sh tests/run.sh $^
fuzz-replay: $(REPLAY_BINS)
	$(Q)sh tests/run.sh $^
fuzz-bins: $(FUZZ_BINS)

-include $(shell test -d $(BUILD) && find $(BUILD) -name '*.d')
.PHONY: all debug unit vectors fuzz-replay fuzz-bins
.SECONDARY:
