# What a developer runs. `make check` is what CI runs.
GO ?= go
LINT = $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZTIME ?= 30s
KILLS ?= 250
STATES ?= 100000
SHUTDOWNS ?= 1000
OPS ?= 1000000
WORLDS ?= 100000
ROUNDS ?= 10
DISK ?= .

.PHONY: build test check lint fmt torture selftest gremlins fuzz bench bench-results bench-own notices golden

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

torture: ## the long drills: kill -9 in every phase, every bit, every cut, crash states, power cuts, histories, schedules
	HOLDFAST_KILLS=$(KILLS) HOLDFAST_EXHAUSTIVE=1 GOGC=400 $(GO) test -timeout 6h -count=1 -v -run 'Kill|Damage|Bit|Cut|Bus' . ./internal/drills/... ./journal/... ./snapshotter ./bus/... ./cmd/...
	HOLDFAST_OPS=$(OPS) $(GO) test -timeout 3h -count=1 -v -run 'TestWorlds' ./position
	HOLDFAST_WORLDS=$(WORLDS) $(GO) test -timeout 3h -count=1 -v -run 'TestSumsAreTheCash' ./position
	HOLDFAST_REHEARSALS=$(WORLDS) $(GO) test -timeout 3h -count=1 -v -run 'TestRehearsalAnswersAsTheLedger' ./internal/drills/histories
	HOLDFAST_HISTORIES=1000 HOLDFAST_SCHEDULES=100 $(GO) test -timeout 3h -count=1 -v -run 'TestLinearizable$$|TestSameUnderEverySchedule' ./internal/drills/histories
	HOLDFAST_STATES=$(STATES) HOLDFAST_FAULTS=1 HOLDFAST_SHUTDOWNS=$(SHUTDOWNS) $(GO) test -timeout 6h -count=1 -v ./internal/torture

selftest: ## plant every bug of internal/planted and see which test notices
	HOLDFAST_PLANTED=1 $(GO) test -count=1 -v -timeout 2h -parallel 2 ./internal/planted

gremlins: ## mutation testing of what decides about recovery; takes an hour or two
	@set -e; for p in ./internal/durable ./snapshotter ./journal/internal/segment ./journal/repair ./journal; do \
	  GOFLAGS='-count=1 -short' $(GO) run github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0 \
	    unleash $$p --workers 2 --timeout-coefficient 10 --invert-logical --invert-loopctrl; \
	done

fuzz: ## every fuzz target for FUZZTIME
	@set -e; for p in $$($(GO) list ./...); do \
	  for t in $$($(GO) test -list '^Fuzz' $$p | grep ^Fuzz || true); do \
	    echo "== $$p $$t"; $(GO) test -run '^$$' -fuzz "^$$t$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x $$p; \
	  done; done

bench: ## the whole ledger beside a raw append+fdatasync loop, beside other stores, then the packages
	$(GO) run ./cmd/holdfast bench
	cd bench && $(GO) run . -rounds 5 -length 500ms
	$(GO) test -run '^$$' -bench . -benchtime 0.5s ./...

bench-results: build ## bench/RESULTS.md: beside other stores and bench --all, on 2 cores and on all of a larger machine
	cd bench && $(GO) run . -cpus 2 -rounds $(ROUNDS) -dir $(DISK) -holdfast ../holdfast -results RESULTS.md -json results-2.json
	cd bench && { [ $$(nproc) -le 2 ] || $(GO) run . -rounds $(ROUNDS) -dir $(DISK) -holdfast ../holdfast -results RESULTS.md -json results-$$(nproc).json; }

bench-own: ## the benchmarks that the other stores bring themselves
	bench/own.sh $(DISK)

notices: ## the licences of what the binary is linked from
	$(GO) run ./internal/notices > cmd/holdfast/notices.tmp && mv cmd/holdfast/notices.tmp cmd/holdfast/THIRD_PARTY_NOTICES

golden: ## rewrite what is generated; format golden files are never rewritten
	$(GO) run ./internal/market -seed 1 -out testdata
