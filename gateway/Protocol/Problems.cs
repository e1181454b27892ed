namespace DurableGateway.Protocol;

/// <summary>
/// The problem types of the protocol. <c>source</c> names the side that failed: <c>gateway</c> or <c>service</c>.
/// </summary>
internal static class Problems
{
    private const string Gateway = "gateway";
    private const string Service = "service";

    public static Problem NotFound() => Make("not-found", "There is no resource at this path", 404);
    public static Problem MethodNotAllowed(string method, string allowed) =>
        Make("method-not-allowed", "The method is not allowed here", 405, $"{method} is not one of {allowed}.");
    public static Problem BadRequest(int status, string detail) => Make("bad-request", "The request is malformed", status, detail);
    public static Problem DestinationRefused(string detail) =>
        Make("destination-refused", "The gateway does not forward to this destination", 403, detail);
    public static Problem TooManyTunnels(int limit) =>
        Make("too-many-tunnels", "Too many tunnels are open", 503, $"Durable:Egress:MaxTunnels is {limit}.");
    public static Problem TunnelUnreachable() =>
        Make("service-unreachable", "The service did not answer", 502, "There is no connection to the destination.", null, Service);
    public static Problem TunnelTimeout() =>
        Make("service-timeout", "The service did not answer in time", 504, "There was no connection to the destination in time.", null,
            Service);
    public static Problem DotSegment() =>
        Make("step-malformed", "The path has a dot segment", 400, "A step id cannot be '.' or '..'; give the step another name.");
    public static Problem GatewayFailed() =>
        Make("gateway-failed", "The gateway failed", 500, "The error is in the gateway, not in the service. See the gateway's log.");
    public static Problem ResultUnknown() =>
        Make("result-unknown", "No such result", 404, "The run is unknown, or the token of this URL is missing or wrong.");
    public static Problem ResultBound(RunId run, string header) =>
        Make("result-bound", "The result is for another caller", 403,
            $"Send {header} with the same value as the original request. BindResultTo of the route's policy requires it.", run);
    public static Problem ResultExpired(RunId run) =>
        Make("result-expired", "The result has expired", 410, "The token of this URL has expired.", run);
    public static Problem RunCancelled(RunId run) => Make("run-cancelled", "The run was cancelled", 410, null, run);
    public static Problem CancelNotAllowed(RunId run) =>
        Make("cancel-not-allowed", "Clients may not cancel this run", 403, "AllowCancel of the route's policy is false.", run);
    public static Problem CancelTooLate(RunId run) =>
        Make("run-ended", "The run has ended", 409, "The run has a result and can no longer be cancelled.", run);
    public static Problem RunUnknown(RunId run) =>
        Make("run-unknown", "The run is unknown", 404, "Try the next address of Durable-Callback.", run);
    public static Problem RunEnded(RunId run) =>
        Make("run-ended", "The run has ended", 410, "The run completed, failed or was cancelled. It accepts no more steps.", run);
    public static Problem AttemptSuperseded(RunId run) =>
        Make("attempt-superseded", "A later attempt owns the run", 409, "Abandon this handler; its work is being done elsewhere.", run);
    public static Problem TokenInvalid() =>
        Make("token-invalid", "Durable-Token is missing or invalid", 401, "Send the Durable-Token header of the attempt unchanged.");
    public static Problem AttemptOver(RunId run) =>
        Make("attempt-superseded", "The attempt is over", 409,
            "This call belongs to an attempt that is no longer in flight. It was not forwarded.", run);
    public static Problem StepDrift(RunId run, string what) =>
        Make("step-drift", "A replay makes another call than the attempt before it", 409,
            $"{what} Durable.Step.Drift of the route is Fail.", run, Service);
    public static Problem EgressInterrupted(RunId run, string step) =>
        Make("step-interrupted", "It is unknown whether the call was carried out", 502,
            $"The call '{step}' is made at most once, and the attempt that made it ended without a response.", run, Service);
    public static Problem StepMalformed(RunId run, string detail) => Make("step-malformed", "The step call is malformed", 400, detail, run);
    public static Problem StepUnsupported(RunId run, string detail) =>
        Make("step-unsupported", "The gateway does not accept this step", 422, detail, run);
    public static Problem StepTimeout(RunId run, string step) =>
        Make("step-timeout", "The step waited too long", 504, $"The wait of step '{step}' has expired.", run);
    public static Problem StepInterrupted(RunId run, string step) =>
        Make("step-interrupted", "The step began, but its outcome is unknown", 500,
            $"Step '{step}' is executed at most once, and the attempt that began it ended without an outcome.", run, Service);
    public static Problem InvokeNowhere(RunId run, string method, string path) =>
        Make("invoke-no-route", "There is no route to invoke", 422, $"No durable route of this gateway matches {method} {path}.", run);
    public static Problem InvokeTooDeep(RunId run, int limit) =>
        Make("invoke-too-deep", "The invocations are nested too deeply", 422, $"This run is at the maximum depth of {limit}.", run);
    public static Problem InvokeTooLarge(RunId run, long limit) =>
        Make("request-too-large", "The request is larger than the invoked route's policy allows", 413,
            $"MaxRequestBytes is {limit} bytes.", run);
    public static Problem InvokeFailed(RunId child, int status, string? detail) =>
        Make("invoke-failed", "The invoked run failed", status, detail, child, Service);
    public static Problem CallbackUnknown() =>
        Make("callback-unknown", "No such callback", 404, "The run is unknown, or this URL does not belong to a callback step.");
    public static Problem CallbackUsed(RunId run) =>
        Make("callback-used", "The callback has been used", 409, "A callback completes its step once.", run);
    public static Problem CallbackExpired(RunId run) =>
        Make("callback-expired", "The callback has expired", 410, "Its step no longer waits.", run);
    public static Problem EventMalformed(string detail) => Make("event-malformed", "This is not a CloudEvent", 400, detail);
    public static Problem EventTooLarge(long limit) =>
        Make("event-too-large", "The event is too large", 413, $"Durable:Events:MaxBytes is {limit} bytes.");
    public static Problem ActionRefused(RunId run, string detail) =>
        Make("action-refused", "The run's state does not allow this action", 409, detail, run);
    public static Problem KeyRequired() =>
        Make("api-key-required", "An API key is required", 401,
            "Send Authorization: Bearer with one of Durable:Admin:ApiKeys, or with a token of Durable:Admin:Oidc that has a role.");
    public static Problem ForeignPage(string host) =>
        Make("foreign-page", "Requests from other sites are not allowed", 403, "The request comes from a page of another site, "
            + $"or '{host}' is not a name of this gateway. Without API keys, the name is localhost or an IP address.");
    public static Problem CertificateRequired() =>
        Make("certificate-required", "A client certificate is required", 401,
            "Connect with a certificate that an authority in Durable:Admin:ClientCertificates has issued.");
    public static Problem RoleRequired() =>
        Make("role-required", "The role of the caller is read-only", 403, "This action requires one of Durable:Admin:ApiKeys, "
            + "a certificate of Durable:Admin:ClientCertificates:Operators, or a token with the role durable-operator.");
    public static Problem EventKeyRequired() =>
        Make("api-key-required", "An API key is required", 401, "Send Authorization: Bearer with one of Durable:Events:ApiKeys or "
            + "Durable:Admin:ApiKeys, or an attempt's Durable-Token with an event of its run.");
    public static Problem StepOfOtherKind(RunId run, string step) =>
        Make("step-of-other-type", "The step was begun with another type", 422,
            $"Step '{step}' already waits or has failed tries as a step of another type. Give the new step another name.", run);
    public static Problem BeyondRunTimeout(RunId run, string step, TimeSpan limit) =>
        Make("beyond-run-timeout", "The run may not take that long", 422,
            $"Step '{step}' would end after the run's deadline. RunTimeout of the route's policy is {limit:c}. Wait for less time, "
            + "or raise RunTimeout.", run);
    public static Problem StepTooLarge(RunId run, long limit) =>
        Make("step-too-large", "The outcome is larger than the policy allows", 413, $"MaxStepBytes is {limit} bytes.", run);
    public static Problem TooManySteps(RunId run, int limit) =>
        Make("too-many-steps", "The run has too many steps", 422, $"MaxSteps is {limit}.", run);
    public static Problem StoreUnavailable(RunId? run, string detail) =>
        Make("store-unavailable", "The store is unavailable", 503, detail, run);
    public static Problem StoreFull(RunId? run, string detail) => Make("store-full", "The store is full", 503, detail, run);
    public static Problem IdempotencyKeyMalformed(string detail) =>
        Make("idempotency-key-malformed", "Idempotency-Key is malformed", 400, detail);
    public static Problem IdempotencyKeyReused(RunId run) =>
        Make("idempotency-key-reused", "The idempotency key was used for another request", 422,
            "The key was sent with another method, target or body. Use a new key for a new request.", run);
    public static Problem RequestTooLarge(long limit) =>
        Make("request-too-large", "The request is larger than the policy allows", 413,
            $"MaxRequestBytes is {limit} bytes, and OversizedRequests is Refuse.");
    public static Problem ResponseTooLarge(RunId run, long limit) =>
        Make("response-too-large", "The response is larger than the policy allows", 502,
            $"MaxResponseBytes is {limit} bytes.", run, Service);
    public static Problem ResponseHeadersTooLarge(RunId? run, int limit) =>
        Make("response-headers-too-large", "The headers of the response exceed the gateway's limit", 502,
            $"Durable:Limits:MaxResponseHeadersTotalSize is {limit} bytes.", run, Service);
    public static Problem ResultNotKept(RunId run) =>
        Make("result-not-kept", "The response was not stored", 502,
            "The response was sent to the client, and began before the run was stored.", run);
    public static Problem HandlerMismatch(RunId run, string what) =>
        Make("handler-mismatch", "The handler has changed since the run began", 502,
            $"Stored steps do not match it: {what}. Mismatch of the route's policy is Fail.", run, Service);
    public static Problem RunTimeout(RunId run, TimeSpan limit) =>
        Make("run-timeout", "The run did not end in time", 504, $"RunTimeout is {limit:c}.", run, Service);
    public static Problem ServiceUnreachable(RunId run, string detail) =>
        Make("service-unreachable", "The service did not answer", 502, detail, run, Service);
    public static Problem ServiceTimeout(RunId run, string detail) =>
        Make("service-timeout", "The service did not answer in time", 504, detail, run, Service);
    public static Problem ServiceFailed(RunId run, int status, string detail) =>
        Make("service-failed", "The service failed", status, detail, run, Service);
    public static Problem NothingPending(RunId run) =>
        Make("nothing-pending", "The service suspended the run, but no step is pending", 502, null, run, Service);
    public static Problem RouteGone(RunId run, string route) =>
        Make("route-gone", "The run's route is no longer configured", 502, $"Route '{route}' was removed while the run was waiting.", run);
    public static Problem RecordUnreadable(RunId run) =>
        Make("record-unreadable", "The run's record cannot be read", 502, "See the gateway's log for the reason.", run);

    private static Problem Make(string name, string title, int status, string? detail = null, RunId? run = null, string source = Gateway) =>
        new("/_durable/problems/" + name, title, status, detail, run?.ToString(), source);
}
