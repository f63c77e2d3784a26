// Package catalog keeps the tables of a warehouse: which files a table has, in
// which partitions, and as of which version. The tables are Apache Iceberg v2;
// the catalog over them is embedded, so it needs no server, and a commit to it
// changes several tables at once. Manifests and schemas are iceberg-go's, the
// tables' metadata files are read and written by the package metadata below.
//
// # Where to start
//
// To read: [Open], [Catalog.Snapshot], [Snapshot.Table], [Table.Plan]. Plan names
// the data files that can hold the rows that somebody wants.
//
// To write: [Create], [Catalog.Lock], [Catalog.Repair], [Catalog.Define], and then
// for each batch [Catalog.Begin], [Catalog.NewFile] for each file and
// [Catalog.Commit], or [Catalog.Abort]; now and then [Catalog.Expire].
//
// # Words
//
//   - A warehouse is a folder or bucket with a catalog and its tables.
//   - A version is a state of all its tables, numbered from 1.
//   - A [Snapshot] is a version that somebody reads. (Iceberg has snapshots of
//     its own, one for each commit to one table.)
//   - A batch is what becomes visible together: added and removed files of one
//     or more tables. Its id begins the names of all that it stores.
//   - The marker of a batch says that it is unfinished.
//   - A fence is a version that changes nothing, stored so that nobody else can
//     store one of that number any more.
//   - A hint may be wrong and costs only time when it is.
//
// # Commit protocol
//
// An object of the storage is only ever replaced if it is a hint or the lock. The
// commit is
// one [storage.Storage.PutNew]: of the next version's object, which names the
// current metadata of every table. Of several writers exactly one stores it; the
// others load it and stage their tables again behind it. Before it nothing of the
// batch is reachable, behind it everything is, so a writer may die anywhere. What
// it leaves is found by its marker and removed by Repair. docs/commit-protocol.md
// has the steps and the layout.
//
// # Files
//
//   - version.go: versions, and finding the newest
//   - batch.go, commit.go: batches, their markers, the commit loop, hints
//   - manifest_write.go, define.go, expire.go: what commits change in a table
//   - snapshot.go, plan.go, manifest_read.go, file_index.go: reading
//   - repair.go: what nobody refers to
//   - hive.go: names of partitions
//   - lock.go, lease.go: one writer at a time, on a folder and elsewhere
package catalog
