package cpace

import (
	"crypto/rand"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/gtank/ristretto255"
)

const (
	// ShareSize is the length in bytes of the element that a party sends.
	ShareSize = 32
	// KeySize is the length in bytes of the derived key.
	KeySize = sha512.Size
)

const (
	dsi    = "CPaceRistretto255"
	dsiISK = dsi + "_ISK"
)

// ErrInvalidShare says that the other party's share does not encode a group
// element, or encodes the identity. The run must be aborted.
var ErrInvalidShare = errors.New("cpace: invalid share")

// Inputs are what both parties must agree on. Only Password is secret.
type Inputs struct {
	// Password is the password-related string (PRS).
	Password []byte
	// Channel identifies the channel and the parties with their roles (CI).
	Channel []byte
	// Session identifies the run and should never repeat (sid).
	Session []byte
}

// A Party is one side of one run. It holds the secret scalar, which serves for
// this run alone. A Party is not safe for concurrent use.
type Party struct {
	scalar  *ristretto255.Scalar
	session []byte
	share   [ShareSize]byte
}

// New starts a run with a fresh random scalar. It copies what it keeps of in.
func New(in Inputs) (*Party, error) {
	scalar, err := sampleScalar()
	if err != nil {
		return nil, fmt.Errorf("cpace: drawing the secret scalar: %w", err)
	}
	return newParty(in, scalar), nil
}

func newParty(in Inputs, scalar *ristretto255.Scalar) *Party {
	p := &Party{scalar: scalar, session: append([]byte(nil), in.Session...)}
	y := ristretto255.NewElement().ScalarMult(scalar, generator(in))
	y.Encode(p.share[:0])
	return p
}

// Share returns the element to send to the other party: Ya or Yb of the draft.
func (p *Party) Share() [ShareSize]byte { return p.share }

// InitiatorKey derives the key on the side that sent its share first, from the
// share that the responder answered. It fails with ErrInvalidShare.
func (p *Party) InitiatorKey(theirs []byte) ([]byte, error) {
	return p.key(theirs, transcript(p.share[:], nil, theirs, nil))
}

// ResponderKey derives the key on the side that answered, from the share that
// the initiator sent. It fails with ErrInvalidShare.
func (p *Party) ResponderKey(theirs []byte) ([]byte, error) {
	return p.key(theirs, transcript(theirs, nil, p.share[:], nil))
}

// key hashes the shared element, which must never leave this function: it
// would permit offline guessing.
func (p *Party) key(theirs, transcript []byte) ([]byte, error) {
	k, err := scalarMultVerify(p.scalar, theirs)
	if err != nil {
		return nil, err
	}
	isk := sha512.Sum512(append(lvCat([]byte(dsiISK), p.session, k), transcript...))
	clear(k)
	return isk[:], nil
}

// sampleScalar draws uniformly from 1 to the group's order minus 1.
func sampleScalar() (*ristretto255.Scalar, error) {
	var wide [64]byte
	zero := ristretto255.NewScalar()
	for {
		if _, err := rand.Read(wide[:]); err != nil {
			return nil, err
		}
		s := ristretto255.NewScalar().FromUniformBytes(wide[:])
		if s.Equal(zero) == 0 {
			return s, nil
		}
	}
}

// generator is the draft's calculate_generator.
func generator(in Inputs) *ristretto255.Element {
	h := sha512.Sum512(generatorString(in))
	return ristretto255.NewElement().FromUniformBytes(h[:])
}

// generatorString pads with zeros so that the password fills the hash's first
// block alone, whatever its length: hashing it then takes the same time for
// all short passwords and depends on nothing that an observer knows.
func generatorString(in Inputs) []byte {
	pad := sha512.BlockSize - 1 - len(lvCat(in.Password)) - len(lvCat([]byte(dsi)))
	return lvCat([]byte(dsi), in.Password, make([]byte, max(0, pad)), in.Channel, in.Session)
}

// scalarMultVerify is the draft's scalar_mult_vfy, with an error in the place
// of the identity.
func scalarMultVerify(s *ristretto255.Scalar, share []byte) ([]byte, error) {
	x := ristretto255.NewElement()
	if err := x.Decode(share); err != nil {
		return nil, fmt.Errorf("%w: not a group element", ErrInvalidShare)
	}
	k := ristretto255.NewElement().ScalarMult(s, x)
	if k.Equal(ristretto255.NewElement()) == 1 {
		return nil, fmt.Errorf("%w: the identity", ErrInvalidShare)
	}
	return k.Encode(nil), nil
}

// transcript is the draft's transcript_ir.
func transcript(ya, ada, yb, adb []byte) []byte { return lvCat(ya, ada, yb, adb) }

// lvCat concatenates the parts, each after its length in LEB128, which is the
// encoding that encoding/binary calls a uvarint.
func lvCat(parts ...[]byte) []byte {
	var out []byte
	for _, part := range parts {
		out = binary.AppendUvarint(out, uint64(len(part)))
		out = append(out, part...)
	}
	return out
}
