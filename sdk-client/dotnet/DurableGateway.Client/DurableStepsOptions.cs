using System;
#if !NET
using System.Diagnostics;
#endif
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DurableGateway.Client;

/// <summary>The options of durable steps.</summary>
public sealed class DurableStepsOptions
{
    internal const string LogCategory = "DurableGateway.Client";

    private static readonly TimeSpan LongestTime = TimeSpan.FromMilliseconds(int.MaxValue);

    private TimeSpan _suspendAfter = TimeSpan.FromMilliseconds(500);
    private ILogger? _log;

    /// <summary>The options to serialize results. Add source-generated contexts to the resolver chain.</summary>
    /// <value>The default is <see cref="JsonSerializerOptions.Web"/>; in ASP.NET Core, the options of minimal APIs.</value>
    public JsonSerializerOptions? Json { get; set; }

    /// <summary>Whether the stack trace of a step's failure is stored, for operators.</summary>
    /// <value>The default is <see langword="true"/>.</value>
    public bool StackTraces { get; set; } = true;

    /// <summary>
    /// Whether the problem for the client of a failed run, or of an attempt that the SDK ended, contains the type and message of the
    /// exception. Use it for development only: a message may contain confidential data.
    /// <see cref="NonRetryableException.ClientMessage"/> is always included.
    /// </summary>
    /// <value>The default is <see langword="false"/>; in ASP.NET Core, <see langword="true"/> in the
    /// environment <c>Development</c>.</value>
    public bool ErrorDetails { get; set; }

    /// <summary>
    /// How long an attempt continues while a step is parked (it sleeps, waits, or is retried later) and no other step is executing. If no
    /// step starts in this time, the attempt is suspended: the token of the handler is cancelled, and the parked steps throw
    /// <see cref="RunSuspendedException"/>.
    /// </summary>
    /// <value>
    /// More than zero, at most 24 days. The default is 0.5 seconds. Work of a branch between two steps must be shorter than this while
    /// another branch waits. Longer work is interrupted and repeated by the next attempt; put it into a step. The default is shorter than
    /// the delay before a retry, so that it does not delay retries. The <c>TimeProvider</c> measures this time: a test with a fake clock
    /// advances the clock by <c>SuspendAfter</c> to end an attempt whose steps are parked.
    /// </value>
    /// <exception cref="ArgumentOutOfRangeException">The value is not more than zero, or is too long.</exception>
    public TimeSpan SuspendAfter
    {
        get => _suspendAfter;
        set => _suspendAfter = value <= TimeSpan.Zero || value > LongestTime
            ? throw new ArgumentOutOfRangeException(nameof(value), value, "SuspendAfter must be more than zero and at most 24 days.")
            : value;
    }

    /// <summary>The logger factory for steps. The category is <c>DurableGateway.Client</c>.</summary>
    /// <value>The default is <see langword="null"/> (no log); in ASP.NET Core, the application's factory.</value>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>
    /// The build of the service. The SDK sends it with every response and every step, so that operators see which builds have executed a
    /// run.
    /// </summary>
    /// <value>
    /// The default is the informational version of the entry assembly. With <see langword="null"/> or an empty string, no build is sent.
    /// Characters other than printable ASCII are percent-encoded.
    /// </value>
    public string? Build { get; set; } =
        Assembly.GetEntryAssembly()?.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;

#if NET
    /// <summary>
    /// The clock for timeouts and durations of steps, for <see cref="SuspendAfter"/>, for <c>Retry-After</c> dates, and for sleeps and
    /// retries without a gateway.
    /// </summary>
    /// <value>The default is <see cref="TimeProvider.System"/>; in ASP.NET Core, the registered <c>TimeProvider</c>,
    /// if any.</value>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    internal DateTimeOffset Now => TimeProvider.GetUtcNow();

    internal CancellationTokenSource CancelAfter(TimeSpan time) => new(time, TimeProvider);

    internal Task DelayAsync(TimeSpan time, CancellationToken cancellationToken) => Task.Delay(time, TimeProvider, cancellationToken);

    internal long GetTimestamp() => TimeProvider.GetTimestamp();

    internal TimeSpan GetElapsedTime(long since) => TimeProvider.GetElapsedTime(since);

    /// <summary>Calls a function after each interval, until the returned timer is disposed.</summary>
    internal IDisposable StartTimer(Action tick, TimeSpan interval) =>
        TimeProvider.CreateTimer(static tick => ((Action)tick!)(), tick, interval, interval);
#else
#pragma warning disable CA1822, RS0030 // Elsewhere they have a clock of the instance. .NET Standard has none that could be injected.
    internal DateTimeOffset Now => DateTimeOffset.UtcNow;

    internal CancellationTokenSource CancelAfter(TimeSpan time) => new(time);

    internal Task DelayAsync(TimeSpan time, CancellationToken cancellationToken) => Task.Delay(time, cancellationToken);

    internal long GetTimestamp() => Stopwatch.GetTimestamp();

    internal TimeSpan GetElapsedTime(long since) =>
        TimeSpan.FromSeconds((Stopwatch.GetTimestamp() - since) / (double)Stopwatch.Frequency);

    internal IDisposable StartTimer(Action tick, TimeSpan interval) =>
        new Timer(static tick => ((Action)tick!)(), tick, interval, interval);
#pragma warning restore CA1822, RS0030
#endif

    internal ILogger Log => _log ??= LoggerFactory?.CreateLogger(LogCategory) ?? NullLogger.Instance;

    internal string? BuildHeader => string.IsNullOrEmpty(Build) ? null : StructuredField.String(Build!);

    [UnconditionalSuppressMessage("Trimming", "IL2026",
        Justification = "Without reflection these options know no type, and a step then says what to do.")]
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = "As above.")]
    internal JsonSerializerOptions JsonOrDefault
    {
        get
        {
            if (Json is not { } json) return JsonSerializerOptions.Web;

            // Without a resolver they know no type. JsonSerializer gives them its own at their first use, and so does this.
            if (json.TypeInfoResolver is null && !json.IsReadOnly) json.MakeReadOnly(populateMissingResolver: true);
            return json;
        }
    }
}
