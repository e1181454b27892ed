namespace DurableGateway.Runs;

/// <summary>
/// A named policy. A run keeps the policy that it started under, so this is also part of its record.
/// Defaults are those of the configuration page; sizes are bytes.
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

    /// <summary>Tries of each step, and attempts that fail outside a step with no progress in between.</summary>
    public int MaxAttempts { get; init; } = 8;

    /// <summary>
    /// For how long failures to reach the service at all (no connection, no destination) do not count against
    /// <see cref="MaxAttempts"/>, from the first of them in a row. Not where that is 1. Zero: they count as any other.
    /// </summary>
    public TimeSpan UnreachableFor { get; init; } = TimeSpan.FromMinutes(10);
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);
    public TimeSpan MaxRetryDelay { get; init; } = TimeSpan.FromMinutes(5);
    public BackoffShape Backoff { get; init; } = BackoffShape.Exponential;
    public bool Jitter { get; init; } = true;

    /// <summary>The statuses that count as a failure of the attempt, as <see cref="StatusRanges"/> reads them.</summary>
    public StatusRanges RetryStatuses { get; init; } = StatusRanges.Default;

    public long MaxRequestBytes { get; init; } = 4 << 20;
    public long MaxResponseBytes { get; init; } = 16 << 20;
    public long MaxStepBytes { get; init; } = 4 << 20;
    public OversizedRequests OversizedRequests { get; init; }
    public int MaxSteps { get; init; } = 10_000;
    public int InlineStepBytes { get; init; } = 4096;

    /// <summary>How large request line and headers of an attempt may become by the outcomes that are put into them.</summary>
    /// <value><see langword="null"/> in the record of a run that an earlier release stored: <see cref="DefaultInlineHeaderBytes"/>.</value>
    public int? InlineHeaderBytes { get; init; } = DefaultInlineHeaderBytes;

    public const int DefaultInlineHeaderBytes = 8192;

    public string IdempotencyScope { get; init; } = "Authorization";

    /// <summary>
    /// Whether an idempotency key goes on standing for a run that failed without a final answer of the service. By default the key is
    /// released then, and the next request with it begins a new run.
    /// </summary>
    public bool IdempotencyKeepsFailures { get; init; }
    public bool SendIdempotencyKey { get; init; }

    /// <summary>Whether <c>DELETE</c> on the result URL cancels the run.</summary>
    public bool AllowCancel { get; init; }

    /// <summary>
    /// The most attempts that run at once for each value of <see cref="ConcurrencyKey"/>; <see langword="null"/>: any number.
    /// </summary>
    public int? ConcurrencyLimit { get; init; }

    /// <summary><c>route</c>, <c>header:&lt;name&gt;</c> or <c>query:&lt;name&gt;</c>.</summary>
    public string ConcurrencyKey { get; init; } = FlowKey.Route;

    /// <summary>
    /// The most runs that start within <see cref="RateWindow"/> for each value of <see cref="RateKey"/>;
    /// <see langword="null"/>: any number.
    /// </summary>
    public int? RatePermits { get; init; }
    public TimeSpan RateWindow { get; init; } = TimeSpan.FromSeconds(1);
    public string RateKey { get; init; } = FlowKey.Route;

    /// <summary>
    /// <c>header:&lt;name&gt;</c> of the urgency by which runs that wait for <see cref="ConcurrencyLimit"/> are ordered, as RFC 9218 writes
    /// it (<c>u=0</c> first, <c>u=7</c> last, 3 where it is absent).
    /// </summary>
    public string? Priority { get; init; }

    /// <summary>
    /// <c>header:&lt;name&gt;</c> that who asks for the result must have as the original request had it;
    /// <see langword="null"/>: the URL is enough.
    /// </summary>
    public string? BindResultTo { get; init; }

    /// <summary>Where the <c>303</c> sends the client.</summary>
    public ResultUrlPlace ResultUrl { get; init; }

    /// <summary>The origins whose scripts may read what the gateway answers, with commas between them, or <c>*</c>; empty: none.</summary>
    public string CorsOrigins { get; init; } = "";

    /// <summary>Whether they may do so with credentials.</summary>
    public bool CorsCredentials { get; init; }

    /// <summary>What becomes of a run whose stored steps do not fit the handler any more.</summary>
    public MismatchHandling Mismatch { get; init; }

    /// <summary>Whether replays go to destinations of the build whose steps the run has, while there are any.</summary>
    public bool PinToBuild { get; init; }

    /// <summary>How long after its start the last trace of the run is gone.</summary>
    public TimeSpan Lifetime => RunTimeout + Retention;
}
