SHELL := bash
.SHELLFLAGS := -euo pipefail -c

FUZZTIME ?= 10s
min_coverage := 92.0

modules := $(sort $(patsubst %/go.mod,%,$(shell find . -name go.mod)))
# bench compares with other SDKs on Linux and macOS alone.
portable := $(filter-out ./bench,$(modules))
platforms := windows/amd64 darwin/arm64 linux/386 linux/arm
lint := tool -modfile=$(CURDIR)/tools/go.mod golangci-lint

# Nothing here needs the version stamp, and git refuses it in a checkout that another user owns.
export GOFLAGS := $(strip $(shell go env GOFLAGS) -buildvcs=false)

# All that must pass before a change goes in. It installs nothing: .ci/run does, and calls it.
checks := build gofmt vet vet-platforms tidy-diff api-diff lint test test-386 contract cover examples fuzz

.PHONY: check
check:
	@for c in $(checks); do printf '\n== make %s\n' $$c; $(MAKE) --no-print-directory $$c; done
	@printf '\nAll passed.\n'

.PHONY: build
build:
	@for m in $(modules); do go -C $$m build -o /dev/null ./...; done
	go $(lint) version

.PHONY: gofmt
gofmt:
	@files=$$(gofmt -l .); [[ -z $$files ]] || { echo "not formatted: $$files"; exit 1; }

.PHONY: vet
vet:
	@for m in $(modules); do go -C $$m vet ./...; done

# The platforms that the gate does not run on. int has 32 bits on two of them.
.PHONY: vet-platforms
vet-platforms:
	@for p in $(platforms); do for m in $(portable); do \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} go -C $$m vet ./... || { echo "vet fails on $$p in $$m"; exit 1; }; \
	done; done

.PHONY: tidy
tidy:
	@for m in $(modules); do go -C $$m mod tidy; done

.PHONY: tidy-diff
tidy-diff:
	@for m in $(modules); do go -C $$m mod tidy -diff; done

.PHONY: lint
lint:
	@for m in $(modules); do go -C $$m $(lint) run ./...; done

# contract has a target of its own.
.PHONY: test
test:
	@for m in $(filter-out ./contract,$(modules)); do go -C $$m test -race -shuffle=on ./...; done

.PHONY: test-386
test-386:
	CGO_ENABLED=0 GOARCH=386 go test -p 1 -short ./...

# What programs that import the module can use.
api_packages = $(shell go list -f '{{if and .GoFiles (ne .Name "main")}}{{.ImportPath}}{{end}}' ./... | grep -Ev '/(internal|examples)/')

.PHONY: api
api:
	go -C tools run ./api -C .. $(api_packages) > api.txt

.PHONY: api-diff
api-diff:
	@mkdir -p bin
	@go -C tools run ./api -C .. $(api_packages) > bin/api.txt
	@diff -u api.txt bin/api.txt || { echo 'The exported API differs from api.txt: run "make api", and commit what it writes.'; exit 1; }

# The SDK and oktatest against Okta's OpenAPI document, where that is there.
.PHONY: contract
contract:
	go -C contract test -race -shuffle=on ./...

# Asks a real org, that of the OKTA_CLIENT_ variables, what Okta does not document. contract/README.md says more.
.PHONY: live
live:
	@go -C contract run ./live

.PHONY: soak
soak:
	OKTA_SOAK=5m go test -race -count=1 -timeout 10m -v -run '^TestLoad$$' ./faults

.PHONY: cover
cover:
	@mkdir -p bin
	go test -coverpkg=.,./org,./internal/... -coverprofile=bin/cover.out . ./org ./internal/... ./oktatest/...
	@go tool cover -func=bin/cover.out | awk '/^total:/ \
		{ print "coverage: " $$3 " of statements, at least $(min_coverage)% wanted"; exit $$3 + 0 < $(min_coverage) }'

.PHONY: quickstart
quickstart:
	go run ./examples/quickstart

# With a home of their own: the caller's may have a configuration of a real org.
.PHONY: examples
examples:
	@mkdir -p bin/home
	@for d in $(dir $(wildcard examples/*/main.go)); do \
		echo "-- $$d"; go -C $$d build -o $(CURDIR)/bin/example .; HOME=$(CURDIR)/bin/home bin/example; \
	done

# Beside okta-sdk-golang v6, which takes minutes to build. Wants a machine with nothing else to do.
.PHONY: bench
bench:
	go -C bench run . -write

# The picture in oktagrants' README.
.PHONY: screenshot
screenshot:
	@mkdir -p bin && rm -f bin/review.*
	go -C oktagrants run . demo review --run $(CURDIR)/bin/review.db
	chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1280,900 \
		--screenshot=oktagrants/report.png file://$(CURDIR)/bin/review.html

# Without a bound on minimizing, most of a short run goes into it.
.PHONY: fuzz
fuzz:
	@go test -list '^Fuzz' ./... | \
		awk '/^Fuzz/ { name[++n] = $$1 } /^ok/ { for (i = 1; i <= n; i++) print $$2, name[i]; n = 0 }' | \
		while read -r package name; do \
			go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$package </dev/null; \
		done
