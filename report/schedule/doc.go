// Package schedule says when which report is due. It knows neither reports nor
// the query engine: whoever has a loop, a timer or a cron line calls
// [Runner.RunDue], which hands each due run to a function.
//
//	timetable.go  a cron expression in a time zone, right in DST changes
//	schedule.go   what a schedule is, and what is wrong with one
//	file.go       the YAML file of schedules: read strictly, changed under a lock
//	due.go        which runs a schedule owes: missed ones too, each period once
//	state.go      what has been run, so that a crash makes nothing happen twice or never
//	runner.go     one process at a time, oldest run first
//	retention.go  old reports
//	print.go      units for systemd, a cron line, a Kubernetes CronJob
package schedule
