using System.Net.Http;
using System.Threading;

namespace DurableGateway.Client;

/// <summary>What the code of an attempt hands on with calls to the egress listener of the gateway.</summary>
internal sealed class EgressFlow
{
    private const string True = "?1";

    private static readonly AsyncLocal<EgressFlow?> Current = new();

    private readonly string _token;
    private readonly bool _isInStep;

    private EgressFlow(string token, bool isInStep) => (_token, _isInStep) = (token, isInStep);

    /// <summary>Call it in an async method, so that it does not flow to the caller.</summary>
    /// <param name="token">The token of the attempt; <see langword="null"/> if the gateway has no such listener.</param>
    /// <param name="isInStep">Whether the body of a step follows.</param>
    public static void Enter(string? token, bool isInStep) =>
        Current.Value = token is { Length: > 0 } ? new EgressFlow(token, isInStep) : null;

    /// <summary>Says which attempt makes a call, and whether a step does.</summary>
    public static void HandOn(HttpRequestMessage request)
    {
        if (Current.Value is { } flow) Set(request, DurableHeaders.EgressToken, flow._token);
        MarkInStep(request);
    }

    /// <summary>Says that a step makes a call, if the gateway could take it for one of its own.</summary>
    public static void MarkInStep(HttpRequestMessage request)
    {
        if (Current.Value is { _isInStep: true }) Set(request, DurableHeaders.InStep, True);
    }

    private static void Set(HttpRequestMessage request, string name, string value)
    {
        request.Headers.Remove(name);
        request.Headers.TryAddWithoutValidation(name, value);
    }
}
