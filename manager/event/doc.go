// Package event tells others what the engine did: programs that embed it, and
// sinks outside, which are programs, files and web servers.
//
// An [Event] is a CloudEvents 1.0 event in JSON form. Its [Type] says what
// happened ([Types] lists them all) and its data is one struct per family, such
// as [RollbackData], which [Event.Payload] reads.
//
//	bus := event.NewBus(event.Options{Source: "/srv/app"})
//	defer bus.Close(ctx)
//	cancel := bus.Subscribe(func(e event.Event) { fmt.Println(e.Type, e.Subject) }, "*.failed")
//	defer cancel()
//	e, err := event.New(event.RollbackFailed, "/srv/app", "v1", time.Now(), event.RollbackData{Version: "v1"})
//	if err == nil {
//		bus.Publish(ctx, e)
//	}
//
// # What is promised
//
// [Bus.Publish] never waits for whom it tells and never fails. Subscribers get
// an event at most once, in the order of publishing; those too slow for their
// queue lose the oldest events in it ([Bus.Dropped]). Sinks are best effort: an
// event that a sink doesn't take within its time is lost to it, and a webhook
// may get one twice. The history in the store is what really happened, and
// events are a way to hear of it early.
//
// # Sinks
//
// [Open] makes a [Sink] of its configuration; a program can make one of any
// [Deliverer]. Each works on its own, so one that hangs holds up no other.
// [Bus.Results] says how each did last; [SaveResults] and [LoadResults] keep
// that in a file which many processes share.
//
// # Receiving
//
// [Decode] reads a line of a file sink, or what a webhook was sent, strictly by
// the specification. [Verify] checks a webhook's signature.
package event
