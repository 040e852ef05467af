package wnode

// The forms of requests to servers, which are those of the BEAM's gen_server (GS-01).
const (
	TagCall   = "$gen_call" // ["$gen_call", [from, tag], request]
	TagCast   = "$gen_cast" // ["$gen_cast", request]
	TagSystem = "system"    // ["system", [from, tag], ["terminate", reason]]
)

// outcome is what became of a request.
type outcome struct {
	kind  outcomeKind
	value any // the reply, or the reason that the other process ended with
}

type outcomeKind uint8

const (
	replied outcomeKind = iota
	ended
	timedOut
)

// why gives the reason for which a call has no reply.
func (o outcome) why(to Address) any {
	switch {
	case o.kind == timedOut:
		return reasonTimeout
	case isText(o.value, "noconnection") && to.Node != "":
		return []any{reasonNodeDown, to.Node}
	}
	return o.value
}
