//go:build cgo && duckdb_arrow

package duck

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog"
)

func TestZZ(t *testing.T) {
	if os.Getenv("ZZ") == "" {
		t.Skip()
	}
	c, err := catalog.Open(t.Context(), "/tmp/probe/wh3", catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := open(t, &warehouse{Catalog: c}, Options{})
	for _, q := range []string{"select count(*) from (select * from cloudtrail_logs) where region='us-east-1' and date='2023-07-10'", "select count(*)", "select count(*) where eventname='x'", "select count(*) from (select * from cloudtrail_logs)"} {
		for range 3 {
			s := time.Now()
			rows, st, err := rowsOf(t, e, q)
			fmt.Println(q, rows, st.Files, err, time.Since(s))
		}
	}
	// view alone
	db, _ := openDatabase()
	snap, _ := c.Snapshot(t.Context())
	tb, _ := snap.Table("cloudtrail_logs")
	files, _, _ := tb.Plan(t.Context(), catalog.Predicate{})
	v := view{root: "/tmp/probe/wh3", schema: tb.Schema(), partition: tb.Spec()}
	for _, cfg := range []bool{false, true} {
		if cfg {
			db.configure(Options{}, "/tmp/probe/wh3", t.TempDir())
		}
		for _, q := range []string{"select count(*) from (select * from t) where region='us-east-1' and date='2023-07-10'", "select count(*) from t", "select count(*) from t where eventname='x'"} {
			for range 2 {
				cn, _ := db.connect()
				s := time.Now()
				cn.exec("create temp view t as " + v.sql(files))
				s2 := time.Now()
				fmt.Println(cfg, q, cn.exec(q), s2.Sub(s), time.Since(s2))
				cn.close()
			}
		}
	}
}
