package s3

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strings"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/trailql/trailql/catalog/storage"
)

// List implements [storage.Storage]. Folder markers, empty objects whose key
// ends in a slash, are left out; a key that makes no name is yielded as an
// error.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[storage.Object, error] {
	return b.ListRange(ctx, storage.Range{Prefix: prefix})
}

// ListRange implements [storage.RangeLister]. It holds two pages, of at most a
// thousand entries each.
func (b *Bucket) ListRange(ctx context.Context, r storage.Range) iter.Seq2[storage.Object, error] {
	return func(yield func(storage.Object, error) bool) {
		if err := b.list(ctx, r, yield); err != nil {
			yield(storage.Object{}, err)
		}
	}
}

func (b *Bucket) list(ctx context.Context, r storage.Range, yield func(storage.Object, error) bool) error {
	in := &s3.ListObjectsV2Input{
		Bucket:       &b.name,
		Prefix:       aws.String(b.prefix),
		EncodingType: types.EncodingTypeUrl, // XML cannot hold every character
		RequestPayer: b.payer,
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("list %q: %w", r.Prefix, err)
	}
	if r.Prefix != "" {
		if !validName(r.Prefix) {
			return fmt.Errorf("list %q: %w", r.Prefix, storage.ErrName)
		}
		in.Prefix = aws.String(b.prefix + r.Prefix + "/")
	}
	if r.After != "" {
		in.StartAfter = aws.String(b.prefix + r.After)
	}
	if r.Folders {
		in.Delimiter = aws.String("/")
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // of a page that nobody waits for
	page := b.fetch(ctx, *in)
	for {
		got := <-page
		if got.err != nil {
			return b.failure(ctx, "list", r.Prefix, actionList, got.err)
		}
		more := aws.ToBool(got.out.IsTruncated)
		if more {
			next := aws.ToString(got.out.NextContinuationToken)
			if next == "" || next == aws.ToString(in.ContinuationToken) {
				return fmt.Errorf("list %q: the server ends the listing in the middle", r.Prefix)
			}
			in.ContinuationToken = &next
			page = b.fetch(ctx, *in)
		}
		entries, err := got.entries()
		if err != nil {
			return fmt.Errorf("list %q: %w", r.Prefix, err)
		}
		for _, e := range entries {
			name := strings.TrimPrefix(e.key, b.prefix)
			if name <= r.After && r.After != "" {
				continue // a folder that begins before and ends behind it
			}
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("list %q: %w", r.Prefix, err)
			}
			if !b.yield(e, name, got.encoded(), yield) {
				return nil
			}
		}
		if !more {
			return nil
		}
	}
}

func (b *Bucket) yield(e entry, name string, encoded bool, yield func(storage.Object, error) bool) bool {
	folder := strings.HasSuffix(name, "/")
	switch {
	case folder && e.object != nil && aws.ToInt64(e.object.Size) == 0, name == "" && e.object != nil && aws.ToInt64(e.object.Size) == 0:
		return true
	case folder && e.object == nil && validName(strings.TrimSuffix(name, "/")):
		return yield(storage.Object{Name: name}, nil)
	case e.object == nil || !validName(name) || !encoded && strings.ContainsRune(name, unicode.ReplacementChar):
		return yield(storage.Object{}, fmt.Errorf("list %q: %w", name, storage.ErrName))
	}
	return yield(object(name, e.object.Size, e.object.LastModified, e.object.ETag), nil)
}

// page is an answer to a request for a page.
type page struct {
	out *s3.ListObjectsV2Output
	err error
}

func (b *Bucket) fetch(ctx context.Context, in s3.ListObjectsV2Input) <-chan page {
	c := make(chan page, 1)
	go func() {
		out, err := b.client.ListObjectsV2(ctx, &in)
		c <- page{out, err}
	}()
	return c
}

// entry is an object, or without one a folder.
type entry struct {
	key    string
	object *types.Object
}

// entries are a page's objects and folders in order.
func (p page) entries() ([]entry, error) {
	objects, folders := p.out.Contents, p.out.CommonPrefixes
	all := make([]entry, 0, len(objects)+len(folders))
	for len(objects)+len(folders) > 0 {
		var o, f string
		var err, ferr error
		if len(objects) > 0 {
			o, err = p.key(objects[0].Key)
		}
		if len(folders) > 0 {
			f, ferr = p.key(folders[0].Prefix)
		}
		if err := errors.Join(err, ferr); err != nil {
			return nil, err
		}
		if len(folders) == 0 || len(objects) > 0 && o < f {
			all = append(all, entry{o, &objects[0]})
			objects = objects[1:]
		} else {
			all = append(all, entry{f, nil})
			folders = folders[1:]
		}
	}
	return all, nil
}

// encoded reports whether keys are percent-encoded. A server that does not know
// that puts a replacement character where XML cannot hold the key's.
func (p page) encoded() bool { return p.out.EncodingType == types.EncodingTypeUrl }

func (p page) key(encoded *string) (string, error) {
	if !p.encoded() {
		return aws.ToString(encoded), nil
	}
	key, err := url.QueryUnescape(aws.ToString(encoded))
	if err != nil {
		return "", fmt.Errorf("the server sends a key %q: %w", aws.ToString(encoded), err)
	}
	return key, nil
}
