// Package manifest seals a folder with a report, so that everybody can tell later
// whether a byte of it has changed, and where. Seal writes, Verify checks.
//
//	manifest.json      what was run on which data, and the hash of every file; names
//	                   the manifest before it by its hash, so that reports are a chain
//	manifest.sig       Ed25519 signature over the bytes of manifest.json
//	log-objects.jsonl  a line for each log object that the report rests on: name,
//	                   size, SHA-256
//	blocks.jsonl       hashes of the rows and lines of each file, to name the one that
//	                   changed; the file itself is in the manifest
//
// What proves is the signature over the manifest and the SHA-256 of each file in
// it. The short hashes of blocks.jsonl and manifest.sig only say where to look.
//
// The signature is checked without this program, too:
//
//	sed -n 's/^signature //p' manifest.sig | base64 -d > signature.bin
//	openssl pkeyutl -verify -pubin -inkey KEY.pub.pem -rawin -in manifest.json -sigfile signature.bin
package manifest
