using System.Net.Http.Headers;
using DurableGateway.Http;
using DurableGateway.Protocol;

namespace DurableGateway.Proxy;

/// <summary>What a service says of its response in headers (§4), read in one pass: most responses have none of them.</summary>
internal readonly record struct ServiceAnswer
{
    /// <summary>There are headers of the contract, known or not, which no client gets.</summary>
    public bool HasDurable { get; private init; }

    public string? Suspended { get; private init; }
    public string? Retry { get; private init; }
    public string? Stream { get; private init; }
    public string? Mismatch { get; private init; }
    public string? Build { get; private init; }
    public string? RetryAfter { get; private init; }

    public static ServiceAnswer Read(HttpResponseHeaders headers)
    {
        var answer = default(ServiceAnswer);
        foreach (var (name, values) in headers.NonValidated)
        {
            if (HopByHopHeaders.IsDurable(name)) answer = Read(answer with { HasDurable = true }, name, values);
            else if (Is(name, "Retry-After")) answer = answer with { RetryAfter = values.ToString() };
        }

        return answer;
    }

    private static ServiceAnswer Read(ServiceAnswer answer, string name, HeaderStringValues values) =>
        Is(name, DurableHeaders.Suspended) ? answer with { Suspended = values.ToString() }
        : Is(name, DurableHeaders.Retry) ? answer with { Retry = values.ToString() }
        : Is(name, DurableHeaders.Stream) ? answer with { Stream = values.ToString() }
        : Is(name, DurableHeaders.Mismatch) ? answer with { Mismatch = values.ToString() }
        : Is(name, DurableHeaders.Build) ? answer with { Build = values.ToString() }
        : answer;

    private static bool Is(string name, string known) => name.Equals(known, StringComparison.OrdinalIgnoreCase);
}
