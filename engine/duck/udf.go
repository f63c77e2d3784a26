//go:build cgo && duckdb_arrow

package duck

/*
void trailqlIPContains(void *, void *, void *);
void trailqlIPAddress(void *, void *, void *);
void trailqlIPPrefix(void *, void *, void *);
void trailqlIPPrefixOf(void *, void *, void *);
void trailqlIPKey(void *, void *, void *);
void trailqlMergeRecord(void *, void *, void *);
*/
import "C"

import (
	"fmt"
	"slices"
	"unsafe"

	bindings "github.com/duckdb/duckdb-go-bindings"
)

// addFunctions gives the database the functions of network.go, which the macros
// of package dialect call, and that of recordjson.go. They are there for all
// connections.
//
// None of them fails: what has no answer is null, and the macros make errors of
// it. DuckDB takes the functions of its C interface for ones that cannot fail: it
// runs them over all values of a Parquet dictionary, also those of rows that a
// condition in front has left out, and changes the order of conditions.
func (c *connection) addFunctions() error {
	text, long, truth, blob := bindings.TypeVarchar, bindings.TypeBigInt, bindings.TypeBoolean, bindings.TypeBlob
	for _, f := range []struct {
		name     string
		takes    []bindings.Type
		gives    bindings.Type
		callback unsafe.Pointer
	}{
		{"ip_contains", []bindings.Type{text, text}, truth, C.trailqlIPContains},
		{"ip_address", []bindings.Type{text}, text, C.trailqlIPAddress},
		{"ip_prefix", []bindings.Type{text}, text, C.trailqlIPPrefix},
		{"ip_prefix_of", []bindings.Type{text, long}, text, C.trailqlIPPrefixOf},
		{"ip_key", []bindings.Type{text}, blob, C.trailqlIPKey},
	} {
		if err := c.addFunction(f.name, f.takes, f.gives, f.callback); err != nil {
			return err
		}
	}
	return c.addFunction("merge_record", []bindings.Type{text, text}, text, C.trailqlMergeRecord)
}

func (c *connection) addFunction(name string, takes []bindings.Type, gives bindings.Type, callback unsafe.Pointer) error {
	f := bindings.CreateScalarFunction()
	defer bindings.DestroyScalarFunction(&f)
	bindings.ScalarFunctionSetName(f, name)
	for _, id := range takes {
		t := bindings.CreateLogicalType(id)
		bindings.ScalarFunctionAddParameter(f, t)
		bindings.DestroyLogicalType(&t)
	}
	t := bindings.CreateLogicalType(gives)
	bindings.ScalarFunctionSetReturnType(f, t)
	bindings.DestroyLogicalType(&t)
	bindings.ScalarFunctionSetFunction(f, callback)
	if bindings.RegisterScalarFunction(c.handle, f) == bindings.StateError {
		return fmt.Errorf("define function %s", name)
	}
	return nil
}

// invocation is one call of a function for the rows of a chunk.
type invocation struct {
	info  bindings.FunctionInfo
	input bindings.DataChunk
	out   bindings.Vector
	rows  int
}

func newInvocation(info, input, output unsafe.Pointer) invocation {
	chunk := bindings.DataChunk{Ptr: input}
	return invocation{bindings.FunctionInfo{Ptr: info}, chunk, bindings.Vector{Ptr: output}, int(bindings.DataChunkGetSize(chunk))}
}

// data is what an argument's vector holds, and which rows of it are not null.
func data[T any](v invocation, argument int) ([]T, unsafe.Pointer) {
	vector := bindings.DataChunkGetVector(v.input, bindings.IdxT(argument))
	return unsafe.Slice((*T)(bindings.VectorGetData(vector)), v.rows), bindings.VectorGetValidity(vector)
}

func valid(mask unsafe.Pointer, row int) bool {
	return mask == nil || bindings.ValidityRowIsValid(mask, bindings.IdxT(row))
}

// each calls do with the first text of each row whose arguments are not null; the
// others, and those for which do fails, give null.
func (v invocation) each(do func(row int, first string) error) {
	texts, _ := data[bindings.StringT](v, 0)
	var masks []unsafe.Pointer
	for i := range int(bindings.DataChunkGetColumnCount(v.input)) {
		_, mask := data[bindings.StringT](v, i)
		masks = append(masks, mask)
	}
	bindings.VectorEnsureValidityWritable(v.out)
	results := bindings.VectorGetValidity(v.out)
	for row := range v.rows {
		if slices.ContainsFunc(masks, func(mask unsafe.Pointer) bool { return !valid(mask, row) }) {
			bindings.ValiditySetRowInvalid(results, bindings.IdxT(row))
			continue
		}
		bindings.ValiditySetRowValid(results, bindings.IdxT(row)) // vectors are used again
		if err := do(row, bindings.StringTData(&texts[row])); err != nil {
			bindings.ValiditySetRowInvalid(results, bindings.IdxT(row))
		}
	}
}

func (v invocation) setText(row int, s string) {
	bindings.VectorAssignStringElementLen(v.out, bindings.IdxT(row), []byte(s))
}

//export trailqlIPContains
func trailqlIPContains(info, input, output unsafe.Pointer) {
	v := newInvocation(info, input, output)
	addresses, _ := data[bindings.StringT](v, 1)
	results := unsafe.Slice((*bool)(bindings.VectorGetData(v.out)), v.rows)
	v.each(func(row int, network string) (err error) {
		results[row], err = networkContains(network, bindings.StringTData(&addresses[row]))
		return err
	})
}

//export trailqlIPAddress
func trailqlIPAddress(info, input, output unsafe.Pointer) {
	v := newInvocation(info, input, output)
	v.each(func(row int, s string) error {
		a, err := parseAddress(s)
		v.setText(row, a.String())
		return err
	})
}

//export trailqlIPPrefix
func trailqlIPPrefix(info, input, output unsafe.Pointer) {
	v := newInvocation(info, input, output)
	v.each(func(row int, s string) error {
		p, err := parsePrefix(s)
		v.setText(row, p.String())
		return err
	})
}

//export trailqlIPPrefixOf
func trailqlIPPrefixOf(info, input, output unsafe.Pointer) {
	v := newInvocation(info, input, output)
	bits, _ := data[int64](v, 1)
	v.each(func(row int, s string) error {
		p, err := prefixOf(s, bits[row])
		v.setText(row, p)
		return err
	})
}

//export trailqlIPKey
func trailqlIPKey(info, input, output unsafe.Pointer) {
	v := newInvocation(info, input, output)
	v.each(func(row int, s string) error {
		key, err := addressKey(s)
		bindings.VectorAssignStringElementLen(v.out, bindings.IdxT(row), key)
		return err
	})
}

//export trailqlMergeRecord
func trailqlMergeRecord(info, input, output unsafe.Pointer) {
	v := newInvocation(info, input, output)
	unmodeled, _ := data[bindings.StringT](v, 1)
	v.each(func(row int, columns string) error {
		record, err := mergeRecord([]byte(columns), []byte(bindings.StringTData(&unmodeled[row])))
		v.setText(row, string(record))
		return err
	})
}
