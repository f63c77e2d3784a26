package s3

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/trailql/trailql/catalog/storage"
)

// Load implements [storage.Swapper].
func (b *Bucket) Load(ctx context.Context, name string) (data []byte, etag string, age time.Duration, err error) {
	key, err := b.key(ctx, "load", name)
	if err != nil {
		return nil, "", 0, err
	}
	for try := 0; ; try++ {
		out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: key, RequestPayer: b.payer})
		if err != nil {
			return nil, "", 0, b.failure(ctx, "load", name, actionGet, err)
		}
		data, err := io.ReadAll(out.Body)
		out.Body.Close()
		if err == nil {
			if now, ok := awsmiddleware.GetServerTime(out.ResultMetadata); ok {
				age = max(now.Sub(aws.ToTime(out.LastModified)), 0)
			}
			return data, unquote(out.ETag), age, nil
		}
		if try+1 >= attempts || pause(ctx, try) != nil {
			return nil, "", 0, b.failure(ctx, "load", name, actionGet, err)
		}
	}
}

// Swap implements [storage.Swapper].
func (b *Bucket) Swap(ctx context.Context, name, etag string, data []byte) (newETag string, err error) {
	key, err := b.newKey(ctx, "swap", name)
	if err != nil {
		return "", err
	}
	if etag != "" {
		return b.putIf(ctx, name, key, data, nil, quote(etag), storage.ErrChanged)
	}
	newETag, err = b.putIf(ctx, name, key, data, aws.String("*"), nil, storage.ErrChanged)
	if err != nil {
		return "", err
	}
	if err := b.distrust(ctx, name, key, data); err != nil {
		return "", fmt.Errorf("swap: %w", err)
	}
	return newETag, nil
}
