.PHONY: help test check soak bench-beam guests generate format

help: ## show this
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

test: ## install the guest toolchains that are missing and run everything
	scripts/install-toolchains
	scripts/check
	scripts/check-guests
	scripts/build-guests go
	scripts/build-programs
	go test -race -shuffle=on ./...
	go test -race -v -run '^TestNamespaces$$' ./tests/net
	go test ./tests/spec
	go test -tags programs ./tests/programs
	go test -run '^$$' -bench . -benchtime 1x ./...

check: ## the quick gate: format, lint, architecture, generated files, cross-builds
	scripts/check

soak: ## run 100,000 processes and 100,000 guests that send each other messages (some 3 GiB, a minute), and nodes that fail, and between which things fail (ten minutes)
	go test -count=1 -v -run '^TestSoak$$' ./vm
	go test -count=1 -v -run '^TestSoak$$' ./vm/guest -guests 100000
	go test -count=1 -v -run '^TestSoak$$' -timeout 20m ./tests/soak -duration 10m

bench-beam: ## measure wnode and the BEAM side by side, on one node and between two (needs erlang-base, erlang-ssl, openssl; some minutes)
	scripts/bench-beam

guests: ## install the guest toolchains that are missing and rebuild the guests
	scripts/install-toolchains
	scripts/build-guests

generate: ## rewrite what is generated from the tables of package abi
	go generate ./abi

format: ## format the Go code
	go tool -modfile=tools/go.mod gofumpt -w .
