package wnode

// The forms of requests to servers, which are those of the BEAM's gen_server (GS-01).
const (
	TagCall   = "$gen_call" // ["$gen_call", [from, tag], request]
	TagCast   = "$gen_cast" // ["$gen_cast", request]
	TagSystem = "system"    // ["system", [from, tag], ["terminate", reason]]
)
