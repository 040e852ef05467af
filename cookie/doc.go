// Package cookie lets two nodes prove to each other that they share a cookie,
// a secret string, and keeps the file where a user's cookie lives.
//
// The proof is part of the TLS 1.3 handshake that QUIC runs anyway and costs no
// round trip of its own. It is CPace (draft-irtf-cfrg-cpace, package
// [github.com/wnode/wnode/cookie/cpace]), a password-authenticated key
// exchange: whoever takes part in a handshake, or watches one, learns whether
// one guess of the cookie was right and nothing with which to test others
// offline. A cookie as weak as a word is therefore only as easy to guess as the
// listening node lets strangers try, which [Limiter] bounds per address.
//
// # The run
//
// The dialling node I and the listening node R use their cookie as CPace's
// password; the channel identifier is the protocol's label, I's name and the
// name that I expects R to have.
//
//  1. I offers one ALPN protocol name, the [Token]: a session identifier, I's
//     share Ya and I's node name.
//  2. R selects that same name, and answers with a self-signed Ed25519
//     certificate made for this connection. A private extension in it holds R's
//     share Yb and MAC_R, a MAC over the token, Yb, R's public key and R's name.
//  3. I verifies MAC_R and only then sends a certificate of its own, with MAC_I
//     over the token, Yb, both public keys and I's name.
//  4. R verifies MAC_I. Only then does the handshake complete on its side.
//
// Each MAC has a key of its own, derived from CPace's key for the sender's
// role, and covers every field after its length. TLS itself proves
// that each side holds the key of the certificate that it showed, so that a MAC
// over that key binds the proof to this very connection: somebody in the middle
// cannot pass it on.
//
// A node may accept two cookies while a cluster changes from one to the other.
// R then answers for both, with two shares and two MACs; I offers its cookies
// one attempt after the other.
//
// # Parts
//
// [Initiator] and [Responder] are the handshake as state machines without
// I/O. [Authenticator] runs them inside crypto/tls: it makes the configurations
// to dial and to listen with. [Secret] is a cookie that cannot be printed.
// [Load], [Create], [New] and [Resolve] find and make cookies.
package cookie
