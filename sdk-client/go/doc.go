// Package durable makes HTTP handlers durable behind a Durable Gateway.
//
// Wrap the pieces of a handler that have effects with [Run]. What has finished is stored by the gateway. When the request is
// replayed, stored outcomes are returned and the pieces are not executed again. Called without a gateway, the same handler
// simply runs.
//
//	http.Handle("/checkout", durable.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
//		ctx := r.Context()
//		charge, err := durable.Run(ctx, "charge", func(ctx context.Context) (Charge, error) {
//			return payments.Charge(ctx, order)
//		})
//		if err != nil {
//			return err
//		}
//		label, err := durable.Run(ctx, "label", func(ctx context.Context) (Label, error) {
//			return shipping.Label(ctx, order, charge)
//		})
//		if err != nil {
//			return err
//		}
//		return json.NewEncoder(w).Encode(Receipt{charge.ID, label.TrackingNumber})
//	}))
//
// # Rules
//
// The handler is executed from its beginning at each attempt. What is not in a step is executed each time, so put effects, and
// whatever must not change between attempts (the time, a random number), into steps.
//
// A step is known by its name. The second use of a name in an attempt is name#2, so a loop may use one name. Branches that run at the
// same time need names of their own.
//
// A step is executed at least once. A crash between its effect and its checkpoint repeats it. Where that matters, give the other side
// a key: the run's ID from [Info] with the step's name.
//
// Steps do not nest. Begin one after the other, and pass results along.
//
// # Errors
//
// Return errors that you do not know from the handler: return them from the function of [HandlerFunc], or give them to [Error]. A step that
// waits leaves the handler with an error for which errors.Is(err, ErrSuspended) holds when the attempt is suspended. Deferred functions do
// their work then; no step begins in them.
//
// Package durabletest executes handlers without a gateway, for unit tests. Package client is for the callers of a durable route.
package durable
