package main

import (
	"cmp"
	"crypto"
	"crypto/md5"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"time"
)

// publicKeysFile is where the key of signed digests is, in the form in which
// the AWS command line lists such keys.
const publicKeysFile = "public-keys.json"

// chain is what the digests of one account and region have in common.
type chain struct {
	*maker
	o        options
	dir      string
	key      *rsa.PrivateKey
	name     string // fingerprint of the key
	previous *digest
	text     []byte // of the previous one
	sign     string // its signature
}

// writeChains writes a signed digest for every hour of every account and region
// that has log files, from their first to their last, the public key, and
// beside the newest digest of each chain what S3 would keep with it.
func writeChains(o options, w *world, dir string, objects []object, results []written) error {
	type place struct{ account, region int }
	covered := map[place]map[time.Time][]int{}
	for i, x := range objects {
		if results[i].records == 0 {
			continue
		}
		p := place{x.account.index, x.region}
		if covered[p] == nil {
			covered[p] = map[time.Time][]int{}
		}
		h := x.stamp.Truncate(time.Hour)
		covered[p][h] = append(covered[p][h], i)
	}
	var places []place
	for p := range covered {
		places = append(places, p)
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Or(a.account-b.account, a.region-b.region) })
	m := newMaker(w)
	key := signingKey(newDice(o.Seed, 4))
	der := x509.MarshalPKCS1PublicKey(&key.PublicKey)
	sum := md5.Sum(der)
	for _, p := range places {
		var hours []time.Time
		for h := range covered[p] {
			hours = append(hours, h)
		}
		first, last := slices.MinFunc(hours, time.Time.Compare), slices.MaxFunc(hours, time.Time.Compare)
		c := chain{maker: m, o: o, dir: dir, key: key, name: hex.EncodeToString(sum[:])}
		for h := first; !h.After(last); h = h.Add(time.Hour) {
			if err := c.write(hour{p.account, p.region, h}, covered[p][h], objects, results); err != nil {
				return err
			}
		}
		if err := c.saveMetadata(); err != nil {
			return err
		}
	}
	list, err := json.MarshalIndent(map[string]any{"PublicKeyList": []any{map[string]any{
		"Value": base64.StdEncoding.EncodeToString(der), "Fingerprint": hex.EncodeToString(sum[:]),
		"ValidityStartTime": o.From.AddDate(0, 0, -1).Format(time.RFC3339), "ValidityEndTime": o.From.AddDate(0, 0, o.Days+1).Format(time.RFC3339),
	}}}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode public keys: %w", err)
	}
	return m.save(filepath.Join(dir, publicKeysFile), append(list, '\n'))
}

func (c *chain) write(h hour, which []int, objects []object, results []written) error {
	doc := c.newDigest(c.o, h, which, objects, results)
	doc.PublicKeyFingerprint = c.name
	last := "null"
	if p := c.previous; p != nil {
		sum := sha256.Sum256(c.text)
		hash, algorithm, signature := hex.EncodeToString(sum[:]), "SHA-256", c.sign
		doc.PreviousBucket, doc.PreviousObject, doc.PreviousHash, doc.PreviousHashAlgorithm, doc.PreviousSignature =
			&p.Bucket, &p.Object, &hash, &algorithm, &signature
		last = signature
	}
	text, err := c.saveDigest(c.o, c.dir, doc)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	signed := sha256.Sum256(fmt.Appendf(nil, "%s\n%s/%s\n%x\n%s", doc.EndTime, doc.Bucket, doc.Object, sum, last))
	signature, err := rsa.SignPKCS1v15(nil, c.key, crypto.SHA256, signed[:])
	if err != nil {
		return fmt.Errorf("sign digest: %w", err)
	}
	c.previous, c.text, c.sign = doc, text, hex.EncodeToString(signature)
	return nil
}

// saveMetadata writes what `aws s3api head-object` says of the newest digest.
func (c *chain) saveMetadata() error {
	text, err := json.MarshalIndent(map[string]any{"Metadata": map[string]string{"signature": c.sign, "signature-algorithm": "SHA256withRSA"}}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode metadata: %w", err)
	}
	return c.save(filepath.Join(c.dir, filepath.FromSlash(c.previous.Object)+".metadata.json"), append(text, '\n'))
}

// signingKey makes a key of the dice, which the standard library, rightly, does
// not: everybody can make it, and nothing but made-up archives is signed with it.
func signingKey(d *dice) *rsa.PrivateKey {
	e := big.NewInt(65537)
	one := big.NewInt(1)
	prime := func() *big.Int {
		raw := make([]byte, 128)
		for i := range raw {
			raw[i] = byte(d.Uint64())
		}
		raw[0] |= 0xc0 // so that the product has all 2048 bits
		raw[127] |= 1
		p := new(big.Int).SetBytes(raw)
		for !p.ProbablyPrime(20) || new(big.Int).GCD(nil, nil, e, new(big.Int).Sub(p, one)).Cmp(one) != 0 {
			p.Add(p, big.NewInt(2))
		}
		return p
	}
	p, q := prime(), prime()
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: int(e.Int64())},
		D:         new(big.Int).ModInverse(e, phi),
		Primes:    []*big.Int{p, q},
	}
	key.Precompute()
	return key
}
