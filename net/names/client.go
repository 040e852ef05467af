package names

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

const (
	// askPatience is how long an answer is waited for. A holder that took over is there, and knows its
	// neighbours, before that.
	askPatience = 1500 * time.Millisecond
	// askEvery is how often a question is repeated that was not answered for good.
	askEvery = 200 * time.Millisecond
	// maxHostAddrs bounds how many addresses of one host are asked.
	maxHostAddrs = 8
)

var (
	// ErrUnknownName says that no node of that name is on the host.
	ErrUnknownName = errors.New("no node of that name is on the host")
	// ErrNoAnswer says that nothing on the host answers name lookups: no node runs there, or a
	// firewall is between, or the nodes there use another well-known port.
	ErrNoAnswer = errors.New("nothing answers on the well-known port")
)

var errPatience = errors.New("no final answer in time")

// question is a lookup or a listing in progress: one request, sent to each address under a
// transaction id of its own until the answers suffice.
type question struct {
	sock   socket
	req    request
	addrs  []netip.AddrPort
	txs    []txid
	last   []status // what each address answered last
	resend time.Time
	giveUp time.Time
}

// ask opens the socket for a question. The caller closes it. It is not a connected one: a holder that
// listens on all addresses may answer from another than the one that was asked.
func ask(nw network, req request, addrs []netip.AddrPort) (*question, error) {
	sock, err := nw.open()
	if err != nil {
		return nil, fmt.Errorf("open a socket: %w", err)
	}
	q := &question{sock: sock, req: req, addrs: addrs, giveUp: time.Now().Add(askPatience)}
	q.last = make([]status, len(addrs))
	for range addrs {
		q.txs = append(q.txs, newTxid())
	}
	return q, nil
}

func (q *question) close() { _ = q.sock.Close() }

// send sends the request to every address that has not answered for good.
func (q *question) send() {
	for i, a := range q.addrs {
		if q.last[i] == statusNone || q.last[i] == statusUnsure {
			q.req.tx = q.txs[i]
			_, _ = q.sock.WriteTo(q.req.append(nil), net.UDPAddrFromAddrPort(a)) // not sent is not answered
		}
	}
}

// next gives the next answer and the index of the address that gave it, repeating the request while
// it waits. The error is errPatience or the cause of ctx.
func (q *question) next(ctx context.Context) (reply, int, error) {
	var buf [listRequestSize + 1]byte
	for {
		now := time.Now()
		if !now.Before(q.giveUp) {
			return reply{}, 0, errPatience
		}
		if !now.Before(q.resend) {
			q.send()
			q.resend = now.Add(askEvery)
		}
		n, _, err := readUntil(ctx, q.sock, buf[:], earlier(q.resend, q.giveUp))
		switch {
		case ctx.Err() != nil:
			return reply{}, 0, context.Cause(ctx)
		case errors.Is(err, context.DeadlineExceeded):
			continue
		case err != nil:
			pause(ctx, rebindPause) // some systems report here that nobody listens at one address
			continue
		}
		if rep, i, ok := q.match(buf[:n]); ok {
			q.last[i] = rep.status
			return rep, i, nil
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// match finds the address whose answer b is. Only who saw the request can know its transaction id.
func (q *question) match(b []byte) (reply, int, bool) {
	rep, err := decodeReply(b)
	if err != nil || rep.kind == kindRenew || (rep.kind == kindListReply) != (q.req.kind == kindList) {
		return reply{}, 0, false
	}
	for i, tx := range q.txs {
		if tx == rep.tx {
			return rep, i, true
		}
	}
	return reply{}, 0, false
}

// count gives how many addresses have answered with the status.
func (q *question) count(st status) (n int) {
	for _, l := range q.last {
		if l == st {
			n++
		}
	}
	return n
}

// Lookup asks the holder of a host where the node with that name listens. hosts are the addresses at
// which the host may be reached, each with the well-known port; they are asked at the same time, at
// most eight of them. The result is the address that answered, with the port of the node.
//
// Errors: [ErrUnknownName] at once when the holder has been there for a while, else, like
// [ErrNoAnswer], after a second and a half; [ErrInvalidName]; the cause of ctx.
func Lookup(ctx context.Context, name string, hosts ...netip.AddrPort) (netip.AddrPort, error) {
	return lookup(ctx, udpNetwork{}, name, hosts)
}

func lookup(ctx context.Context, nw network, name string, hosts []netip.AddrPort) (netip.AddrPort, error) {
	if !validShortName(name) {
		return netip.AddrPort{}, fmt.Errorf("look up: %w %s", ErrInvalidName, quote(name))
	}
	q, err := ask(nw, request{kind: kindLookup, name: name}, hosts[:min(len(hosts), maxHostAddrs)])
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("look up %s: %w", name, err)
	}
	defer q.close()
	addr, err := q.lookup(ctx)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("look up %s: %w", name, err)
	}
	return addr, nil
}

func (q *question) lookup(ctx context.Context) (netip.AddrPort, error) {
	for {
		rep, i, err := q.next(ctx)
		unknown, unsure := q.count(statusUnknown), q.count(statusUnsure)
		switch {
		case errors.Is(err, errPatience) && unknown+unsure == 0:
			return netip.AddrPort{}, ErrNoAnswer
		case errors.Is(err, errPatience), unknown == len(q.addrs):
			return netip.AddrPort{}, ErrUnknownName
		case err != nil:
			return netip.AddrPort{}, err
		case rep.status == statusOK && rep.port != 0:
			return netip.AddrPortFrom(q.addrs[i].Addr(), rep.port), nil
		case unknown > 0 && unsure == 0:
			// The host's other addresses may lead nowhere: one more try is enough for them.
			q.giveUp = earlier(q.giveUp, q.resend.Add(askEvery))
		}
	}
}

// List gives the nodes of this host, sorted by name. wellKnown is as in [Options]. A holder that has
// just started is asked again until it knows its neighbours.
//
// Errors: [ErrNoAnswer] after a second and a half when no node runs on this host; the cause of ctx.
func List(ctx context.Context, wellKnown netip.AddrPort) ([]Entry, error) {
	return list(ctx, udpNetwork{}, wellKnown)
}

func list(ctx context.Context, nw network, at netip.AddrPort) ([]Entry, error) {
	q, err := ask(nw, request{kind: kindList}, []netip.AddrPort{reachable(wellKnown(at))})
	if err != nil {
		return nil, fmt.Errorf("list names: %w", err)
	}
	defer q.close()
	entries, err := q.list(ctx)
	if err != nil {
		return nil, fmt.Errorf("list names: %w", err)
	}
	return entries, nil
}

// list reads page after page. A list that the holder was not sure of is read again from the start
// while there is time; after that it is what there is.
func (q *question) list(ctx context.Context) ([]Entry, error) {
	var list, unsure []Entry
	for {
		rep, _, err := q.next(ctx)
		switch {
		case errors.Is(err, errPatience) && unsure != nil:
			return unsure, nil
		case errors.Is(err, errPatience):
			return nil, ErrNoAnswer
		case err != nil:
			return nil, err
		}
		list = merge(list, rep.list)
		switch done := len(rep.list) == 0 || int(q.req.index)+len(rep.list) >= int(rep.total); {
		case done && rep.status == statusOK:
			return list, nil
		case done:
			unsure, list = append([]Entry{}, list...), nil
			q.req.index = 0
		default:
			q.req.index += uint16(len(rep.list))
			q.resend = time.Time{}
		}
		// A new page is a new question: a late copy of the last answer must not pass for it.
		q.txs[0], q.last[0] = newTxid(), statusNone
	}
}

// merge appends the entries that sort after those of list: names that came or went between two pages
// may have moved others to the next page.
func merge(list, page []Entry) []Entry {
	for _, e := range page {
		if len(list) == 0 || e.Name > list[len(list)-1].Name {
			list = append(list, e)
		}
	}
	return list
}
