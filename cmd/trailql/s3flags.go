package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/s3"
	"github.com/trailql/trailql/convert"
)

// addS3Flags adds the flags about S3, which hold for every command that reads an
// archive or a warehouse there. Without them everything comes from where the AWS
// command line takes it: environment, ~/.aws, single sign-on, the machine's role.
func addS3Flags(flags *pflag.FlagSet, o *s3.Options) {
	flags.StringVar(&o.Profile, "aws-profile", "", "profile `NAME` of ~/.aws (default $AWS_PROFILE; --profile is of trailql's own configuration)")
	flags.StringVar(&o.Region, "aws-region", "", "`REGION` of the caller; a bucket's own is found out (default $AWS_REGION or the profile's)")
	flags.StringVar(&o.EndpointURL, "endpoint-url", "", "`URL` of an S3 server that is not Amazon's")
	flags.StringVar(&o.AssumeRole, "assume-role", "", "`ARN` of a role to take on for S3")
	flags.StringVar(&o.ExternalID, "external-id", "", "`ID` that the role asks for")
	flags.BoolVar(&o.RequesterPays, "requester-pays", false, "pay for requests to buckets that want it")
	flags.BoolVar(&o.NoSignRequest, "no-sign-request", false, "use no credentials: public buckets")
}

// openStorage opens what a source or a warehouse is below: a folder, or a bucket
// and prefix as s3://bucket/prefix.
func (a *app) openStorage(ctx context.Context, uri string) (storage.Storage, error) {
	if !s3.IsURI(uri) {
		return storage.Open(uri)
	}
	b, err := s3.Open(ctx, uri, a.s3)
	if err != nil {
		return nil, fmt.Errorf("open S3: %w", err)
	}
	return b, nil
}

// sourceOpener is openStorage that opens each bucket once.
func (a *app) sourceOpener() func(ctx context.Context, root string) (storage.Storage, error) {
	var mu sync.Mutex
	buckets := map[string]storage.Storage{}
	return func(ctx context.Context, root string) (storage.Storage, error) {
		if !s3.IsURI(root) {
			return a.openStorage(ctx, root)
		}
		mu.Lock()
		defer mu.Unlock()
		if b := buckets[root]; b != nil {
			return b, nil
		}
		b, err := a.openStorage(ctx, root)
		if err == nil {
			buckets[root] = b
		}
		return b, err
	}
}

// checkFilled refuses prefixes below which there is nothing: they are misspelt,
// unless something is to come. A key that is named may be gone, which is for the
// run to say. What cannot be listed is too.
func checkFilled(ctx context.Context, sources []string, toCome bool, open func(ctx context.Context, root string) (storage.Storage, error)) error {
	for _, source := range sources {
		wildcard := strings.Contains(source, "*")
		if !s3.IsURI(source) || convert.IsObject(source) && !wildcard || toCome && !wildcard {
			continue
		}
		bucket, prefix, _ := strings.Cut(strings.TrimPrefix(source, "s3://"), "/")
		b, err := open(ctx, "s3://"+bucket)
		if err != nil {
			return fmt.Errorf("source %q: %w", source, err)
		}
		filled := false
		for _, err := range b.List(ctx, strings.TrimSuffix(prefix, "/")) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if errors.Is(err, storage.ErrCredentials) {
				return usageError{fmt.Errorf("source %q: %w", source, err)}
			}
			filled = true // or cannot be listed
			break
		}
		if !filled && prefix != "" && !strings.HasSuffix(prefix, "/") {
			_, err := b.Stat(ctx, prefix)
			filled = !errors.Is(err, storage.ErrNotExist)
		}
		switch {
		case filled:
		case wildcard:
			return usagef("source %q: there is no object: wildcards are not read in a bucket, give the prefix", source)
		default:
			return usagef("source %q: there is no object", source)
		}
	}
	return nil
}

// openBuckets opens the buckets of sources, so that what is wrong with them is
// known before anything is written.
func openBuckets(ctx context.Context, sources []string, open func(ctx context.Context, root string) (storage.Storage, error)) error {
	for _, source := range sources {
		if !s3.IsURI(source) {
			continue
		}
		bucket, _, _ := strings.Cut(strings.TrimPrefix(source, "s3://"), "/")
		if _, err := open(ctx, "s3://"+bucket); errors.Is(err, storage.ErrCredentials) {
			return usageError{fmt.Errorf("source %q: %w", source, err)}
		} else if err != nil {
			return fmt.Errorf("source %q: %w", source, err)
		}
	}
	return nil
}
