package guest

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm/module/rewrite"
)

// keepRewritten is from which size on, in bytes, it is worth a file what a module was rewritten to. To rewrite that much takes
// some 5 ms.
const keepRewritten = 256 << 10

// rewriteModule rewrites a module, or finds what it was rewritten to beside the compiled code, which is of the same trust.
func (e *Engine) rewriteModule(content []byte, opts rewrite.Options) (*rewrite.Result, error) {
	if e.onDisk == nil || len(content) < keepRewritten || opts.Explain {
		return rewrite.Module(content, opts)
	}
	key := rewrittenKey(content, opts)
	if kept := e.onDisk.store.Get(key); kept != nil {
		result := new(rewrite.Result)
		err := result.UnmarshalBinary(kept)
		if err == nil {
			return result, nil
		}
		e.opts.Logger.Warn("cannot use a file of compiled code", "err", err)
	}
	result, err := rewrite.Module(content, opts)
	if err != nil {
		return nil, err
	}
	b, err := result.MarshalBinary()
	if err == nil {
		err = e.onDisk.store.Put(key, bytes.NewReader(b))
	}
	if err != nil {
		e.onDisk.cannotKeep(err)
	}
	return result, nil
}

// rewrittenKey says what a module was rewritten from and by what.
func rewrittenKey(content []byte, opts rewrite.Options) abi.Hash {
	return sha256.Sum256(fmt.Appendf(nil, "rewritten %d %+v %x", rewrite.Version, opts, sha256.Sum256(content)))
}
