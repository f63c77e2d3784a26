// Package s3 is a bucket, or what lies below a prefix of it, as a
// [storage.Storage]: of Amazon S3 or of a server that speaks its protocol and
// honours conditional writes.
//
// Start with [Open]. The other files by what they do: read.go streams and
// resumes, block.go serves ReadAt, list.go lists, write.go uploads, decide.go
// finds out how a conditional write of unknown outcome ended, swap.go replaces
// conditionally, sweep.go aborts forgotten uploads, retry.go says what is tried
// again and when, failure.go what an error means.
package s3
