package wnode

import (
	"crypto/hmac"
	"crypto/sha256"
	"path/filepath"

	"github.com/wnode/wnode/cookie"
)

// cacheResets is the file in the cache with the secret that reset keys come from.
const cacheResets = "resets"

// resetKey gives the key by which the next run of this node has the peers of this one know, nil when there
// is none. It comes from a secret that this user's nodes alone have, not from the cookie: with tokens
// that come of a cookie anybody could try out guesses of it, and every node could reset the links of
// all others. Each name has a key of its own, since a node gives the token of any connection that it does not know.
func (n *Node) resetKey() *[32]byte {
	if n.opts.CacheDir == "" {
		return nil
	}
	// What makes and keeps cookies does all that this secret needs too.
	secret, err := cookie.Create(filepath.Join(n.opts.CacheDir, cacheResets))
	if err != nil {
		n.log.Warn("if this node is killed and started again, other nodes will be slow to notice", "err", err)
		return nil
	}
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte("wnode stateless reset\x00" + n.Name()))
	return (*[32]byte)(mac.Sum(nil))
}
