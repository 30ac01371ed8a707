// Package store is the contract between the origin and what keeps its bytes:
// objects (segments and initialization sections) and journals (the append-only
// record of what was published).
//
// An engine implements Store and passes the suite in store/storetest. The
// contract leaves room for three kinds: memory, a directory of files, and a
// distributed engine whose nodes share journals.
package store

import (
	"context"
	"errors"
	"io"
)

var (
	// ErrNotFound: there is no object under this key.
	ErrNotFound = errors.New("object not found")
	// ErrExists: an object was already committed under this key. Objects are immutable, so
	// a key is used only once.
	ErrExists = errors.New("object already exists")
	// ErrFull: the engine's capacity does not allow the write.
	ErrFull = errors.New("store is full")
	// ErrConflict: the journal's last revision is not the expected one; somebody
	// else appended. Read what was appended, decide again.
	ErrConflict = errors.New("journal has moved on")
	// ErrTooLarge: the journal does not take records of this size. Every engine takes those
	// of up to 512 KiB.
	ErrTooLarge = errors.New("record is too large")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store is closed")
	// ErrKey: the key or journal name does not fit the grammar of ValidKey.
	ErrKey = errors.New("invalid key")
)

// Store is one engine instance. All its methods, and those of what it returns, may be
// called by many goroutines at once, unless they say otherwise. A context covers the call
// it is given to, not the writer, object or journal that the call returns.
type Store interface {
	Objects
	// Journal opens the journal of this name, and creates it if there is none.
	// Opening one name twice gives two handles to the same journal. The name
	// follows ValidKey.
	Journal(ctx context.Context, name string) (Journal, error)
	// Usage says how full the store is now.
	Usage() Usage
	// Close waits for writers, which may still commit, and for open objects, then frees
	// what the engine holds. Calls made after it began fail with ErrClosed.
	Close() error
}

// Objects keeps immutable byte sequences under keys chosen by the caller.
type Objects interface {
	// Create starts an object. Nobody sees it before Commit. size is the length
	// the sender announced, or -1; it is a hint and never trusted: an engine
	// allocates as bytes arrive. Errors: ErrKey, ErrExists, ErrFull, ErrClosed.
	Create(ctx context.Context, key string, size int64) (Writer, error)
	// Open returns the committed object. The caller closes it. Errors:
	// ErrNotFound, ErrKey, ErrClosed.
	Open(ctx context.Context, key string) (Object, error)
	// Delete removes the object; removing what is not there is not an error. Readers that
	// have it open can read to the end; its space is freed when the last of them closes it.
	Delete(ctx context.Context, key string) error
	// List calls yield for every committed object whose key begins with prefix, in no
	// order, until yield returns an error, which List returns. After a crash, the caller
	// uses it to find objects that no record mentions. yield may use the store. Errors:
	// ErrClosed.
	List(ctx context.Context, prefix string, yield func(key string, size int64) error) error
}

// Writer receives one object. It is used by one goroutine. After an error of
// Write or ReadFrom, that of the source included, it is only good for Abort:
// Commit returns the same error.
type Writer interface {
	// Write appends. ErrFull when the capacity is reached.
	io.Writer
	// ReadFrom reads r to its end straight into the engine's own buffers: with
	// io.TeeReader around the source, a prober sees every byte without a copy.
	io.ReaderFrom
	// Commit makes the object visible, whole and at once. After an error there
	// is no object. Errors: ErrExists, ErrFull, ErrClosed, which also answers a
	// second Commit and one after Abort.
	Commit() error
	// Abort drops what was written. After Commit, or when called again, it does
	// nothing: defer it.
	Abort()
}

// Object is an open, immutable object. ReadAt and WriteTo may be called by many goroutines
// at once; after Close they fail with ErrClosed. A destination of WriteTo must not keep the
// slices it is given, as io.Writer demands: the engine reuses the memory.
type Object interface {
	Size() int64
	io.ReaderAt
	// WriteTo writes the whole object, from the engine's own buffers where it
	// can.
	io.WriterTo
	io.Closer
}

// Journal is an append-only list of records with revisions 1, 2, 3, ...
type Journal interface {
	// Append adds records, in order, after revision last (0 for a journal that never held one) and
	// returns the revision of the last of them. If last is not the journal's last revision,
	// nothing is written and the error is ErrConflict: of several nodes that append the
	// same slot, one wins. When it returns, the records are as durable as the engine
	// promises; on a disk, many cost about as much as one. The engine keeps a copy. They are never
	// refused for lack of capacity, so that a store full of objects can still record what becomes
	// of them. Errors: ErrConflict, ErrTooLarge, ErrClosed. After any other, one record may have
	// been written, or, with an engine of several nodes, may still be: read on, or append the same
	// again. Of several, the first ones may have been written after any error but ErrTooLarge and
	// ErrClosed; with an engine of several nodes, also where another node came between: read on.
	Append(ctx context.Context, last uint64, records ...[]byte) (uint64, error)
	// Read calls yield for every record past revision after that is still kept, in order,
	// until yield returns an error, which Read returns. record is only valid during the
	// call. yield may use the journal. Records that are appended after the call began may
	// be left out.
	Read(ctx context.Context, after uint64, yield func(revision uint64, record []byte) error) error
	// Last is the revision of the last record, 0 if there never was one. It
	// survives Forget.
	Last(ctx context.Context) (uint64, error)
	// Forget allows the engine to drop records before the revision. They may
	// stay visible until it does, but for all of them: an engine of one node shows none
	// from then on, also after a restart.
	Forget(ctx context.Context, before uint64) error
}

// Persistent is what an engine also implements if it keeps its content when the process
// ends. Any other is gone with the process, and a channel that is taken out of the config
// deletes what it had in it.
type Persistent interface {
	Persistent() bool
}

// Resizable is what an engine also implements if its capacity can be changed
// while it is open; 0 means none. What is over a smaller capacity stays until it
// is deleted.
type Resizable interface {
	SetCapacity(capacity int64)
}

// Usage says how full a store is.
type Usage struct {
	// Bytes is what committed objects, unfinished writes and journals occupy,
	// with what the engine needs around them.
	Bytes int64
	// Capacity is the limit of Bytes up to which objects are taken; 0 means none.
	Capacity int64
	// Free is how much more the engine can take before it is full: what Capacity and the disk or the
	// memory of the machine, with its other users, leave. Below zero: unlimited, or not known.
	Free int64
	// Scarce is what leaves less than Capacity does: "disk", "memory", or nothing.
	Scarce string
	// Objects is the number of committed objects.
	Objects int64
}

// ValidKey reports whether key is one that every engine takes: 1 to 255 bytes
// of a-z, A-Z, 0-9, "-", "_", "." and "/", where "/" separates parts that are
// not empty and do not begin with ".".
func ValidKey(key string) bool {
	if len(key) == 0 || len(key) > 255 {
		return false
	}
	first := true
	for i := range len(key) {
		c := key[i]
		switch {
		case c == '/':
			if first {
				return false
			}
			first = true
			continue
		case c == '.':
			if first {
				return false
			}
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
		first = false
	}
	return !first
}
