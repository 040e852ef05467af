package names

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

const (
	// renewEvery is how often a node renews its registration.
	renewEvery = time.Second
	// lease is how long a registration lives without renewal: two renewals may get lost.
	lease = 3 * time.Second
	// warmUp is how long a holder cannot say that a name does not exist: by then all its neighbours
	// have noticed, by a refused renewal, that the one before it is gone.
	warmUp = 3 * renewEvery / 2
	// challengeTime is how long the owner of a name has to show that it lives when another node
	// claims the name.
	challengeTime = 500 * time.Millisecond
	// confirmTime is for how long the owner's answer to a challenge settles the matter.
	confirmTime = 2 * time.Second
	// maxNames bounds the table.
	maxNames = 1024
)

// claim is one node's wish to own a name.
type claim struct {
	name string
	port uint16
	age  time.Duration  // for how long the node has claimed it
	own  bool           // the holder's own name: it needs no challenge, the holder lives
	from netip.AddrPort // where to send a challenge
	tx   txid           // of the claim's packet, echoed by a challenge
}

// registration is a name that has an owner.
type registration struct {
	claim
	since      time.Time // when the owner began to claim the name
	renewed    time.Time
	challenged time.Time // zero when no challenge is open
	confirmed  time.Time // when the owner last answered a challenge
}

// table is the holder's knowledge: which names of this host live on which port. It is a state
// machine without clock, sockets or locks; the goroutine of its holder owns it.
type table struct {
	names map[string]*registration
	born  time.Time
}

func newTable(now time.Time) *table {
	return &table{names: make(map[string]*registration), born: now}
}

// young reports whether neighbours may exist that the table does not know yet.
func (t *table) young(now time.Time) bool { return now.Sub(t.born) < warmUp }

// live gives the registration of name, or nil when there is none or its lease is over.
func (t *table) live(name string, now time.Time) *registration {
	r := t.names[name]
	if r == nil || now.Sub(r.renewed) >= lease {
		return nil
	}
	return r
}

// register enters or renews a claim and says how it stands. With statusPending the caller asks the
// owner, which it gets as well, to renew at once.
//
// A living owner keeps its name, but a table that is young may have given it to a newcomer before
// the owner, unknown since the holder before died, could renew: until then the older claim wins.
func (t *table) register(c claim, now time.Time) (status, *registration) {
	r := t.live(c.name, now)
	switch {
	case r == nil && len(t.names) >= maxNames && !t.expire(now):
		return statusFull, nil
	case r == nil:
		t.grant(c, now)
		return statusOK, nil
	case r.port == c.port:
		t.renew(r, c, now)
		return statusOK, nil
	case t.young(now) && now.Add(-c.age).Before(r.since):
		t.grant(c, now)
		return statusOK, nil
	case r.own || now.Sub(r.confirmed) < confirmTime:
		return statusInUse, nil
	case r.challenged.IsZero():
		r.challenged = now
		return statusPending, r
	case now.Sub(r.challenged) < challengeTime:
		return statusPending, r
	default:
		t.grant(c, now)
		return statusOK, nil
	}
}

func (t *table) grant(c claim, now time.Time) {
	t.names[c.name] = &registration{claim: c, since: now.Add(-c.age), renewed: now}
}

func (t *table) renew(r *registration, c claim, now time.Time) {
	r.claim = c
	r.renewed = now
	if !r.challenged.IsZero() {
		r.challenged = time.Time{}
		r.confirmed = now
	}
}

// unregister frees the name if it is registered with that port.
func (t *table) unregister(name string, port uint16, now time.Time) status {
	r := t.live(name, now)
	if r == nil || r.port != port {
		return statusUnknown
	}
	delete(t.names, name)
	return statusOK
}

// lookup gives the port of a name.
func (t *table) lookup(name string, now time.Time) (uint16, status) {
	if r := t.live(name, now); r != nil {
		return r.port, statusOK
	}
	if t.young(now) {
		return 0, statusUnsure
	}
	return 0, statusUnknown
}

// list gives the living names, sorted, and whether there may be more than the table knows.
func (t *table) list(now time.Time) ([]Entry, status) {
	list := make([]Entry, 0, len(t.names))
	for name := range t.names {
		if r := t.live(name, now); r != nil {
			list = append(list, Entry{Name: name, Port: r.port})
		}
	}
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	if t.young(now) {
		return list, statusUnsure
	}
	return list, statusOK
}

// expire forgets the registrations whose lease is over and reports whether there were any.
func (t *table) expire(now time.Time) bool {
	before := len(t.names)
	for name := range t.names {
		if t.live(name, now) == nil {
			delete(t.names, name)
		}
	}
	return len(t.names) < before
}
