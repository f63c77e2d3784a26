// Package storage holds the bytes of a warehouse and of a trail archive: named
// objects under one root. It knows nothing of what an object means.
//
// Start with [Open]. Implementations are held to one contract by the suite in
// storagetest; [Storage] says what that contract is.
package storage

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

var (
	// ErrNotExist is wrapped by every error about an object that is not there.
	ErrNotExist = errors.New("object does not exist")
	// ErrExist is wrapped by the error of a PutNew whose name is taken, and of
	// a Writer's Commit where the storage can tell.
	ErrExist = errors.New("object already exists")
	// ErrName is wrapped by the error about a name that is not relative and
	// clean, or that the storage keeps for itself.
	ErrName = errors.New("invalid object name")
	// ErrChanged is wrapped by the error of reading an object that somebody has
	// replaced since it was opened, and of a Swap that came too late.
	ErrChanged = errors.New("object has changed")
	// ErrDenied is wrapped by the error of an operation that the caller's rights
	// do not allow on this object or prefix; others may be allowed. The text
	// names the right that is missing where the storage says so.
	ErrDenied = errors.New("access denied")
	// ErrCredentials is wrapped by the error of an operation that failed because
	// nobody knows the caller (any more): nothing else will work either.
	ErrCredentials = errors.New("credentials are missing or not valid")
	// ErrUnknown is wrapped by the error of a PutNew, a Swap or a Writer's Commit
	// that may have stored the object all the same, or may do so even later.
	ErrUnknown = errors.New("outcome unknown")
)

// Object is one entry of a listing.
type Object struct {
	Name     string    // relative to the root, slash-separated, clean
	Size     int64     // bytes
	Modified time.Time // UTC
	// ETag changes whenever the content may have changed. A local folder has
	// none of its own, so it is made of size and modification time (ns): it
	// misses a rewrite of equal size within the clock's tick, some milliseconds.
	ETag string
}

// Storage is a flat set of named objects. Names are slash-separated, relative
// and clean ("a/b", never "/a", "a/../b" or ""); apart from that they are bytes,
// not necessarily UTF-8. Every method is safe for concurrent use and returns as
// soon as it can once ctx is done.
type Storage interface {
	// Root is the absolute URI of the root without a trailing slash, as other
	// programs would write it: an absolute path for a local folder.
	Root() string

	// Open opens an object for reading. The caller closes the reader.
	Open(ctx context.Context, name string) (Reader, error)

	// Stat describes one object.
	Stat(ctx context.Context, name string) (Object, error)

	// List yields every object whose name starts with prefix+"/" (all of them
	// for ""), in byte order of the names. What cannot be listed is yielded as
	// an error and the listing goes on behind it. A prefix that does not exist
	// is an empty listing.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]

	// Create starts a new object under a name that nobody uses yet. Nothing is
	// visible until Writer.Commit.
	Create(ctx context.Context, name string) (Writer, error)

	// PutNew stores a small object whole, durable on return, only if the name
	// is free: of any number of concurrent calls exactly one succeeds and the
	// others return ErrExist.
	PutNew(ctx context.Context, name string, data []byte) error

	// Put stores a small object whole, durable on return, replacing what was
	// there; readers see the old or the new content, never a mixture.
	Put(ctx context.Context, name string, data []byte) error

	// Remove deletes an object. A missing object is not an error.
	Remove(ctx context.Context, name string) error
}

// Reader reads one object as it was when it was opened: Size bytes. ReadAt is
// safe for concurrent use.
type Reader interface {
	io.Reader
	io.ReaderAt
	io.Closer
	Size() int64
}

// Writer makes one object. Exactly one of Commit and Abort ends it; the other is
// harmless afterwards: a Commit behind an Abort stores nothing and says so, an
// Abort behind a Commit does nothing. A Writer is not safe for concurrent use.
type Writer interface {
	io.Writer
	// Commit makes the object durable and then visible, whole, under its name.
	// It fails if a Write failed, and when it fails there is nothing to abort.
	Commit() error
	// Abort drops what was written. Its failure leaves only a temporary object
	// that a later sweep removes.
	Abort() error
}

// Sweeper is a Storage that can clean up after writers which died between
// Create and the end of their Writer.
type Sweeper interface {
	// Sweep removes all temporary objects and says how many there were. The
	// caller makes sure that no Writer is open; Put and PutNew may go on beside
	// it.
	Sweep(ctx context.Context) (removed int, err error)
}

// Range narrows a listing.
type Range struct {
	Prefix string // as in Storage.List
	After  string // only names behind this one; "" is all
	// Folders lists only what lies directly below Prefix. A folder is an Object
	// whose Name ends in a slash and that has nothing else.
	Folders bool
}

// RangeLister is a Storage that can list a part without listing the rest.
type RangeLister interface {
	// ListRange is List, narrowed.
	ListRange(ctx context.Context, r Range) iter.Seq2[Object, error]
}

// Versioned is a Reader that knows the ETag of what it reads, in the form of
// [Object].ETag.
type Versioned interface{ ETag() string }

// MetadataReader is a Storage whose objects have metadata of their own.
type MetadataReader interface {
	// Metadata returns what was stored with an object, by lower-case name.
	Metadata(ctx context.Context, name string) (map[string]string, error)
}

// Swapper is a Storage that can replace an object only if it is still what the
// caller thinks it is, which is enough to agree on who does what.
type Swapper interface {
	// Load returns a small object whole, its ETag, and how old it is by the
	// storage's own clock.
	Load(ctx context.Context, name string) (data []byte, etag string, age time.Duration, err error)
	// Swap stores an object whole if its ETag is still etag, or with "" if there
	// is none, and returns its new ETag. Else the error wraps ErrChanged.
	Swap(ctx context.Context, name, etag string, data []byte) (newETag string, err error)
}

// ReadAll returns a whole object. It is for small ones. If somebody replaces the
// object meanwhile, it is read again.
func ReadAll(ctx context.Context, s Storage, name string) ([]byte, error) {
	for try := 0; ; try++ {
		data, err := readAll(ctx, s, name)
		if !errors.Is(err, ErrChanged) || try == 10 {
			return data, err
		}
	}
}

func readAll(ctx context.Context, s Storage, name string) ([]byte, error) {
	r, err := s.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, r.Size())
	if _, err := io.ReadFull(r, data); err != nil {
		return data, err
	}
	// Only at the end does a storage know that what it sent is what it has.
	if _, err := r.Read(make([]byte, 1)); err != nil && err != io.EOF {
		return data, err
	}
	return data, nil
}
