using System.Globalization;
using DurableGateway.Http;
using DurableGateway.Listeners;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace DurableGateway.Proxy;

/// <summary>
/// Puts the contract's headers on every attempt (§2), in the place of those that a client may have sent. It is the last of the
/// transforms, because it counts what the others have set.
/// </summary>
internal sealed class AttemptRequestTransforms(
    CallbackAddressProvider addresses, Tokens tokens, EgressCarriers carriers) : ITransformProvider
{
    private const string LastEventId = "Last-Event-ID";

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    // On plain routes too: a run that was parked before its route became plain goes on by it, under the policy that it has.
    public void Apply(TransformBuilderContext context) => context.AddRequestTransform(request =>
    {
        RemoveClaims(request);
        if (request.HttpContext.Features.Get<AttemptFeature>() is { } feature) Describe(request, feature);
        else if (carriers.IsEnabled) EgressCarriers.Apply(request.ProxyRequest);
        return default;
    });

    /// <summary>
    /// A client says nothing in the gateway's name. What YARP has copied is looked through in place of what it was copied from, which
    /// costs less; a header that the route's transforms have set stays.
    /// </summary>
    private static void RemoveClaims(RequestTransformContext context)
    {
        List<string>? claims = null;
        foreach (var (name, _) in context.ProxyRequest.Headers.NonValidated)
        {
            if (HopByHopHeaders.IsDurable(name) && context.HttpContext.Request.Headers.ContainsKey(name)) (claims ??= []).Add(name);
        }

        if (claims is null) return;
        foreach (var name in claims) context.ProxyRequest.Headers.Remove(name);
    }

    private void Describe(RequestTransformContext context, AttemptFeature feature)
    {
        var attempt = feature.Attempt;
        attempt.Destination = context.DestinationPrefix;
        var headers = context.ProxyRequest.Headers;
        headers.TryAddWithoutValidation(DurableHeaders.Protocol, DurableHeaders.ProtocolVersion);
        headers.TryAddWithoutValidation(DurableHeaders.RunId, attempt.RunText);
        headers.TryAddWithoutValidation(DurableHeaders.Attempt, attempt.Key.Number.ToString(CultureInfo.InvariantCulture));
        headers.TryAddWithoutValidation(DurableHeaders.Callback, addresses.For(attempt.RunText));
        headers.TryAddWithoutValidation(DurableHeaders.Token, tokens.ForSteps(attempt.Run, attempt.Key.Fence));
        if (carriers.IsEnabled) carriers.Put(context.ProxyRequest, attempt);
        if (attempt.Policy.SendIdempotencyKey && !headers.Contains(DurableHeaders.IdempotencyKey))
            headers.TryAddWithoutValidation(DurableHeaders.IdempotencyKey, $"\"{attempt.RunText}\"");
        if (attempt.LastEventId is { } last)
        {
            headers.Remove(LastEventId);
            headers.TryAddWithoutValidation(LastEventId, last);
        }

        if (attempt.Failures + 1 >= attempt.Policy.MaxAttempts) headers.TryAddWithoutValidation(DurableHeaders.FinalAttempt, "?1");
        var stepCount = attempt.StepCount - (carriers.IsEnabled ? attempt.Steps.Count(StepOutcome.IsCall) : 0);
        if (stepCount == 0) return;
        headers.TryAddWithoutValidation(DurableHeaders.StepCount, stepCount.ToString(CultureInfo.InvariantCulture));
        if (attempt.InlinesSteps) feature.HasInlinedSteps = InlinedSteps.TryAdd(context, attempt);
    }
}
