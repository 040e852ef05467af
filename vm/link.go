package vm

import (
	"context"
	"errors"
	"fmt"

	"github.com/wnode/wnode/abi"
)

// maxProcessLinks bounds the links of one process, those being taken back included.
const maxProcessLinks = 1 << 20

// link is one end of a link. Two processes of one node change both ends at once, under both locks;
// between nodes the ends agree by OTP's link protocol (LINK-12).
type link struct {
	active bool    // the end of the other side is this side's business
	unlink abi.Ref // the unlink that the other side has not acknowledged yet; zero for none
}

// Link ties the process to another one: when either ends with a reason other than normal, so does
// the other, or hears of it if it traps exits (LINK-01, LINK-02). A process of this node that has
// ended is [abi.ErrNoProcess] to a process that does not trap exits (LINK-06); all else that is
// not there comes back as an exit signal: noproc, or noconnection (LINK-07, LINK-08). The other
// errors are [abi.ErrLimit], [abi.ErrDenied], [abi.ErrBadArgument] for what is no process, and the
// cause of ctx.
func (p *Process) Link(ctx context.Context, target abi.Pid) error {
	switch {
	case target.Num == abi.NodeProcess:
		return fmt.Errorf("link to %s: %w", target.Text(0), abi.ErrBadArgument)
	case target == p.pid:
		return nil
	}
	if err := p.mayAffect(target); err != nil {
		return fmt.Errorf("link to %s: %w", target.Text(0), err)
	}
	if target.Node == p.sys.opts.Node {
		return p.linkHere(target)
	}
	fresh, err := p.openLink(target)
	if !fresh {
		return err
	}
	if err := p.routeQuietly(ctx, abi.Signal{Kind: abi.SignalLink, From: p.pid, To: target}); err != nil {
		p.Unlink(target)
		return err
	}
	p.undoStaleLink(target)
	return nil
}

// undoStaleLink takes a link back that ended on this side before the signal that makes the other
// side's end had left: the node was lost meanwhile, and the signal may have gone to its next
// connection. It is an unlink like any other, so that a link that crosses it is undone too.
func (p *Process) undoStaleLink(target abi.Pid) {
	ref := p.sys.NewRef()
	p.mu.Lock()
	stale := !p.links.of(target).active
	if stale {
		p.addLinkLocked(target, link{unlink: ref})
	}
	p.mu.Unlock()
	if stale {
		p.sys.post(abi.Signal{Kind: abi.SignalUnlink, From: p.pid, To: target, Ref: ref})
	}
}

// linkHere links two processes of this node.
func (p *Process) linkHere(target abi.Pid) error {
	if q := p.sys.process(target); q != nil {
		if err := join(p, q); !errors.Is(err, abi.ErrNoProcess) {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.trapping {
		return fmt.Errorf("link to %s: %w", target.Text(0), abi.ErrNoProcess)
	}
	p.enqueueExitLocked(target, reasonNoProcess, p)
	return nil
}

// join makes both ends of a link at once.
func join(p, q *Process) error {
	defer lockBoth(p, q)()
	switch {
	case p.ended || q.ended:
		return abi.ErrNoProcess
	case p.links.of(q.pid).active:
		return nil
	case !p.mayLinkLocked() || !q.mayLinkLocked():
		return fmt.Errorf("link: %w", abi.ErrLimit)
	}
	tie(p, q)
	return nil
}

// tie makes both ends of a link that p asked for. The caller holds both locks.
func tie(p, q *Process) {
	p.addLinkLocked(q.pid, link{active: true})
	q.addLinkLocked(p.pid, link{active: true})
	p.tracePeer("link", q.pid)
	q.tracePeer("getting_linked", p.pid)
}

// bind links a process and its new child, for which [System.prepare] has looked whether there is room.
// Others may have taken that since: the child is there already, and one too many does no harm.
func bind(parent, child *Process) error {
	defer lockBoth(parent, child)()
	if parent.ended {
		return abi.ErrNoProcess
	}
	tie(parent, child)
	return nil
}

// lockBoth locks two processes in the order of their numbers and gives what unlocks them.
func lockBoth(p, q *Process) (unlock func()) {
	if q.pid.Num < p.pid.Num {
		p, q = q, p
	}
	p.mu.Lock()
	q.mu.Lock()
	return func() { q.mu.Unlock(); p.mu.Unlock() }
}

// openLink makes this end of a link to another node; false when there is one, or may be none.
func (p *Process) openLink(target abi.Pid) (fresh bool, err error) {
	p.linking.Lock()
	defer p.linking.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	l, known := p.links.get(target)
	switch {
	case l.active:
		return false, nil
	case known: // an unlink is on its way: the link is anew, and that stays to be acknowledged
		p.links.set(target, link{active: true, unlink: l.unlink})
		p.tracePeer("link", target)
		return true, nil
	case !p.mayLinkLocked():
		return false, fmt.Errorf("link: %w", abi.ErrLimit)
	}
	p.addLinkLocked(target, link{active: true})
	p.tracePeer("link", target)
	return true, nil
}

func (p *Process) mayLink() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mayLinkLocked()
}

func (p *Process) mayLinkLocked() bool {
	return p.links.len() < maxProcessLinks && p.sys.held.Load() < int64(p.sys.opts.MaxMonitors)
}

// addLinkLocked sets this end of a link, whether or not there is one.
func (p *Process) addLinkLocked(target abi.Pid, l link) {
	if _, known := p.links.get(target); !known {
		p.sys.held.Add(1)
	}
	p.links.set(target, l)
}

// removeLinkLocked forgets this end of a link, and gives what it was.
func (p *Process) removeLinkLocked(target abi.Pid) link {
	l, known := p.links.get(target)
	if known {
		p.links.remove(target)
		p.sys.held.Add(-1)
	}
	return l
}

// Unlink takes a link back. An exit of the other process that comes later is nothing to this one;
// a message that is in the mailbox already stays there (LINK-11). Without a link it does nothing.
func (p *Process) Unlink(target abi.Pid) {
	if target.Node == p.sys.opts.Node {
		p.unlinkHere(target)
		return
	}
	p.mu.Lock()
	active := p.links.of(target).active
	ref := p.sys.NewRef()
	if active {
		p.links.set(target, link{unlink: ref})
		p.tracePeer("unlink", target)
	}
	p.mu.Unlock()
	if active {
		p.sys.post(abi.Signal{Kind: abi.SignalUnlink, From: p.pid, To: target, Ref: ref})
	}
}

func (p *Process) unlinkHere(target abi.Pid) {
	q := p.sys.process(target)
	if q == nil || q == p {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.removeLinkLocked(target)
		return
	}
	defer lockBoth(p, q)()
	if p.removeLinkLocked(target).active {
		p.tracePeer("unlink", target)
	}
	if q.removeLinkLocked(p.pid).active {
		q.tracePeer("getting_unlinked", p.pid)
	}
}

// linkSignal makes this end of a link that a process of another node sets up. It reports false when
// this process has ended.
func (p *Process) linkSignal(sig abi.Signal) bool {
	p.linking.Lock()
	defer p.linking.Unlock()
	p.mu.Lock()
	_, known := p.links.get(sig.From)
	refused := false
	switch {
	case p.ended:
		p.mu.Unlock()
		return false
	case known: // there already; or sent before the other side saw this side's unlink, which undoes it
	case !p.mayLinkLocked():
		refused = true
	default:
		p.addLinkLocked(sig.From, link{active: true})
		p.tracePeer("getting_linked", sig.From)
	}
	p.mu.Unlock()
	if refused {
		p.sys.post(linkExit(p.pid, sig.From, reasonLimit))
	}
	return true
}

// unlinkSignal takes the other side's end back. This end is gone and the acknowledgement has left
// before the process can link anew: the other side would take a link that comes before the
// acknowledgement for the one that it has undone (LINK-12). So linking is held over both; to post a
// signal under it is no danger, for what an acknowledgement or a refusal does takes no such lock.
func (p *Process) unlinkSignal(sig abi.Signal) {
	p.linking.Lock()
	defer p.linking.Unlock()
	p.dropEnd(sig)
	p.sys.post(unlinkAck(sig))
}

func (p *Process) dropEnd(sig abi.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch l := p.links.of(sig.From); {
	case !l.active:
	case l.unlink == abi.Ref{}:
		p.removeLinkLocked(sig.From)
		p.tracePeer("getting_unlinked", sig.From)
	default:
		p.links.set(sig.From, link{unlink: l.unlink})
	}
}

// unlinkAcknowledged forgets an unlink that the other side has seen.
func (p *Process) unlinkAcknowledged(sig abi.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l, known := p.links.get(sig.From)
	switch {
	case !known || l.unlink != sig.Ref:
	case l.active:
		p.links.set(sig.From, link{active: true})
	default:
		p.removeLinkLocked(sig.From)
	}
}

// linkEnded acts on the end of a linked process. What comes over a link that was taken back is
// nothing. That is so too when the process has linked anew since: until the unlink is acknowledged,
// what comes is of the link before.
func (p *Process) linkEnded(sig abi.Signal, by *Process) {
	reason := canonicalReason(sig.Data)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.links.of(sig.From).unlink == (abi.Ref{}) {
		p.endLinkLocked(sig.From, reason, by)
	}
}

// endLinkLocked ends this end of a link, and whatever the other side has still to say of it.
func (p *Process) endLinkLocked(peer abi.Pid, reason []byte, by *Process) {
	if p.removeLinkLocked(peer).active {
		p.exitFromLinkLocked(peer, reason, by)
	}
}

// exitFromLink is the half of LINK-02 that tells of linked processes.
func (p *Process) exitFromLink(peer abi.Pid, reason []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exitFromLinkLocked(peer, reason, nil)
}

func (p *Process) exitFromLinkLocked(peer abi.Pid, reason []byte, by *Process) {
	switch {
	case p.trapping:
		p.enqueueExitLocked(peer, reason, by)
	case string(reason) != string(reasonNormal):
		p.exitLocked(reason, by)
	}
}

func linkExit(from, to abi.Pid, reason []byte) abi.Signal {
	return abi.Signal{Kind: abi.SignalLinkExit, From: from, To: to, Data: reason}
}

func unlinkAck(unlink abi.Signal) abi.Signal {
	return abi.Signal{Kind: abi.SignalUnlinkAck, From: unlink.To, To: unlink.From, Ref: unlink.Ref}
}
