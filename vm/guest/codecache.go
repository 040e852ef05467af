package guest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"sync/atomic"

	"github.com/tetratelabs/wazero"

	"github.com/wnode/wnode/abi"
	"github.com/wnode/wnode/vm/module"
)

// codeCache is the runtime's cache of compiled code, in place of the one of its own, which has no bound, believes
// what it reads and fails to compile what it cannot write. The runtime calls Get, Add and Delete, and gives them a key
// made of the module as it was rewritten and the features of the processor.
type codeCache struct {
	store   *module.CodeStore
	wazero  wazero.CompilationCache // that uses it
	runtime string                  // version, processor and system
	log     *slog.Logger
	failed  atomic.Bool // something could not be kept, and the log has it
}

// openCodeCache gives a cache in a folder that a runtime can use, and nil when no code can be kept there, which the log tells.
func openCodeCache(dir string, most int64, log *slog.Logger) *codeCache {
	store, err := module.OpenCodeStore(module.CodeOptions{Dir: dir, DiskBytes: most, Logger: log})
	if err == nil {
		c := &codeCache{store: store, log: log}
		if c.wazero, err = newCompilationCache(c, dir); err == nil {
			return c
		}
	}
	log.Warn("compiled code is not kept on disk", "err", err)
	return nil
}

// errRuntimeCache says that the runtime is not the one that this package was written for.
var errRuntimeCache = errors.New("the runtime's cache cannot be replaced in this version of it")

// newCompilationCache makes the runtime use c. The runtime has an interface for that, but does not let others give
// it one: it has to be put into its field. What is in the field says which version this is, by the name of the folder that
// it would use.
func newCompilationCache(c *codeCache, dir string) (wazero.CompilationCache, error) {
	own, err := os.MkdirTemp(dir, "runtime-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(own)
	cache, err := wazero.NewCompilationCacheWithDir(own)
	if err != nil {
		return nil, err
	}
	field, version := cacheField(cache)
	if version == "" || !reflect.TypeOf(c).Implements(field.Type()) {
		return nil, errors.Join(errRuntimeCache, cache.Close(context.Background()))
	}
	c.runtime = version
	reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem().Set(reflect.ValueOf(c))
	return cache, nil
}

// cacheField finds the field of a cache with what it keeps files with, and the name of the folder of the
// runtime's version, "" when it is not as it should be.
func cacheField(cache wazero.CompilationCache) (field reflect.Value, version string) {
	v := reflect.ValueOf(cache)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return field, ""
	}
	field = v.Elem().FieldByName("fileCache")
	if !field.IsValid() || field.Kind() != reflect.Interface || field.IsNil() {
		return field, ""
	}
	files := reflect.Indirect(field.Elem())
	if files.Kind() != reflect.Struct {
		return field, ""
	}
	path := files.FieldByName("dirPath")
	if !path.IsValid() || path.Kind() != reflect.String {
		return field, ""
	}
	return field, filepath.Base(path.String())
}

// key is the runtime's, for one version of it, one kind of processor and one system.
func (c *codeCache) key(key [sha256.Size]byte) abi.Hash {
	return sha256.Sum256(append(key[:], c.runtime...))
}

// Get gives code that was added; nothing else can be what it is then.
func (c *codeCache) Get(key [sha256.Size]byte) (content io.ReadCloser, ok bool, err error) {
	code := c.store.Get(c.key(key))
	if code == nil {
		return nil, false, nil
	}
	return io.NopCloser(bytes.NewReader(code)), true, nil
}

// Add keeps code. That it cannot is no reason not to run it.
func (c *codeCache) Add(key [sha256.Size]byte, content io.Reader) error {
	if err := c.store.Put(c.key(key), content); err != nil {
		c.cannotKeep(err)
	}
	return nil
}

// cannotKeep tells the log, once.
func (c *codeCache) cannotKeep(err error) {
	if !c.failed.Swap(true) {
		c.log.Warn("compiled code is not kept on disk", "err", err)
	}
}

// Delete forgets code that the runtime has no use for.
func (c *codeCache) Delete(key [sha256.Size]byte) error {
	c.store.Delete(c.key(key))
	return nil
}
