package cloudtrail

import "time"

// Record is one CloudTrail record as column values. Its byte slices point into
// the decoder's buffers: they are valid until the decoder's next call, and must
// not be changed.
type Record struct {
	Present uint64            // bit l: Value[l] is set; else the leaf is null
	Value   [NumLeaves][]byte // UTF-8 text; stale where the bit is not set
	Structs uint64            // bit g: struct column g is not null

	// Fragments are the struct columns' values where the parser knows them
	// from other records; a nil says nothing. They only save work: the values
	// are in Value too.
	Fragments [NumFragments]*Fragment

	// Resources is null unless HasResources.
	HasResources bool
	Resources    []Resource

	// FederationAttributes is userIdentity.sessionContext.webIdFederationData.attributes.
	HasFederationAttributes bool
	FederationAttributes    []Attribute

	Time  time.Time // eventTime, UTC
	Index int64     // place in the object, from 0

	// Aggregated marks an aggregated event (eventType AwsAggregatedEvent): it
	// has no event time and no columns here, only Raw.
	Aggregated bool
	// Raw is the record's text as it stood in the object.
	Raw []byte
}

// Resource is a member of the resources list; nil is null.
type Resource struct{ ARN, AccountID, Type []byte }

// Attribute is an entry of a map column.
type Attribute struct{ Key, Value []byte }

// Has says whether the leaf is not null.
func (r *Record) Has(l Leaf) bool { return r.Present&(1<<l) != 0 }

// Text is the leaf's value, nil for null.
func (r *Record) Text(l Leaf) []byte {
	if !r.Has(l) {
		return nil
	}
	return r.Value[l]
}

func (r *Record) set(l Leaf, v []byte) {
	r.Present |= 1 << l
	r.Value[l] = v
}

// Set gives a leaf a value that does not come from the record itself, such as
// its provenance.
func (r *Record) Set(l Leaf, v []byte) { r.set(l, v) }

// UnknownRegion is the partition of records whose awsRegion cannot name one.
const UnknownRegion = "unknown"

// Region is the record's partition: awsRegion where that is a plain word of at
// most 64 letters, digits, '-' and '_', else UnknownRegion. The result is valid
// as long as the record.
func (r *Record) Region() []byte {
	v := r.Text(LeafAWSRegion)
	if len(v) == 0 || len(v) > 64 {
		return unknownRegion
	}
	for _, c := range v {
		if c-'a' > 25 && c-'0' > 9 && c != '-' && c != '_' && c-'A' > 25 {
			return unknownRegion
		}
	}
	return v
}

var unknownRegion = []byte(UnknownRegion)

func (r *Record) reset() {
	r.Present = 0
	r.Structs = 0
	r.Fragments = [NumFragments]*Fragment{}
	r.HasResources = false
	r.Resources = r.Resources[:0]
	r.HasFederationAttributes = false
	r.FederationAttributes = r.FederationAttributes[:0]
	r.Aggregated = false
}

// SetTime sets the event time, in microseconds since 1970.
func (r *Record) SetTime(micros int64) { r.Time = time.UnixMicro(micros).UTC() }
