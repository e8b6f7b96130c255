# What a developer runs. `make check` is what CI runs.
GO ?= go
LINT = $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZTIME ?= 30s
KILLS ?= 250
OPS ?= 1000000

.PHONY: build test check lint fmt torture fuzz bench golden

build: ## the one binary, ./holdfast
	$(GO) build -trimpath -o holdfast ./cmd/holdfast

test:
	$(GO) test ./...

check:
	bash .ci/run

lint:
	$(LINT) run ./...

fmt:
	$(LINT) fmt ./...

torture: ## the long drills: kill -9 in every phase, every bit, every cut, a million random mutations
	HOLDFAST_KILLS=$(KILLS) HOLDFAST_EXHAUSTIVE=1 $(GO) test -timeout 3h -count=1 -v -run 'Kill|Damage|Bit|Cut|Bus' . ./journal ./snapshotter ./bus/... ./cmd/...
	HOLDFAST_OPS=$(OPS) $(GO) test -timeout 3h -count=1 -v -run 'TestWorlds' ./position

fuzz: ## every fuzz target for FUZZTIME
	@set -e; for p in $$($(GO) list ./...); do \
	  for t in $$($(GO) test -list '^Fuzz' $$p | grep ^Fuzz || true); do \
	    echo "== $$p $$t"; $(GO) test -run '^$$' -fuzz "^$$t$$" -fuzztime $(FUZZTIME) $$p; \
	  done; done

bench: ## the whole ledger beside a raw append+fdatasync loop, then the packages
	$(GO) run ./cmd/holdfast bench
	$(GO) test -run '^$$' -bench . -benchtime 0.5s ./...

golden: ## rewrite what is generated; format golden files are never rewritten
	$(GO) run ./testdata/market -seed 1 -out testdata
