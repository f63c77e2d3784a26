package s3

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Sweep implements [storage.Sweeper]: it aborts the uploads below the prefix
// that began longer than Options.SweepAge ago. Younger ones may be of a writer
// elsewhere that is at work. Of a whole bucket it aborts none, because other
// programs may upload there, too.
func (b *Bucket) Sweep(ctx context.Context) (removed int, err error) {
	if b.prefix == "" {
		return 0, ctx.Err()
	}
	in := &s3.ListMultipartUploadsInput{Bucket: &b.name, Prefix: aws.String(b.prefix), RequestPayer: b.payer}
	for {
		out, err := b.client.ListMultipartUploads(ctx, in)
		if status(err) == http.StatusNotImplemented {
			return removed, nil // on a server that is not Amazon's
		}
		if err != nil {
			return removed, b.failure(ctx, "sweep", "", actionUploads, err)
		}
		now, ok := awsmiddleware.GetServerTime(out.ResultMetadata)
		if !ok {
			now = time.Now()
		}
		for _, u := range out.Uploads {
			if now.Sub(aws.ToTime(u.Initiated)) < b.sweepAge {
				continue
			}
			if err := b.abort(ctx, strings.TrimPrefix(aws.ToString(u.Key), b.prefix), u.Key, u.UploadId); err != nil {
				return removed, err
			}
			removed++
		}
		if !aws.ToBool(out.IsTruncated) {
			return removed, nil
		}
		in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
	}
}

// abort drops an unfinished upload; one that has ended is left alone.
func (b *Bucket) abort(ctx context.Context, name string, key, id *string) error {
	_, err := b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: &b.name, Key: key, UploadId: id, RequestPayer: b.payer,
	})
	if status(err) == http.StatusNotFound {
		return nil
	}
	return b.failure(ctx, "abort", name, actionAbort, err)
}
