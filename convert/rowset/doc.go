// Package rowset holds the rows of one partition in memory, column by column,
// and turns them into Parquet files and back.
//
// Fill a [Set] with Add, which drops records that are there already, and write
// it with Write: one file, its row groups in order of time. [Open] reads such a file.
//
// The columns are interned while rows arrive, so that a dictionary page costs
// nothing to make; that and writing pages from the codes is why the pages are
// encoded here and only their formats (levels, indexes, deltas, footer) come
// from parquet-go.
package rowset
