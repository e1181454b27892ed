using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Proxy;

/// <summary>
/// Invokes a route for a step of a run (§3). The request passes the gateway's own pipeline, so that it is matched as a client's request is.
/// Instead of being sent to a service, it is stored as a run of its own.
/// </summary>
internal sealed class InvocationDispatcher(
    IWaitStore store, WaitService waits, InvocationResultDelivery results, IServiceScopeFactory scopes)
{
    private RequestDelegate _pipeline = _ => Task.CompletedTask;

    /// <summary>Stores the pipeline that this middleware belongs to.</summary>
    public RequestDelegate Watch(RequestDelegate next) => _pipeline = next;

    /// <returns>The step's answer, or the problem if the target cannot be invoked.</returns>
    public async Task<(StepAnswer Answer, Problem? Problem)> InvokeAsync(
        Waiter waiter, Fence attempt, RunPolicy policy, string method, string target, string? contentType, ReadOnlyMemory<byte> body)
    {
        var above = await store.GetInvokerAsync(waiter.Run);
        var invoker = new Invoker(waiter.Run, waiter.Step, (above?.Depth ?? 0) + 1);
        if (invoker.Depth >= Invoker.MaxDepth) return (default, Problems.InvokeTooDeep(waiter.Run, Invoker.MaxDepth));
        if (await store.GetRequestAsync(waiter.Run) is not { } own) return (new StepAnswer(StepVerdict.Unknown), null);
        var child = RunId.Derive(waiter.Run, waiter.Step, await store.GetRepetitionAsync(waiter));

        var look = await SendAsync(new Invocation(child, invoker, body, onlyLook: true));
        if (look.Policy is null) return (default, Problems.InvokeNowhere(waiter.Run, method, target));
        if (body.Length > look.Policy.MaxRequestBytes) return (default, Problems.InvokeTooLarge(waiter.Run, look.Policy.MaxRequestBytes));

        // The step waits before the run begins, so that its end is never missed. After a crash in between, the step asks again.
        var answer = await waits.ForAsync(waiter, attempt, policy, WaitKind.Invocation, timeout: null);
        if (answer.Verdict != StepVerdict.Scheduled) return (answer, null);

        // The routes may have changed since the check.
        var begun = await SendAsync(new Invocation(child, invoker, body, onlyLook: false));
        if (!begun.IsBegun) return (default, Problems.InvokeNowhere(waiter.Run, method, target));

        // The run may have ended while the step did not wait, because an operator revised the invoking run. Deliver its result again.
        if (begun.IsKnown && await results.DeliverAsync(child))
            answer = await waits.ForAsync(waiter, attempt, policy, WaitKind.Invocation, timeout: null);
        return (answer, null);

        async Task<Invocation> SendAsync(Invocation invocation)
        {
            await using var scope = scopes.CreateAsyncScope();
            await _pipeline(Request(invocation, own, method, target, contentType, scope.ServiceProvider));
            return invocation;
        }
    }

    /// <summary>
    /// Builds the request as if the client of the invoking run had sent it, to the same host and over the same connection.
    /// </summary>
    private static DefaultHttpContext Request(
        Invocation invocation, StoredRequest own, string method, string target, string? contentType, IServiceProvider services)
    {
        var split = target.Split('?', 2);
        var request = new HttpRequestFeature
        {
            Method = method,
            Scheme = own.Scheme,
            Protocol = "HTTP/1.1",
            Path = PathString.FromUriComponent(split[0]).Value!,
            QueryString = split.Length > 1 ? "?" + split[1] : "",
            RawTarget = target,
            Body = new MemoryStream(invocation.Body.ToArray(), writable: false),
        };
        foreach (var line in own.Headers.Where(line => line.Name.Equals("Host", StringComparison.OrdinalIgnoreCase)))
            request.Headers.Append(line.Name, line.Value);
        if (own.TraceParent.Length > 0) (request.Headers.TraceParent, request.Headers.TraceState) = (own.TraceParent, own.TraceState);
        if (contentType is not null) request.Headers.ContentType = contentType;
        if (!invocation.Body.IsEmpty) request.Headers.ContentLength = invocation.Body.Length;

        var features = SyntheticHttpContext.CreateFeatures(request, own, invocation.Id.ToString(), Stream.Null);
        features.Set(invocation);
        return new DefaultHttpContext(features) { RequestServices = services };
    }
}
