// Package digest proves log files by the digest files that CloudTrail delivers
// each hour: every digest lists the log files of its hour with their hashes, is
// signed by AWS, and repeats hash and signature of the digest before it.
//
// Start with [Verify]. It goes through the archive chain by chain (one for each
// trail, account and Region, and one more for backfill digests), newest digest
// first, as `aws cloudtrail validate-logs` does, and looks at what that leaves
// out: that a digest is the one which its successor names, that the hours abut,
// that the hour has no log files which no digest names.
//
//   - document.go: the digest file, what is signed
//   - keys.go: the public keys
//   - source.go: from the bucket and key in a digest to an object, here or there
//   - content.go: uncompressing and hashing one object
//   - verify.go, chain.go, logfiles.go: the steps
//   - result.go: what has been found
package digest
