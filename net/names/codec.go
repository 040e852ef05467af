package names

import (
	"encoding/binary"
	"errors"
	"time"
)

const (
	headerSize      = 16
	requestSize     = 96
	listRequestSize = 1200 // what every path carries unfragmented, RFC 9000 section 14
	listHeaderSize  = headerSize + 4
	entryHeaderSize = 3
	packetVersion   = 1
	nameOffset      = 24
)

// magic opens every packet. Its first byte has both top bits zero, which tells it from QUIC.
const magic = "!wn"

var errMalformed = errors.New("malformed packet")

type kind uint8

const (
	kindLookup kind = iota + 1
	kindRegister
	kindUnregister
	kindList
	kindReply     // answers lookup, register and unregister
	kindListReply // answers list
	kindRenew     // holder to registrant: somebody else claims your name, renew now
)

type status uint8

const (
	statusNone    status = iota // requests, and kindRenew
	statusOK                    // found, registered, unregistered, listed
	statusUnknown               // no such name on this host
	statusUnsure                // the holder is too young to know all names
	statusInUse                 // the name belongs to a living node on another port
	statusPending               // the name has an owner that is being asked whether it lives
	statusFull                  // the table of names is full
	statusEnd
)

// txid ties a reply to its request.
type txid [8]byte

// request is what nodes and askers send to the holder.
type request struct {
	kind  kind
	tx    txid
	name  string        // all but list
	port  uint16        // register, unregister
	age   time.Duration // register: for how long the node has claimed the name; milliseconds travel
	index uint16        // list
}

// reply is what the holder sends back, and kindRenew, which it sends unasked.
type reply struct {
	kind   kind
	tx     txid
	status status
	port   uint16 // of the name looked up
	total  uint16 // list: number of names
	list   []Entry
}

// Entry is a node of this host as the holder knows it.
type Entry struct {
	Name string // the part of the node name before the @
	Port uint16 // UDP port that the node listens on
}

// IsPacket reports whether b is a packet of this package, so that the owner of a shared socket can
// tell it from other packets that are not QUIC.
func IsPacket(b []byte) bool {
	return len(b) >= headerSize && string(b[:len(magic)]) == magic
}

func appendHeader(b []byte, k kind, st status, port uint16, tx txid) []byte {
	b = append(b, magic...)
	b = append(b, packetVersion, byte(k), byte(st))
	b = binary.LittleEndian.AppendUint16(b, port)
	return append(b, tx[:]...)
}

// size gives the length that the request has on the wire.
func (r request) size() int {
	if r.kind == kindList {
		return listRequestSize
	}
	return requestSize
}

// append appends the request; its name must be valid, see validShortName.
func (r request) append(b []byte) []byte {
	start := len(b)
	b = appendHeader(b, r.kind, statusNone, r.port, r.tx)
	b = binary.LittleEndian.AppendUint32(b, ageMillis(r.age))
	b = binary.LittleEndian.AppendUint16(b, r.index)
	b = append(b, 0, byte(len(r.name)))
	b = append(b, r.name...)
	return append(b, make([]byte, start+r.size()-len(b))...)
}

// ageMillis saturates: two claims that are both older than 49 days count as equally old.
func ageMillis(d time.Duration) uint32 {
	return uint32(min(max(d.Milliseconds(), 0), 1<<32-1))
}

// decodeRequest accepts exactly what append writes.
func decodeRequest(b []byte) (request, error) {
	if len(b) != requestSize && len(b) != listRequestSize {
		return request{}, errMalformed
	}
	k, st, port, tx, err := decodeHeader(b)
	if err != nil {
		return request{}, err
	}
	n := int(b[23])
	if st != statusNone || b[22] != 0 || n > MaxShortName || !allZero(b[nameOffset+n:]) {
		return request{}, errMalformed
	}
	r := request{
		kind:  k,
		tx:    tx,
		name:  string(b[nameOffset : nameOffset+n]),
		port:  port,
		age:   time.Duration(binary.LittleEndian.Uint32(b[16:])) * time.Millisecond,
		index: binary.LittleEndian.Uint16(b[20:]),
	}
	if len(b) != r.size() || !r.valid() {
		return request{}, errMalformed
	}
	return r, nil
}

// valid reports whether r has the fields that its kind needs, and no others.
func (r request) valid() bool {
	named := validShortName(r.name)
	switch r.kind {
	case kindLookup:
		return named && r.port == 0 && r.age == 0 && r.index == 0
	case kindRegister:
		return named && r.port != 0 && r.index == 0
	case kindUnregister:
		return named && r.port != 0 && r.age == 0 && r.index == 0
	case kindList:
		return r.name == "" && r.port == 0 && r.age == 0
	default:
		return false
	}
}

func decodeHeader(b []byte) (k kind, st status, port uint16, tx txid, err error) {
	if !IsPacket(b) || b[3] != packetVersion || status(b[5]) >= statusEnd {
		return 0, 0, 0, tx, errMalformed
	}
	copy(tx[:], b[8:])
	return kind(b[4]), status(b[5]), binary.LittleEndian.Uint16(b[6:]), tx, nil
}

// append appends the reply. A list reply must fit: see fit.
func (r reply) append(b []byte) []byte {
	b = appendHeader(b, r.kind, r.status, r.port, r.tx)
	if r.kind != kindListReply {
		return b
	}
	b = binary.LittleEndian.AppendUint16(b, r.total)
	b = append(b, byte(len(r.list)), 0)
	for _, e := range r.list {
		b = binary.LittleEndian.AppendUint16(b, e.Port)
		b = append(b, byte(len(e.Name)))
		b = append(b, e.Name...)
	}
	return b
}

// fit gives the longest prefix of list whose reply is no longer than a list request.
func fit(list []Entry) []Entry {
	size := listHeaderSize
	for i, e := range list {
		size += entryHeaderSize + len(e.Name)
		if size > listRequestSize || i == 255 {
			return list[:i]
		}
	}
	return list
}

// decodeReply accepts exactly what append writes.
func decodeReply(b []byte) (reply, error) {
	k, st, port, tx, err := decodeHeader(b)
	if err != nil {
		return reply{}, err
	}
	r := reply{kind: k, tx: tx, status: st, port: port}
	switch k {
	case kindReply:
		if len(b) != headerSize || st == statusNone {
			return reply{}, errMalformed
		}
		return r, nil
	case kindRenew:
		if len(b) != headerSize || st != statusNone || port != 0 {
			return reply{}, errMalformed
		}
		return r, nil
	case kindListReply:
		return decodeList(r, b)
	default:
		return reply{}, errMalformed
	}
}

func decodeList(r reply, b []byte) (reply, error) {
	if len(b) < listHeaderSize || len(b) > listRequestSize || r.status == statusNone || r.port != 0 || b[19] != 0 {
		return reply{}, errMalformed
	}
	r.total = binary.LittleEndian.Uint16(b[16:])
	count := int(b[18])
	b = b[listHeaderSize:]
	for range count {
		if len(b) < entryHeaderSize || len(b) < entryHeaderSize+int(b[2]) {
			return reply{}, errMalformed
		}
		end := entryHeaderSize + int(b[2])
		e := Entry{Name: string(b[entryHeaderSize:end]), Port: binary.LittleEndian.Uint16(b)}
		if e.Port == 0 || !validShortName(e.Name) {
			return reply{}, errMalformed
		}
		r.list = append(r.list, e)
		b = b[end:]
	}
	if len(b) != 0 {
		return reply{}, errMalformed
	}
	return r, nil
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
