// Package convert turns trail archives into the table and back.
//
// Call [Run] to bring a warehouse up to date with an archive, and [Export] to
// write the original records out again. Run goes through these steps:
//
//	list    find the objects that the ledger (source_files) does not have
//	read    decode their records, drop those that are there already, sort the
//	        rest by partition and event time, write data files
//	commit  make data files and ledger rows visible, all at once
//	compact join small files
//
// Parquet files of Security Lake take another way (ocsf.go): into a table of their
// own, whose columns are theirs.
//
// What cannot be a row is a row of rejected_records. The formats of log objects
// are in convert/cloudtrail, the rows of a partition in convert/rowset.
package convert
