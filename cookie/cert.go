package cookie

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"
)

// proofOID names the certificate extension that holds a proof. It lies in the
// arc for experiments (1.3.6.1.3, RFC 1155): no certificate of this
// handshake is ever seen outside of the connection that it was made for.
var proofOID = asn1.ObjectIdentifier{1, 3, 6, 1, 3, 7369, 1}

// A certificate's validity says nothing here, and must not depend on a clock.
// The end is the one that means none (RFC 5280, section 4.1.2.5).
var (
	notBefore = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)
	notAfter  = time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)
)

// newCertificate makes a self-signed certificate that shows proof.
func newCertificate(key ed25519.PrivateKey, proof []byte) (*tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber:    big.NewInt(1),
		NotBefore:       notBefore,
		NotAfter:        notAfter,
		KeyUsage:        x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: proofOID, Value: proof}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("cookie: making a certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// peerProof takes key and proof out of the peer's certificates, of which there
// must be exactly one. It verifies no signature: that the peer holds the key is what
// TLS itself makes sure of, and nothing else in the certificate counts.
func peerProof(certs []*x509.Certificate) (proof []byte, key ed25519.PublicKey, err error) {
	if len(certs) != 1 {
		return nil, nil, fmt.Errorf("%w: %d certificates", ErrMalformedProof, len(certs))
	}
	key, ok := certs[0].PublicKey.(ed25519.PublicKey)
	if !ok {
		return nil, nil, fmt.Errorf("%w: the key is not Ed25519", ErrMalformedProof)
	}
	found := 0
	for _, extension := range certs[0].Extensions {
		if extension.Id.Equal(proofOID) {
			proof = extension.Value
			found++
		}
	}
	if found != 1 {
		return nil, nil, fmt.Errorf("%w: %d extensions", ErrMalformedProof, found)
	}
	return proof, key, nil
}
