package catalog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/apache/iceberg-go"
	"github.com/google/uuid"

	"github.com/trailql/trailql/catalog/metadata"
)

var tableName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Define makes the tables that do not exist and brings the others up to their
// declaration: columns and struct members that are new, optional and have a new
// field id are added, and properties are set. A declaration that differs in
// anything else, or that lacks a column the table has, is an error, and nothing
// changes.
func (c *Catalog) Define(ctx context.Context, specs ...TableSpec) error {
	base, err := c.Snapshot(ctx)
	if err != nil {
		return fmt.Errorf("define tables: %w", err)
	}
	changed := false
	for _, spec := range specs {
		meta, err := c.define(base, spec)
		if err != nil {
			return fmt.Errorf("define table %q: %w", spec.Name, err)
		}
		changed = changed || meta != nil
	}
	if !changed {
		return nil
	}

	b, err := c.begin(ctx)
	if err != nil {
		return fmt.Errorf("define tables: %w", err)
	}
	_, err = c.commit(ctx, b, func(ctx context.Context, base *Snapshot, s *stage) error {
		for _, spec := range specs {
			meta, err := c.define(base, spec)
			if err == nil && meta != nil {
				err = s.putMetadata(ctx, spec.Name, meta)
			}
			if err != nil {
				return fmt.Errorf("table %q: %w", spec.Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return errors.Join(fmt.Errorf("define tables: %w", err), c.Abort(context.WithoutCancel(ctx), b.id))
	}
	_ = c.end(context.WithoutCancel(ctx), b) // a marker that stays is Repair's
	return nil
}

// define returns the table's new metadata, or nil if it is as declared.
func (c *Catalog) define(base *Snapshot, spec TableSpec) (*metadata.Table, error) {
	if !tableName.MatchString(spec.Name) {
		return nil, errors.New("a table name has lower case letters, digits and underscores")
	}
	if spec.Schema == nil {
		return nil, errors.New("no schema")
	}
	partition, sort, err := layout(spec)
	if err != nil {
		return nil, err
	}
	t, err := base.Table(spec.Name)
	if err != nil {
		return c.newMetadata(spec, partition, sort)
	}
	return evolve(t, spec, partition, sort)
}

// layout resolves the partition and sort columns of a declaration.
func layout(spec TableSpec) (iceberg.PartitionSpec, []metadata.SortField, error) {
	fail := func(err error) (iceberg.PartitionSpec, []metadata.SortField, error) {
		return iceberg.PartitionSpec{}, nil, err
	}
	var partition []iceberg.PartitionField
	for i, name := range spec.Partition {
		f, ok := spec.Schema.FindFieldByName(name)
		if !ok {
			return fail(fmt.Errorf("no column %q to partition by", name))
		}
		if !f.Type.Equals(iceberg.PrimitiveTypes.String) {
			return fail(fmt.Errorf("partition column %q is %s, only text is supported", name, f.Type))
		}
		partition = append(partition, iceberg.PartitionField{
			SourceIDs: []int{f.ID}, FieldID: iceberg.PartitionDataIDStart + i, Name: name, Transform: iceberg.IdentityTransform{},
		})
	}
	var order []metadata.SortField
	for _, name := range spec.Sort {
		f, ok := spec.Schema.FindFieldByName(name)
		if !ok {
			return fail(fmt.Errorf("no column %q to sort by", name))
		}
		order = append(order, metadata.SortField{
			SourceID: f.ID, Transform: iceberg.IdentityTransform{}, Direction: metadata.SortASC, NullOrder: metadata.NullsFirst,
		})
	}
	return iceberg.NewPartitionSpec(partition...), order, nil
}

func (c *Catalog) newMetadata(spec TableSpec, partition iceberg.PartitionSpec, sort []metadata.SortField) (*metadata.Table, error) {
	id, err := uuid.NewRandomFromReader(rand.Reader)
	if err != nil {
		return nil, err
	}
	return metadata.New(metadata.Definition{
		ID:         id,
		Location:   c.location(spec.Name),
		Schema:     spec.Schema,
		Partition:  partition,
		Sort:       sort,
		Properties: spec.Properties,
		Created:    c.now(),
	})
}

// evolve returns the metadata of an existing table brought up to a declaration,
// or nil if it is already.
func evolve(t *Table, spec TableSpec, partition iceberg.PartitionSpec, sort []metadata.SortField) (*metadata.Table, error) {
	if have := t.meta.PartitionSpec(); !slices.Equal(t.Spec(), spec.Partition) || !samePartition(have, partition) {
		return nil, fmt.Errorf("it is partitioned by %q, declared by %q", t.Spec(), spec.Partition)
	}
	if have := t.meta.SortOrder().Fields; !slices.EqualFunc(have, sort, metadata.SortField.Equal) {
		return nil, fmt.Errorf("it is sorted by %s, declared by %s", have, sort)
	}
	last := t.meta.LastColumnID()
	grown, err := compareFields(t.Schema().Fields(), spec.Schema.Fields(), last, "")
	if err != nil {
		return nil, err
	}
	props := maps.Clone(spec.Properties)
	maps.DeleteFunc(props, func(k, v string) bool { had, ok := t.meta.Properties()[k]; return ok && had == v })
	if !grown && len(props) == 0 {
		return nil, nil
	}

	next := t.next().SetProperties(props)
	if grown {
		next.SetSchema(spec.Schema)
	}
	return next.Build()
}

func samePartition(a, b iceberg.PartitionSpec) bool {
	if a.NumFields() != b.NumFields() {
		return false
	}
	for i := range a.NumFields() {
		if f, g := a.Field(i), b.Field(i); f.Name != g.Name || !slices.Equal(f.SourceIDs, g.SourceIDs) || !f.Transform.Equals(g.Transform) {
			return false
		}
	}
	return true
}

// compareFields checks declared fields against those a table has, by id, and
// reports whether there are new ones. last is the highest id ever used.
func compareFields(have, declared []iceberg.NestedField, last int, path string) (grown bool, err error) {
	byID := map[int]iceberg.NestedField{}
	for _, f := range declared {
		byID[f.ID] = f
	}
	for _, h := range have {
		d, ok := byID[h.ID]
		switch {
		case !ok:
			return false, fmt.Errorf("column %q (id %d) is not declared: a newer trailql may have added it", path+h.Name, h.ID)
		case d.Name != h.Name || d.Required != h.Required:
			return false, fmt.Errorf("column %q (id %d) is declared as %s", path+h.Name, h.ID, d)
		}
		delete(byID, h.ID)
		g, err := compareTypes(h.Type, d.Type, last, path+h.Name+".")
		if err != nil {
			return false, err
		}
		grown = grown || g
	}
	for _, d := range declared {
		if _, isNew := byID[d.ID]; !isNew {
			continue
		}
		if d.Required || d.ID <= last {
			return false, fmt.Errorf("new column %q must be optional and have an id above %d, not %d", path+d.Name, last, d.ID)
		}
		grown = true
	}
	return grown, nil
}

func compareTypes(have, declared iceberg.Type, last int, path string) (grown bool, err error) {
	switch h := have.(type) {
	case *iceberg.StructType:
		if d, ok := declared.(*iceberg.StructType); ok {
			return compareFields(h.FieldList, d.FieldList, last, path)
		}
	case *iceberg.ListType:
		if d, ok := declared.(*iceberg.ListType); ok && d.ElementID == h.ElementID && d.ElementRequired == h.ElementRequired {
			return compareTypes(h.Element, d.Element, last, path+"element.")
		}
	default:
		if have.Equals(declared) {
			return false, nil
		}
	}
	return false, fmt.Errorf("column %q is %s, declared as %s", path[:len(path)-1], have, declared)
}
