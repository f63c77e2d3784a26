package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// tempDir holds what is being written. It lies under the root, so that the
// final link never crosses a file system, and no name may begin with it.
const tempDir = ".tmp"

// Open returns the storage that uri names: a path, or a file:// URI. A path is
// taken as it is, a URI is percent-decoded. The folder need not exist yet.
func Open(uri string) (Storage, error) {
	scheme, rest, ok := strings.Cut(uri, "://")
	switch {
	case !ok:
		return NewFolder(uri)
	case scheme != "file":
		return nil, fmt.Errorf("open storage %q: %w: use a path or a file:// URI", uri, errors.ErrUnsupported)
	}
	host, _, _ := strings.Cut(rest, "/")
	if host != "" && host != "localhost" {
		return nil, fmt.Errorf("open storage %q: a file URI names no host: write file:///path", uri)
	}
	p, err := url.PathUnescape(strings.TrimPrefix(rest, host))
	if err != nil {
		return nil, fmt.Errorf("open storage %q: %w", uri, err)
	}
	return NewFolder(p)
}

// Folder is a local folder as a [Storage]. The root may be a symbolic link.
// Below it, links to files are followed; a link to a folder is reported by List
// as an error, never entered, so that a listing always ends. What is neither
// file, folder nor link is left out.
type Folder struct {
	root string

	mu     sync.Mutex
	synced map[string]bool // folders that exist and whose entry in their parent is durable
}

var (
	_ Storage = (*Folder)(nil)
	_ Sweeper = (*Folder)(nil)
)

// NewFolder returns the folder at a path. It is made by the first write.
func NewFolder(name string) (*Folder, error) {
	if name == "" {
		return nil, errors.New("open folder: empty path")
	}
	root, err := filepath.Abs(name)
	if err != nil {
		return nil, fmt.Errorf("open folder %q: %w", name, err)
	}
	if info, err := os.Stat(root); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("open folder %q: %w", name, syscall.ENOTDIR)
	}
	return &Folder{root: root, synced: map[string]bool{}}, nil
}

// Root is the absolute path of the folder.
func (f *Folder) Root() string { return f.root }

// Open implements [Storage].
func (f *Folder) Open(ctx context.Context, name string) (Reader, error) {
	p, err := f.path(ctx, "open", name)
	if err != nil {
		return nil, err
	}
	r := &fileReader{}
	for {
		// A pipe in an archive must not hang the reader, hence O_NONBLOCK.
		r.fd, err = syscall.Open(p, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		return nil, nameError("open", name, notExist(err))
	}
	var info syscall.Stat_t
	if err = syscall.Fstat(r.fd, &info); err == nil && info.Mode&syscall.S_IFMT != syscall.S_IFREG {
		err = ErrNotExist
	}
	if err != nil {
		return nil, errors.Join(nameError("open", name, err), r.Close())
	}
	r.size = info.Size
	return r, nil
}

// Stat implements [Storage].
func (f *Folder) Stat(ctx context.Context, name string) (Object, error) {
	p, err := f.path(ctx, "stat", name)
	if err != nil {
		return Object{}, err
	}
	info, err := os.Stat(p)
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNotExist
	}
	if err != nil {
		return Object{}, nameError("stat", name, notExist(err))
	}
	return object(name, info), nil
}

// Remove implements [Storage]. Folders that become empty stay.
func (f *Folder) Remove(ctx context.Context, name string) error {
	p, err := f.path(ctx, "remove", name)
	if err != nil {
		return err
	}
	if err := syscall.Unlink(p); err != nil && !missing(err) {
		return nameError("remove", name, err)
	}
	return nil
}

func object(name string, info fs.FileInfo) Object {
	t := info.ModTime().UTC()
	return Object{
		Name:     name,
		Size:     info.Size(),
		Modified: t,
		ETag:     strconv.FormatInt(info.Size(), 16) + "-" + strconv.FormatInt(t.UnixNano(), 16),
	}
}

// path checks ctx and the name of an object and returns where it lies.
func (f *Folder) path(ctx context.Context, verb, name string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", nameError(verb, name, err)
	}
	if name == "" || name == "." || name == ".." || name[0] == '/' || strings.HasPrefix(name, "../") ||
		path.Clean(name) != name || strings.IndexByte(name, 0) >= 0 ||
		name == tempDir || strings.HasPrefix(name, tempDir+"/") {
		return "", nameError(verb, name, ErrName)
	}
	return f.root + "/" + name, nil
}

// missing reports whether err says that there is no such file: nothing of that
// name, or a file where the name wants a folder.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// notExist turns missing into the sentinel of this package.
func notExist(err error) error {
	if missing(err) {
		return ErrNotExist
	}
	return err
}

// nameError says what was done to which object. The name is quoted, because it
// may be hostile, and the path in a *PathError is left out, because it is the
// same name again.
func nameError(verb, name string, err error) error {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		err = perr.Err
	}
	if errors.Is(err, fs.ErrExist) {
		err = ErrExist
	}
	return fmt.Errorf("%s %q: %w", verb, name, err)
}
