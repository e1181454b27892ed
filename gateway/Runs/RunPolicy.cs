namespace DurableGateway.Runs;

/// <summary>
/// A named policy. A run keeps the policy that it started under, so the policy is also part of its record. The defaults are those of the
/// configuration page. Sizes are in bytes.
/// </summary>
internal sealed record RunPolicy
{
    public string Name { get; init; } = "default";
    public PersistMode Persist { get; init; } = PersistMode.OnFirstCheckpoint;
    public TimeSpan PersistAfter { get; init; } = TimeSpan.FromSeconds(1);
    public TimeSpan HoldClientFor { get; init; }
    public TimeSpan AttemptTimeout { get; init; } = TimeSpan.FromSeconds(100);
    public TimeSpan RunTimeout { get; init; } = TimeSpan.FromDays(7);
    public TimeSpan Retention { get; init; } = TimeSpan.FromDays(1);

    /// <summary>The maximum number of tries of a step, and of attempts that fail outside a step without progress in between.</summary>
    public int MaxAttempts { get; init; } = 8;

    /// <summary>
    /// How long failures to reach the service (no connection, no destination) do not count for <see cref="MaxAttempts"/>, from the first of
    /// consecutive failures. If it is zero, they count like any other. It has no effect if <see cref="MaxAttempts"/> is 1.
    /// </summary>
    public TimeSpan UnreachableFor { get; init; } = TimeSpan.FromMinutes(10);
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);
    public TimeSpan MaxRetryDelay { get; init; } = TimeSpan.FromMinutes(5);
    public BackoffShape Backoff { get; init; } = BackoffShape.Exponential;
    public bool Jitter { get; init; } = true;

    /// <summary>The statuses that count as a failure of the attempt, in the format of <see cref="StatusRanges"/>.</summary>
    public StatusRanges RetryStatuses { get; init; } = StatusRanges.Default;

    public long MaxRequestBytes { get; init; } = 4 << 20;
    public long MaxResponseBytes { get; init; } = 16 << 20;
    public long MaxStepBytes { get; init; } = 4 << 20;
    public OversizedRequests OversizedRequests { get; init; }
    public int MaxSteps { get; init; } = 10_000;
    public int InlineStepBytes { get; init; } = 4096;

    /// <summary>The maximum size of the request line and headers of an attempt with inlined outcomes.</summary>
    /// <value><see langword="null"/> in the record of a run that an earlier release stored: <see cref="DefaultInlineHeaderBytes"/>.</value>
    public int? InlineHeaderBytes { get; init; } = DefaultInlineHeaderBytes;

    public const int DefaultInlineHeaderBytes = 8192;

    public string IdempotencyScope { get; init; } = "Authorization";

    /// <summary>
    /// Whether a run that failed without a final response of the service keeps its idempotency key. By default, the gateway releases the
    /// key, and the next request with it begins a new run.
    /// </summary>
    public bool IdempotencyKeepsFailures { get; init; }
    public bool SendIdempotencyKey { get; init; }

    /// <summary>Whether <c>DELETE</c> on the result URL cancels the run.</summary>
    public bool AllowCancel { get; init; }

    /// <summary>
    /// The maximum number of attempts in flight for each value of <see cref="ConcurrencyKey"/>; <see langword="null"/> for no limit.
    /// </summary>
    public int? ConcurrencyLimit { get; init; }

    /// <summary><c>route</c>, <c>header:&lt;name&gt;</c> or <c>query:&lt;name&gt;</c>.</summary>
    public string ConcurrencyKey { get; init; } = FlowKey.Route;

    /// <summary>
    /// The maximum number of runs that start within <see cref="RateWindow"/> for each value of <see cref="RateKey"/>;
    /// <see langword="null"/> for no limit.
    /// </summary>
    public int? RatePermits { get; init; }
    public TimeSpan RateWindow { get; init; } = TimeSpan.FromSeconds(1);
    public string RateKey { get; init; } = FlowKey.Route;

    /// <summary>
    /// <c>header:&lt;name&gt;</c> of the urgency (RFC 9218) by which the queue of <see cref="ConcurrencyLimit"/> is ordered: <c>u=0</c> is
    /// first and <c>u=7</c> is last. The default is 3.
    /// </summary>
    public string? Priority { get; init; }

    /// <summary>
    /// <c>header:&lt;name&gt;</c> of a header that a request for the result must have with the same value as the original request;
    /// <see langword="null"/> if the URL is sufficient.
    /// </summary>
    public string? BindResultTo { get; init; }

    /// <summary>The form of the URL in the <c>303</c> redirect.</summary>
    public ResultUrlPlace ResultUrl { get; init; }

    /// <summary>The origins whose scripts may read the gateway's answers, separated by commas, or <c>*</c>; empty for none.</summary>
    public string CorsOrigins { get; init; } = "";

    /// <summary>Whether these origins may use credentials.</summary>
    public bool CorsCredentials { get; init; }

    /// <summary>What happens to a run whose stored steps no longer fit the handler.</summary>
    public MismatchHandling Mismatch { get; init; }

    /// <summary>Whether replays go to destinations of the build that wrote the run's steps, while such destinations exist.</summary>
    public bool PinToBuild { get; init; }

    /// <summary>The longest time from the run's start until the store deletes it.</summary>
    public TimeSpan Lifetime => RunTimeout + Retention;
}
