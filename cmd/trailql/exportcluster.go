package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert/cloudtrail"
	"github.com/trailql/trailql/engine"
)

// exportFrom is convert.Export of what a cluster holds: the columns are made records
// again here, where JSON is kept as it is written.
func exportFrom(ctx context.Context, address string, p catalog.Predicate, write func(region, date string, record []byte) error) (err error) {
	e, err := openCluster(ctx, address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	var terms []string
	q := engine.Query{Window: engine.Window{From: p.From, To: p.To}}
	for _, region := range p.Regions {
		terms = append(terms, "?")
		q.Params = append(q.Params, region)
	}
	q.SQL = "SELECT * FROM cloudtrail_logs"
	if len(terms) > 0 {
		q.SQL += " WHERE region IN (" + strings.Join(terms, ", ") + ")"
	}
	q.SQL += ` ORDER BY "date", region, eventtimestamp, sourceobject, sourceindex`
	result, err := e.Query(ctx, q)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, result.Close()) }()
	var rec cloudtrail.Record
	var text []byte
	for batch, err := range result.Batches() {
		if err != nil {
			return err
		}
		r, err := newRecordReader(batch)
		if err != nil {
			return err
		}
		for i := range int(batch.NumRows()) {
			r.read(i, &rec)
			text = rec.AppendJSON(text[:0])
			if err := write(string(value(r.region, i)), string(value(r.date, i)), text); err != nil {
				return err
			}
		}
	}
	return nil
}

// recordReader makes records of rows of cloudtrail_logs.
type recordReader struct {
	region, date arrow.Array
	leaves       []leafReader
	resources    *array.LargeList
	members      []arrow.Array // of its elements: arn, accountid, type
	attributes   *array.Map
	attributesOf []*array.Struct // the groups around them
}

// leafReader is a text column with the struct columns around it.
type leafReader struct {
	leaf   cloudtrail.Leaf
	groups []cloudtrail.Group
	around []*array.Struct
	texts  arrow.Array
}

func newRecordReader(batch arrow.RecordBatch) (*recordReader, error) {
	r := &recordReader{}
	var err error
	find := func(path ...string) (a arrow.Array, around []*array.Struct) {
		if err != nil {
			return nil, nil
		}
		a, around, err = columnAt(batch, path)
		return a, around
	}
	for i, leaf := range cloudtrail.Leaves() {
		texts, around := find(leaf.Path...)
		r.leaves = append(r.leaves, leafReader{cloudtrail.Leaf(i), leaf.Groups, around, texts})
	}
	r.region, _ = find(cloudtrail.RegionColumn)
	r.date, _ = find(cloudtrail.DateColumn)
	list, _ := find("resources")
	attributes, around := find("useridentity", "sessioncontext", "webidfederationdata", "attributes")
	if err != nil {
		return nil, err
	}
	r.attributesOf = around
	var isList, isMap bool
	r.resources, isList = list.(*array.LargeList)
	r.attributes, isMap = attributes.(*array.Map)
	if !isList || !isMap {
		return nil, fmt.Errorf("read records: resources are %s, federation attributes %s", list.DataType(), attributes.DataType())
	}
	elements, ok := r.resources.ListValues().(*array.Struct)
	if !ok || elements.NumField() < 3 {
		return nil, fmt.Errorf("read records: resources are %s", list.DataType())
	}
	for k := range 3 {
		r.members = append(r.members, elements.Field(k))
	}
	return r, nil
}

// columnAt finds a column, or a member of struct columns.
func columnAt(batch arrow.RecordBatch, path []string) (arrow.Array, []*array.Struct, error) {
	missing := fmt.Errorf("read records: cloudtrail_logs has no column %s", strings.Join(path, "."))
	found := batch.Schema().FieldIndices(path[0])
	if len(found) != 1 {
		return nil, nil, missing
	}
	a := batch.Column(found[0])
	var around []*array.Struct
	for _, name := range path[1:] {
		group, ok := a.(*array.Struct)
		if !ok {
			return nil, nil, missing
		}
		k, ok := group.DataType().(*arrow.StructType).FieldIdx(name)
		if !ok {
			return nil, nil, missing
		}
		around, a = append(around, group), group.Field(k)
	}
	return a, around, nil
}

// read makes the record of a row. It is valid as long as the batch.
func (r *recordReader) read(row int, rec *cloudtrail.Record) {
	*rec = cloudtrail.Record{Resources: rec.Resources[:0], FederationAttributes: rec.FederationAttributes[:0]}
	for _, l := range r.leaves {
		there := true
		for k, group := range l.around {
			if there = there && !group.IsNull(row); there {
				rec.Structs |= 1 << l.groups[k]
			}
		}
		if there && !l.texts.IsNull(row) {
			rec.Set(l.leaf, value(l.texts, row))
		}
	}
	if rec.HasResources = !r.resources.IsNull(row); rec.HasResources {
		from, to := r.resources.ValueOffsets(row)
		for i := int(from); i < int(to); i++ {
			rec.Resources = append(rec.Resources, cloudtrail.Resource{ARN: value(r.members[0], i), AccountID: value(r.members[1], i), Type: value(r.members[2], i)})
		}
	}
	for _, group := range r.attributesOf {
		if group.IsNull(row) {
			return
		}
	}
	if rec.HasFederationAttributes = !r.attributes.IsNull(row); rec.HasFederationAttributes {
		from, to := r.attributes.ValueOffsets(row)
		for i := int(from); i < int(to); i++ {
			rec.FederationAttributes = append(rec.FederationAttributes, cloudtrail.Attribute{Key: value(r.attributes.Keys(), i), Value: value(r.attributes.Items(), i)})
		}
	}
}

// value is a text; nil for null.
func value(a arrow.Array, i int) []byte {
	if text, ok := a.(array.StringLike); ok && !a.IsNull(i) {
		return []byte(text.Value(i))
	}
	return nil
}
