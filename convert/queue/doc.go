// Package queue is an SQS queue that hears of new objects in a bucket.
//
// [Open] connects to the queue; [Queue.Receive], [Queue.Extend] and
// [Queue.Delete] are its messages, [Parse] says which objects a message names.
package queue
