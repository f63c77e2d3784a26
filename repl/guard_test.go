package repl

import (
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/output"
)

func TestGuard(t *testing.T) {
	const large = 9_200_000_000
	all := engine.Stats{Files: 10, FilesTotal: 10, Bytes: large, BytesTotal: large}
	some := engine.Stats{Files: 3, FilesTotal: 10, Bytes: large / 3, BytesTotal: large}
	few := engine.Stats{Files: 1, FilesTotal: 1, Bytes: 1000, BytesTotal: 1000}
	many := output.Summary{Rows: 12_000_000, RowsShown: 40}
	window := engine.Window{From: testTime.Add(-time.Hour)}
	const noFilter, manyRows, text, code, day = "no time filter: all 9.2 GB were read", "12,000,000 rows were read to show 40", "of another form", "errorcode is NULL", "ends where that begins"
	for _, c := range []struct {
		sql  string
		done delivered
		st   statement
		want string // a part of the only note; "" for none
	}{
		{"select 1 from t", delivered{stats: all}, statement{}, noFilter},
		{"select 1 from t", delivered{stats: all}, statement{window: window}, ""},
		{"select 1 from t", delivered{stats: some}, statement{}, ""},
		{"select 1 from t", delivered{stats: few}, statement{}, ""},
		{"select 1 from t -- eventtime", delivered{stats: all}, statement{}, noFilter},
		{`select 1 from t where "EventTime" > '2026'`, delivered{stats: all}, statement{}, ""},
		{"select 1 from t where year = '2026'", delivered{stats: all}, statement{}, ""},
		{"select * from t", delivered{stats: few, summary: many, toScreen: true}, statement{}, manyRows},
		{"select * from t", delivered{stats: few, summary: many}, statement{}, ""},
		{"where eventtime > '2026-10-31'", delivered{}, statement{}, ""},
		{"where eventtime > '2026-10-31T14:03:22Z'", delivered{}, statement{}, ""},
		{"where eventtime > '2026-10-31T14:03:22+01:00'", delivered{}, statement{}, text},
		{"where eventtime > '2026-10-31T14:03:22'", delivered{}, statement{}, ""},
		{"where eventtime = '2026-10-31'", delivered{}, statement{}, text},
		{"where eventtime like '%-31T%'", delivered{}, statement{}, ""},
		{"where eventtime between '2026-10-31' and '31/10/2026'", delivered{}, statement{}, text},
		{"where from_iso8601_timestamp(eventtime) > timestamp '2026-10-31 14:03:22'", delivered{}, statement{}, ""},
		{"where substr(eventtime, 1, 4) = '26'", delivered{}, statement{}, ""},
		{"where '2026/10' <= l.eventtime", delivered{}, statement{}, text},
		{"where eventname = 'x' and eventtime > 'it''s'", delivered{}, statement{}, text},
		{"where errorcode = ''", delivered{}, statement{}, code},
		{"where e.errorcode <> ''", delivered{}, statement{}, code},
		{"where '' != errorcode", delivered{}, statement{}, code},
		{"where errorcode = 'AccessDenied'", delivered{}, statement{}, ""},
		{"where coalesce(errorcode, '') = ''", delivered{}, statement{}, ""},
		{"where errorcode in ('')", delivered{}, statement{}, code},
		{"where errorcode NOT IN ('AccessDenied', '')", delivered{}, statement{}, code},
		{"where f(errorcode, '') in (1)", delivered{}, statement{}, ""},
		{"where errormessage = ''", delivered{}, statement{}, "errormessage is NULL, not ''"},
		{"where userIdentity.arn != ''", delivered{}, statement{}, "useridentity.arn is NULL"},
		{"where '' = c.useridentity.sessioncontext.sessionissuer.arn", delivered{}, statement{}, "c.useridentity.sessioncontext.sessionissuer.arn is NULL"},
		{"where useridentity.arn = 'x'", delivered{}, statement{}, ""},
		{"where eventname = ''", delivered{}, statement{}, ""},
		{"where eventtime between '2026-10-01' and '2026-10-31'", delivered{}, statement{}, day},
		{"where eventtime between '2026-10-01' and '2026-10-31T23:59:59Z'", delivered{}, statement{}, ""},
		{"where eventtime <= '2026-10-31'", delivered{}, statement{}, day},
		{"where '2026-10' >= eventtimestamp", delivered{}, statement{}, day},
		{"where '2026-10' <= eventtime", delivered{}, statement{}, ""},
		{"where eventtime < '2026-10-31'", delivered{}, statement{}, ""},
		{"where date = '2026/10/31'", delivered{}, statement{}, text},
		{"where date in ('2026-10-30', '31.10.2026')", delivered{}, statement{}, text},
		{"where date <= '2026-10-31'", delivered{}, statement{}, ""},
		{"where day = '2026/10/31'", delivered{}, statement{}, ""},
		{"where '' =", delivered{}, statement{}, ""},
		{"not closed '", delivered{}, statement{}, ""},
	} {
		var screen recorder
		o := testOptions(t, &fakeEngine{}, &screen)
		o.Screen = Screen{} // no line breaks
		s := newTestSession(t, o)
		c.st.sql = c.sql
		s.guard(c.st, c.done)
		notes := screen.String()
		if c.want == "" && notes != "" || c.want != "" && (!strings.Contains(notes, c.want) || strings.Count(notes, "note: ") != 1) {
			t.Errorf("%s: %q, want %q", c.sql, notes, c.want)
		}
	}
}
