package rewrite

import "github.com/wnode/wnode/vm/module/wasm"

// Bounds on what a function may do without accounting for itself: its callers account for it then.
const (
	maxUnchargedWork  = 500  // instructions
	maxUncountedDepth = 4096 // bytes of stack
)

// States of a node of the call graph during the search.
const (
	unseen = iota
	open
	done
)

// graph is the call graph. Its nodes are the functions, and behind them the types, through which
// indirect calls go to all functions of that type whose address is taken.
type graph struct {
	r        *rewriter
	imported uint32
	members  map[uint32][]uint32 // functions by type
	state    []byte
	types    map[uint32]*throughType
	stack    []visit
	measurer measurer
}

// throughType is what a call through a type costs at most.
type throughType struct {
	charged bool // calls through it are accounted for where they are made
	work    int64
	depth   int64
}

// visit is a node on the way from the root of the search, and which of its callees comes next.
type visit struct {
	node uint32
	next int
}

// plan decides which functions account for themselves, and which indirect calls are accounted for
// where they are made. In every circle of calls there is a call back to a node that is open when a
// depth-first search meets it, so it is enough to do so at those nodes.
func (r *rewriter) plan() {
	g := &graph{
		r: r, imported: uint32(r.m.Imported(wasm.KindFunc)), members: map[uint32][]uint32{},
		state: make([]byte, len(r.funcs)+len(r.m.Types)), types: map[uint32]*throughType{},
	}
	r.indirect = g.types
	for i := range r.funcs {
		if r.taken[i] {
			t := r.canonical[r.m.Funcs[i]]
			g.members[t] = append(g.members[t], uint32(i))
		}
	}
	g.countReplacing()
	g.measurer.call = g.cost
	g.cutDispatched()
	for i := range r.funcs {
		if g.state[i] == unseen {
			g.search(uint32(i))
		}
	}
	g.finishDispatched()
}

// cutDispatched has the functions that stand in for a table account for what is called through it. No circle goes
// through them any more.
func (g *graph) cutDispatched() {
	if g.r.dispatch == nil {
		return
	}
	for _, t := range g.r.dispatch.order {
		node := uint32(len(g.r.funcs)) + t
		g.state[node] = done
		g.through(node).charged = true
	}
}

func (g *graph) finishDispatched() {
	if g.r.dispatch == nil {
		return
	}
	for _, t := range g.r.dispatch.order {
		g.finish(uint32(len(g.r.funcs)) + t)
	}
}

// search visits all that a function calls, callees first.
func (g *graph) search(root uint32) {
	g.state[root] = open
	g.stack = append(g.stack[:0], visit{node: root})
	for len(g.stack) > 0 {
		top := &g.stack[len(g.stack)-1]
		callee, ok := g.nextCallee(top)
		switch {
		case !ok:
			g.finish(top.node)
			g.state[top.node] = done
			g.stack = g.stack[:len(g.stack)-1]
		case g.state[callee] == open:
			g.cut(callee)
		case g.state[callee] == unseen:
			g.state[callee] = open
			g.stack = append(g.stack, visit{node: callee})
		}
	}
}

func (g *graph) isType(node uint32) bool { return node >= uint32(len(g.r.funcs)) }

// typeOf gives the type that a node stands for.
func (g *graph) typeOf(node uint32) uint32 { return node - uint32(len(g.r.funcs)) }

// nextCallee gives what a node calls next.
func (g *graph) nextCallee(v *visit) (uint32, bool) {
	if g.isType(v.node) {
		members := g.members[g.typeOf(v.node)]
		if v.next == len(members) {
			return 0, false
		}
		v.next++
		return members[v.next-1], true
	}
	points := g.r.funcs[v.node].points
	for v.next < len(points) {
		p := &points[v.next]
		v.next++
		if callee, ok := g.callee(p); ok {
			return callee, true
		}
	}
	return 0, false
}

// callee gives the node that a point calls, if it calls one.
func (g *graph) callee(p *point) (uint32, bool) {
	switch {
	case p.direct() && p.arg >= g.imported:
		return p.arg - g.imported, true
	case p.indirect():
		return uint32(len(g.r.funcs)) + g.r.canonical[p.arg], true
	}
	return 0, false
}

// cut makes sure that no circle goes through a node without being accounted for.
func (g *graph) cut(node uint32) {
	if g.isType(node) {
		g.through(node).charged = true
		return
	}
	g.r.funcs[node].charged, g.r.funcs[node].counted = true, true
}

// through gives what is known of a type's node.
func (g *graph) through(node uint32) *throughType {
	t := g.types[g.typeOf(node)]
	if t == nil {
		t = &throughType{}
		g.types[g.typeOf(node)] = t
	}
	return t
}

// finish works out what a node costs whoever calls it.
func (g *graph) finish(node uint32) {
	if g.isType(node) {
		t := g.through(node)
		for _, i := range g.members[g.typeOf(node)] {
			work, depth := g.below(i)
			t.work, t.depth = max(t.work, work), max(t.depth, depth)
		}
		return
	}
	f := &g.r.funcs[node]
	f.work = g.measurer.measure(f, g.r.m.Codes[node].Body)
	deepest := int64(0)
	for i := range f.points {
		if callee, ok := g.callee(&f.points[i]); ok {
			_, depth := g.below(callee)
			deepest = max(deepest, depth)
		}
	}
	f.depth = f.frame + deepest
	f.charged = f.charged || f.work > maxUnchargedWork
	if f.charged {
		f.chargeInLoop()
	}
	f.counted = f.counted || f.depth > maxUncountedDepth
}

// chargeInLoop has the loop that a function begins with charge for the function, when it is most of it.
func (f *function) chargeInLoop() {
	for i := range f.points {
		switch p := &f.points[i]; p.op {
		case wasm.OpBlock:
		case wasm.OpLoop:
			l := &f.loops[p.arg]
			if l.repeats && f.work <= 2*l.longest {
				l.longest, l.entry = max(l.longest, f.work), true
			}
			return
		default:
			return
		}
	}
}

// below gives what a node costs its callers in instructions and in stack: nothing where it accounts
// for itself.
func (g *graph) below(node uint32) (work, depth int64) {
	if g.isType(node) {
		t := g.through(node)
		if t.charged {
			return 0, 0
		}
		return t.work, t.depth
	}
	f := &g.r.funcs[node]
	if !f.charged {
		work = f.work
	}
	if !f.counted {
		depth = f.depth
	}
	return work, depth
}

// cost gives what a call costs on top of itself.
func (g *graph) cost(p *point) int64 {
	callee, ok := g.callee(p)
	if !ok {
		return costImport
	}
	work, _ := g.below(callee)
	return work
}
