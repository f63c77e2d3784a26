// Command trailql converts AWS CloudTrail archives into a warehouse and
// queries it with SQL. Start with [run]; each command has a file of its own.
package main

import (
	"context"
	"os"
	"time"
)

func main() {
	os.Exit(runProcess())
}

// runProcess runs the program with the streams, arguments and signals of this
// process.
func runProcess() int {
	ctx, signals, stop := withSignals(context.Background())
	defer stop()
	return run(ctx, os.Args[1:], &app{
		stdin:   os.Stdin,
		stdout:  os.Stdout,
		stderr:  os.Stderr,
		now:     time.Now,
		signals: signals,
	})
}
