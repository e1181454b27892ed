using System.Diagnostics;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Proxy;

/// <summary>A live request, and the run that it becomes once it is stored.</summary>
internal sealed class RequestDraft(HttpContext context, Activity? activity, RequestCapture? body) : RunDraft
{
    public required RunId Run { get; init; }
    public required RunPolicy Policy { get; init; }
    public required string Route { get; init; }
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>The run's concurrency limit; <see langword="null"/> if the policy has none.</summary>
    public required ConcurrencyLimit? ConcurrencyLimit { get; init; }

    /// <summary>The hash of its idempotency key; <see langword="null"/> without one.</summary>
    public required string? KeyHash { get; init; }

    /// <summary>The nonce of the first attempt, if that is running when the run is stored.</summary>
    public uint Nonce { get; init; }

    public override async Task<NewRun?> CompleteAsync(CancellationToken cancellation)
    {
        var bytes = body is null ? ReadOnlyMemory<byte>.Empty : await body.DrainAsync(cancellation);
        if (bytes is not { } whole) return null;
        var request = RequestRecorder.Record(context, activity, whole);
        return new NewRun(Run, Policy, Route, StartedAt, request)
        {
            Idempotency = RunIdFactory.Mark(KeyHash, request),
            ConcurrencyLimit = ConcurrencyLimit,
            Nonce = Nonce,
        };
    }
}
