# Everything here needs Go, git and make, and nothing else.

GO          ?= go
# Go's own: it need not be in PATH where go is.
GOFMT       ?= $(shell $(GO) env GOROOT)/bin/gofmt
PREFIX      ?= $(HOME)/.local
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS     := -s -w -X main.version=$(VERSION)
BIN         := bin/git-evoseal-rollback

.PHONY: all
all: build

# Without C the program is one file that runs anywhere, and starts faster.
## build: the program, in bin/
.PHONY: build
build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/git-evoseal-rollback

## install: program and man page below PREFIX (default ~/.local)
.PHONY: install
install: build
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/share/man/man1'
	install -m 755 $(BIN) '$(DESTDIR)$(PREFIX)/bin/'
	install -m 644 docs/git-evoseal-rollback.1 '$(DESTDIR)$(PREFIX)/share/man/man1/'

.PHONY: uninstall
uninstall:
	rm -f '$(DESTDIR)$(PREFIX)/bin/git-evoseal-rollback' '$(DESTDIR)$(PREFIX)/share/man/man1/git-evoseal-rollback.1'

## test: everything that a change must pass
.PHONY: test
test: vet staticcheck build cross race

.PHONY: vet
vet:
	@wrong="$$('$(GOFMT)' -l cmd gitstore hooks manager safety)" && test -z "$$wrong" || { echo "$$wrong"; echo 'run gofmt -w on these'; exit 1; }
	$(GO) vet ./...

.PHONY: staticcheck
staticcheck:
	$(GO) run $(STATICCHECK) ./...

# The other system that is supported, as far as a compiler can tell.
.PHONY: cross
cross:
	GOOS=darwin GOARCH=arm64 $(GO) vet ./...

# The race detector is the one thing that takes a C compiler.
RACE := $(if $(filter 1,$(shell $(GO) env CGO_ENABLED)),-race)

# It sleeps for a second at the end of each process unless it is told not to, and the
# tests start thousands.
race: export GORACE ?= atexit_sleep_ms=0

.PHONY: race
race:
	$(if $(RACE),,@echo 'there is no C compiler, so the tests run without the race detector')
	$(GO) test $(RACE) -timeout 20m ./...

## demo: a real project recorded, damaged and rolled back, with the proof
.PHONY: demo
demo: build
	@PATH="$(CURDIR)/bin:$$PATH" sh docs/demo.sh

## bench: our figures beside those of git, restic and others, into docs/benchmarks.md; BENCHFLAGS='-only ^source/ -scale 0.1' only prints
BENCHFLAGS ?=
.PHONY: bench
bench: build
	$(GO) run ./cmd/git-evoseal-rollback/bench -binary $(BIN) $(or $(BENCHFLAGS),-out docs/benchmarks.md)

## bench-peers: the programs that bench compares with, from Debian's packages
.PHONY: bench-peers
bench-peers:
	@sudo=; test "$$(id -u)" = 0 || sudo=sudo; $$sudo apt-get update -q; \
	for peer in restic bup rsync; do \
		$$sudo apt-get install -q -y --no-install-recommends $$peer || echo "$$peer is not to be had; bench leaves its rows out"; \
	done

## bench-history: reading and summing up a history of 10,000 records
.PHONY: bench-history
bench-history:
	TMPDIR=/dev/shm $(GO) test -run '^$$' -bench 'History|Stats' -benchtime 10x ./manager

## fuzz: every decoder's fuzz target for FUZZTIME each
FUZZTIME ?= 30s
.PHONY: fuzz
fuzz:
	@for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

## soak-live: random commands in random projects for SOAKTIME, of which none may change the project
SOAKTIME ?= 10m
.PHONY: soak-live
soak-live:
	EVOSEAL_SOAK_TIME=$(SOAKTIME) $(GO) test -run '^TestLive' -count 1 -timeout 0 -v ./cmd/git-evoseal-rollback

## soak-hostile: an enemy's store and directory, the swaps for SWAPTIME each, with escapes counted
SWAPTIME ?= 1m
.PHONY: soak-hostile
soak-hostile:
	EVOSEAL_SOAK_TIME=$(SWAPTIME) $(GO) test -run '^Test(Hostile|Odd|Links|Size|Tree|Deep|Big|Swapped)' -count 1 -timeout 0 -v ./cmd/git-evoseal-rollback ./gitstore/internal/odb

## crash: each command killed, killed again while that is mended, failing and without power, at every CRASHth call, or at all of them
CRASH ?= all
.PHONY: crash
crash:
	EVOSEAL_CRASH=$(CRASH) $(GO) test -count=1 -timeout 24h -v -run TestEachCommand ./cmd/git-evoseal-rollback/crash

## full-disk: each command with FULLDISK bytes, or one file, more room at a time, on a small tmpfs and a small ext4 (as root, who may mount them)
FULLDISK ?= 16384
.PHONY: full-disk
full-disk:
	EVOSEAL_FULLDISK=$(FULLDISK) $(GO) test -count=1 -timeout 24h -v -run TestFullDisk ./cmd/git-evoseal-rollback/crash

## soak-leaks: LEAKS things asked of one process, of which many fail, and what it holds afterwards
LEAKS ?= 10000
.PHONY: soak-leaks
soak-leaks:
	EVOSEAL_LEAKS=$(LEAKS) $(GO) test -count=1 -timeout 0 -v -run '^TestNothingPilesUp$$' ./manager

## soak: random commands on 10,000 files, killed at random for SOAK, and what git says of the rest
SOAK ?= 10m
.PHONY: soak
soak:
	EVOSEAL_SOAK=$(SOAK) $(GO) test -count=1 -timeout 0 -v -run TestKillSoak ./cmd/git-evoseal-rollback/crash

## soak-races: 32 processes at once on one store for RACES, beside plain git and a user, and whether all that they were told is so
RACES ?= 5m
.PHONY: soak-races
soak-races:
	EVOSEAL_RACES=$(RACES) $(GO) test -count=1 -timeout 0 -v -run '^TestRaces$$' ./cmd/git-evoseal-rollback/crash

## beside: plain git, and our own program in a container, before every CRASHth call of each command
.PHONY: beside
beside:
	EVOSEAL_CRASH=$(CRASH) $(GO) test -count=1 -timeout 24h -v -run '^(TestPlainGitBesideEachCall|TestTheLivingOutsideAreLeftAlone)$$' ./cmd/git-evoseal-rollback/crash

## soak-flips: FLIPS damages of a store, one at a time, and what becomes of each
FLIPS ?= 5000
SEED  ?= 1
.PHONY: soak-flips
soak-flips:
	EVOSEAL_FLIPS=$(FLIPS) EVOSEAL_FLIPS_SEED=$(SEED) $(GO) test -count=1 -timeout 24h -v -run '^TestFlips$$' ./cmd/git-evoseal-rollback

## man: the manual page, from the program's own help
.PHONY: man
man:
	$(GO) run ./cmd/git-evoseal-rollback man > docs/git-evoseal-rollback.1

.PHONY: clean
clean:
	rm -rf bin

.PHONY: help
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)
