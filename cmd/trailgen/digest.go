package main

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/klauspost/compress/gzip"
)

// digest is CloudTrail's hourly list of the log files that it delivered for an
// account and region. Those of writeDigests start a chain: they name no
// predecessor, and nobody signed them. See writeChains for others.
type digest struct {
	AccountID             string       `json:"awsAccountId"`
	StartTime             string       `json:"digestStartTime"`
	EndTime               string       `json:"digestEndTime"`
	Bucket                string       `json:"digestS3Bucket"`
	Object                string       `json:"digestS3Object"`
	PublicKeyFingerprint  string       `json:"digestPublicKeyFingerprint"`
	SignatureAlgorithm    string       `json:"digestSignatureAlgorithm"`
	NewestEventTime       *string      `json:"newestEventTime"`
	OldestEventTime       *string      `json:"oldestEventTime"`
	PreviousBucket        *string      `json:"previousDigestS3Bucket"`
	PreviousObject        *string      `json:"previousDigestS3Object"`
	PreviousHash          *string      `json:"previousDigestHashValue"`
	PreviousHashAlgorithm *string      `json:"previousDigestHashAlgorithm"`
	PreviousSignature     *string      `json:"previousDigestSignature"`
	LogFiles              []digestFile `json:"logFiles"`
}

type digestFile struct {
	Bucket          string `json:"s3Bucket"`
	Object          string `json:"s3Object"`
	Hash            string `json:"hashValue"`
	HashAlgorithm   string `json:"hashAlgorithm"`
	NewestEventTime string `json:"newestEventTime"`
	OldestEventTime string `json:"oldestEventTime"`
}

// hour is what one digest covers.
type hour struct {
	account, region int
	from            time.Time
}

// writeDigests writes o.Digests digest files, of the hours with the most objects.
func writeDigests(o options, w *world, dir string, objects []object, results []written) error {
	covered := map[hour][]int{}
	for i, x := range objects {
		if x.category == categoryEvents && results[i].records > 0 {
			h := hour{x.account.index, x.region, x.stamp.Truncate(time.Hour)}
			covered[h] = append(covered[h], i)
		}
	}
	var hours []hour
	for h := range covered {
		hours = append(hours, h)
	}
	slices.SortFunc(hours, func(a, b hour) int {
		return cmp.Or(len(covered[b])-len(covered[a]), a.from.Compare(b.from), a.account-b.account, a.region-b.region)
	})
	m := newMaker(w)
	for _, h := range hours[:min(o.Digests, len(hours))] {
		if err := m.writeDigest(o, dir, h, covered[h], objects, results); err != nil {
			return err
		}
	}
	return nil
}

func (m *maker) writeDigest(o options, dir string, h hour, which []int, objects []object, results []written) error {
	_, err := m.saveDigest(o, dir, m.newDigest(o, h, which, objects, results))
	return err
}

// newDigest makes a digest that starts a chain.
func (m *maker) newDigest(o options, h hour, which []int, objects []object, results []written) *digest {
	const trail, bucket, home = "organisation-trail", "example-trail-archive", globalRegion
	account, region := m.world.accounts[h.account], m.world.regions[h.region]
	// Digests end a little after the hour, at a second of their own.
	end := h.from.Add(time.Hour)
	org := ""
	if o.Org != "" {
		org = o.Org + "/"
	}
	doc := &digest{
		AccountID: account.id, StartTime: h.from.Format(time.RFC3339), EndTime: end.Format(time.RFC3339), Bucket: bucket,
		Object: fmt.Sprintf("AWSLogs/%s%s/CloudTrail-Digest/%s/%s/%s_CloudTrail-Digest_%s_%s_%s_%s.json.gz",
			org, account.id, region, end.Format("2006/01/02"), account.id, region, trail, home, end.Format("20060102T150405Z")),
		PublicKeyFingerprint: string(newDice(o.Seed, 3).hex(nil, 32)), SignatureAlgorithm: "SHA256withRSA", LogFiles: []digestFile{},
	}
	var all span64
	for _, i := range which {
		r := results[i]
		all.add(r.times.oldest)
		all.add(r.times.newest)
		doc.LogFiles = append(doc.LogFiles, digestFile{
			Bucket: bucket, Object: objects[i].key(m.world), Hash: hex.EncodeToString(r.fingerprint[:]), HashAlgorithm: "SHA-256",
			NewestEventTime: r.times.newest.Format(time.RFC3339), OldestEventTime: r.times.oldest.Format(time.RFC3339),
		})
	}
	if len(which) > 0 {
		newest, oldest := all.newest.Format(time.RFC3339), all.oldest.Format(time.RFC3339)
		doc.NewestEventTime, doc.OldestEventTime = &newest, &oldest
	}
	return doc
}

// saveDigest writes a digest and returns its text.
func (m *maker) saveDigest(o options, dir string, doc *digest) ([]byte, error) {
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode digest: %w", err)
	}
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, o.Level)
	if err != nil {
		return nil, fmt.Errorf("open gzip: %w", err)
	}
	if _, err := zip.Write(text); err != nil {
		return nil, fmt.Errorf("compress digest: %w", err)
	}
	if err := zip.Close(); err != nil {
		return nil, fmt.Errorf("compress digest: %w", err)
	}
	return text, m.save(filepath.Join(dir, filepath.FromSlash(doc.Object)), packed.Bytes())
}
