package vm

import (
	"fmt"

	"github.com/wnode/wnode/abi"
)

// AliasMode says how long an alias lasts (ALIAS-02, ALIAS-03).
type AliasMode uint8

// The modes of an alias.
const (
	// AliasNone is no alias at all.
	AliasNone AliasMode = iota
	// AliasExplicit lasts until [Process.Unalias].
	AliasExplicit
	// AliasReply lasts until the first message that comes through it.
	AliasReply
	// AliasDemonitor, of a monitor, lasts as long as the monitor.
	AliasDemonitor
	// AliasReplyDemonitor lasts as long as the monitor, and the first message ends both.
	AliasReplyDemonitor
)

const (
	// maxProcessAliases bounds the aliases of one process.
	maxProcessAliases = 1 << 16
	// aliasOverhead stands for what an alias takes, in bytes.
	aliasOverhead = 300
)

// aliasEntry is what the number of an alias stands for in the table of the system: messages to it
// are the process's while the alias lasts, and nobody's afterwards. So a call whose time is up does
// not find a late reply in its mailbox (GS-02).
type aliasEntry struct {
	process *Process
	ref     abi.Ref
}

func (a *aliasEntry) signal(sig abi.Signal, by *Process) bool {
	return sig.Kind == abi.SignalMessage && a.process.aliasMessage(a.ref, sig, by)
}

// Alias makes a ref that messages to this process can be sent to, as to a pid of the same numbers
// (ALIAS-01): [AliasExplicit] or [AliasReply]. The errors are [abi.ErrLimit] and [abi.ErrBadArgument].
func (p *Process) Alias(mode AliasMode) (abi.Ref, error) {
	if mode != AliasExplicit && mode != AliasReply {
		return abi.Ref{}, fmt.Errorf("alias of mode %d: %w", mode, abi.ErrBadArgument)
	}
	ref := p.sys.NewRef()
	return ref, p.setAlias(ref, mode)
}

func (p *Process) setAlias(ref abi.Ref, mode AliasMode) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.aliases) >= maxProcessAliases || !p.below.has(aliasOverhead) {
		return fmt.Errorf("alias: %w", abi.ErrLimit)
	}
	if p.aliases == nil {
		p.aliases = map[abi.Ref]AliasMode{}
	}
	p.aliases[ref] = mode
	p.below.charge(aliasOverhead)
	p.sys.table.add(ref.Num, &aliasEntry{p, ref})
	return nil
}

// Unalias ends an alias, and reports whether it was one of this process's.
func (p *Process) Unalias(ref abi.Ref) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.removeAliasLocked(ref)
}

func (p *Process) removeAliasLocked(ref abi.Ref) bool {
	if _, active := p.aliases[ref]; !active {
		return false
	}
	delete(p.aliases, ref)
	p.below.charge(-aliasOverhead)
	p.sys.table.remove(ref.Num)
	return true
}

// aliasMessage takes in a message that was sent to an alias; false when that is over.
func (p *Process) aliasMessage(ref abi.Ref, sig abi.Signal, by *Process) bool {
	p.mu.Lock()
	mode := p.aliases[ref]
	if mode == AliasReply || mode == AliasReplyDemonitor {
		p.removeAliasLocked(ref)
	}
	m, monitored := p.monitors.get(ref)
	monitored = monitored && mode == AliasReplyDemonitor
	if monitored {
		p.monitors.remove(ref)
	}
	taken := mode != AliasNone && p.enqueueLocked(Message{Kind: abi.MessageUser, From: sig.From, Data: sig.Data}, false, by)
	p.mu.Unlock()
	if monitored {
		p.sys.demonitor(m.demonitor(p.pid, ref))
	}
	return taken
}
