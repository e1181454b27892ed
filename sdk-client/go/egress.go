package durable

import "net/http"

// EgressTransport sends calls to the egress listener of the gateway. Give it to a client all of whose calls go there, and give
// each request the context of the handler, or of the function of a step.
//
// Calls of the handler belong to its run, so that the gateway remembers them where the route says so. Calls of a step are marked:
// the outcome of the step is stored already, so the gateway does not remember them a second time. A redirect to another origin takes
// neither with it. Where the gateway has no such listener, and outside of durable handlers, requests pass as they are.
//
// The base sends the requests; nil is [http.DefaultTransport].
func EgressTransport(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return &egressTransport{base}
}

type egressTransport struct{ base http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t *egressTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	s, ok := scopeOf(r.Context())
	if !ok || s.branch.attempt.egressToken == "" || leavesOrigin(r) {
		return t.base.RoundTrip(r)
	}
	sent := r.Clone(r.Context())
	if sent.Header == nil {
		sent.Header = http.Header{}
	}
	sent.Header.Set(hEgressToken, s.branch.attempt.egressToken)
	markInStep(sent, s)
	return t.base.RoundTrip(sent)
}

// markInStep says that a call is made in a step, if the gateway could take it for one of its own.
func markInStep(r *http.Request, s scope) {
	if s.inside != "" && s.branch.attempt.egressToken != "" {
		r.Header.Set(hInStep, "?1")
	}
}

// leavesOrigin reports whether a request is the consequence of a redirect from another origin.
func leavesOrigin(r *http.Request) bool {
	for from := r; from.Response != nil && from.Response.Request != nil; {
		from = from.Response.Request
		if from.URL.Host != r.URL.Host || from.URL.Scheme != r.URL.Scheme {
			return true
		}
	}
	return false
}
