package cpace

import (
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/gtank/ristretto255"
	"pgregory.net/rapid"
)

// hexBytes reads a JSON string of hexadecimal digits.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	*h = b
	return err
}

type vectors struct {
	PRS, CI, SID    hexBytes
	GeneratorString hexBytes `json:"generator_string"`
	Generator       hexBytes
	ScalarA         hexBytes `json:"ya"`
	ADA             hexBytes `json:"ad_a"`
	ShareA          hexBytes `json:"share_a"`
	ScalarB         hexBytes `json:"yb"`
	ADB             hexBytes `json:"ad_b"`
	ShareB          hexBytes `json:"share_b"`
	K               hexBytes
	ISK             hexBytes `json:"isk_ir"`
	ISKSymmetric    hexBytes `json:"isk_symmetric"`
	Valid           struct{ S, X, Product hexBytes }
	Invalid         []hexBytes
}

func loadVectors(t *testing.T) vectors {
	t.Helper()
	data, err := os.ReadFile("testdata/ristretto255.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v vectors) inputs() Inputs { return Inputs{Password: v.PRS, Channel: v.CI, Session: v.SID} }

func scalar(t *testing.T, b []byte) *ristretto255.Scalar {
	t.Helper()
	s := ristretto255.NewScalar()
	if err := s.Decode(b); err != nil {
		t.Fatalf("scalar %x: %v", b, err)
	}
	return s
}

func equal(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s\n got %x\nwant %x", what, got, want)
	}
}

func TestVectorsGenerator(t *testing.T) {
	v := loadVectors(t)
	equal(t, "generator string", generatorString(v.inputs()), v.GeneratorString)
	equal(t, "generator", generator(v.inputs()).Encode(nil), v.Generator)
}

func TestVectorsRun(t *testing.T) {
	v := loadVectors(t)
	a := newParty(v.inputs(), scalar(t, v.ScalarA))
	b := newParty(v.inputs(), scalar(t, v.ScalarB))
	shareA, shareB := a.Share(), b.Share()
	equal(t, "Ya", shareA[:], v.ShareA)
	equal(t, "Yb", shareB[:], v.ShareB)
	for _, side := range []struct {
		scalar, share []byte
	}{{v.ScalarA, v.ShareB}, {v.ScalarB, v.ShareA}} {
		k, err := scalarMultVerify(scalar(t, side.scalar), side.share)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "K", k, v.K)
	}

	ir := transcript(v.ShareA, v.ADA, v.ShareB, v.ADB)
	tests := map[string]struct {
		party      *Party
		theirs     []byte
		transcript []byte
		want       []byte
	}{
		"initiator":           {a, v.ShareB, ir, v.ISK},
		"responder":           {b, v.ShareA, ir, v.ISK},
		"symmetric, one side": {a, v.ShareB, ordered(v), v.ISKSymmetric},
		"symmetric, other":    {b, v.ShareA, ordered(v), v.ISKSymmetric},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := tt.party.key(tt.theirs, tt.transcript)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "ISK", got, tt.want)
		})
	}
}

// ordered is the draft's transcript_oc, which only its vectors need here.
func ordered(v vectors) []byte {
	a, b := lvCat(v.ShareA, v.ADA), lvCat(v.ShareB, v.ADB)
	if bytes.Compare(a, b) < 0 {
		a, b = b, a
	}
	return slices.Concat([]byte("oc"), a, b)
}

func TestVectorsScalarMultVerify(t *testing.T) {
	v := loadVectors(t)
	got, err := scalarMultVerify(scalar(t, v.Valid.S), v.Valid.X)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "product", got, v.Valid.Product)
	for _, share := range v.Invalid {
		if _, err := scalarMultVerify(scalar(t, v.Valid.S), share); !errors.Is(err, ErrInvalidShare) {
			t.Errorf("share %x: error %v, want ErrInvalidShare", share, err)
		}
	}
}

func TestInvalidShares(t *testing.T) {
	p, err := New(Inputs{Password: []byte("secret"), Session: []byte("1")})
	if err != nil {
		t.Fatal(err)
	}
	for name, share := range map[string][]byte{
		"empty":         nil,
		"short":         make([]byte, ShareSize-1),
		"long":          make([]byte, ShareSize+1),
		"identity":      make([]byte, ShareSize),
		"not canonical": bytes.Repeat([]byte{0xff}, ShareSize),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := p.InitiatorKey(share); !errors.Is(err, ErrInvalidShare) {
				t.Errorf("InitiatorKey: error %v, want ErrInvalidShare", err)
			}
			if _, err := p.ResponderKey(share); !errors.Is(err, ErrInvalidShare) {
				t.Errorf("ResponderKey: error %v, want ErrInvalidShare", err)
			}
		})
	}
}

func TestLVCat(t *testing.T) {
	long := make([]byte, 128)
	for i := range long {
		long[i] = byte(i)
	}
	for name, tt := range map[string]struct {
		parts [][]byte
		want  []byte
	}{
		"empty":     {[][]byte{{}}, []byte{0}},
		"parts":     {[][]byte{[]byte("1234"), []byte("5"), nil, []byte("678")}, []byte("\x041234\x015\x00\x03678")},
		"127 bytes": {[][]byte{long[:127]}, append([]byte{0x7f}, long[:127]...)},
		"128 bytes": {[][]byte{long}, append([]byte{0x80, 0x01}, long...)},
		"transcript": {
			[][]byte{[]byte("123"), []byte("PartyA"), []byte("234"), []byte("PartyB")},
			[]byte("\x03123\x06PartyA\x03234\x06PartyB"),
		},
	} {
		t.Run(name, func(t *testing.T) { equal(t, "lv_cat", lvCat(tt.parts...), tt.want) })
	}
}

// The padding fills the first block exactly while the password is short, and
// vanishes when the password itself is longer than a block.
func TestGeneratorStringPadding(t *testing.T) {
	for _, n := range []int{0, 1, 108, 109, 110, 127, 128, 1000} {
		in := Inputs{Password: bytes.Repeat([]byte("x"), n), Channel: []byte("C"), Session: []byte("S")}
		got := generatorString(in)
		if tail := []byte("\x01C\x01S"); !bytes.HasSuffix(got, tail) {
			t.Errorf("length %d: no channel and session at the end: %x", n, got)
		} else if first := len(got) - len(tail); n <= 108 && first != sha512.BlockSize {
			t.Errorf("length %d: the password's part is %d bytes, want one block", n, first)
		}
	}
}

// Keys are equal exactly if password, channel and session are.
func TestKeysEqualIffInputsEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([][]byte{nil, []byte("a"), []byte("ab"), []byte("b")})
		draw := func(label string) Inputs {
			return Inputs{
				Password: word.Draw(t, label+" password"),
				Channel:  word.Draw(t, label+" channel"),
				Session:  word.Draw(t, label+" session"),
			}
		}
		inA, inB := draw("a"), draw("b")
		same := bytes.Equal(inA.Password, inB.Password) &&
			bytes.Equal(inA.Channel, inB.Channel) && bytes.Equal(inA.Session, inB.Session)
		a, err := New(inA)
		if err != nil {
			t.Fatal(err)
		}
		b, err := New(inB)
		if err != nil {
			t.Fatal(err)
		}
		shareA, shareB := a.Share(), b.Share()
		keyA, errA := a.InitiatorKey(shareB[:])
		keyB, errB := b.ResponderKey(shareA[:])
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if len(keyA) != KeySize || bytes.Equal(keyA, keyB) != same {
			t.Fatalf("inputs %+v and %+v: equal keys = %v", inA, inB, !same)
		}
	})
}
