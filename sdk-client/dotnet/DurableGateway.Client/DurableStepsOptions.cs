using System;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DurableGateway.Client;

/// <summary>How steps are kept.</summary>
public sealed class DurableStepsOptions
{
    internal const string LogCategory = "DurableGateway.Client";

    private static readonly TimeSpan LongestTime = TimeSpan.FromMilliseconds(int.MaxValue);

    private TimeSpan _suspendAfter = TimeSpan.FromMilliseconds(500);
    private ILogger? _log;

    /// <summary>How results are written and read. Add source-generated contexts to its resolver chain.</summary>
    /// <value>The default is <see cref="JsonSerializerOptions.Web"/>; in ASP.NET Core, the options of minimal APIs.</value>
    public JsonSerializerOptions? Json { get; set; }

    /// <summary>Whether the stack of a step's failure is stored with it, for operators to see.</summary>
    /// <value>The default is <see langword="true"/>.</value>
    public bool StackTraces { get; set; } = true;

    /// <summary>
    /// Whether the problem that a client gets of a failed run, or of an attempt that the SDK ended,
    /// tells the type and message of the exception.
    /// For development: a message may hold what no client should see. <see cref="NonRetryableException.ClientMessage"/> is always told.
    /// </summary>
    /// <value>The default is <see langword="false"/>; in ASP.NET Core, <see langword="true"/> in the
    /// environment <c>Development</c>.</value>
    public bool ErrorDetails { get; set; }

    /// <summary>
    /// How long an attempt goes on in which a step is parked (it sleeps, waits, or is tried again later) and no other is executing. When no
    /// step has begun in that time, the handler cannot go on: its token is cancelled, the parked steps throw
    /// <see cref="RunSuspendedException"/>, and the attempt is suspended.
    /// </summary>
    /// <value>
    /// More than zero, at most 24 days. The default is half a second. It leaves time for what a branch does between two of its steps while
    /// another branch waits: such work is cut off when it takes longer than this in one piece, and is done again by the next attempt. Put
    /// what takes longer into a step. The default is shorter than the delay before a retry, so that retries come no later for it. It is
    /// real time, not that of the <c>TimeProvider</c>.
    /// </value>
    /// <exception cref="ArgumentOutOfRangeException">It is not more than zero, or too long.</exception>
    public TimeSpan SuspendAfter
    {
        get => _suspendAfter;
        set => _suspendAfter = value <= TimeSpan.Zero || value > LongestTime
            ? throw new ArgumentOutOfRangeException(nameof(value), value, "SuspendAfter is more than zero and at most 24 days.")
            : value;
    }

    /// <summary>Where steps are logged, in the category <c>DurableGateway.Client</c>.</summary>
    /// <value>The default is <see langword="null"/>: nowhere; in ASP.NET Core, the application's.</value>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>
    /// Which build of the service this is. The gateway is told with every answer and every step, so that an operator sees which
    /// builds have worked on a run.
    /// </summary>
    /// <value>
    /// The default is the informational version of the entry assembly. <see langword="null"/> or empty: nothing is told. What is not
    /// printable ASCII is percent-encoded.
    /// </value>
    public string? Build { get; set; } =
        Assembly.GetEntryAssembly()?.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;

#if NET
    /// <summary>The clock of time-outs of steps, of <c>Retry-After</c> dates, and of what is waited for without a gateway.</summary>
    /// <value>The default is <see cref="TimeProvider.System"/>; in ASP.NET Core, the one of the application's services,
    /// if there is any.</value>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    internal DateTimeOffset Now => TimeProvider.GetUtcNow();

    internal CancellationTokenSource CancelAfter(TimeSpan time) => new(time, TimeProvider);

    internal Task DelayAsync(TimeSpan time, CancellationToken cancellationToken) => Task.Delay(time, TimeProvider, cancellationToken);
#else
#pragma warning disable CA1822, RS0030 // Elsewhere they have a clock of the instance. .NET Standard has none that could be injected.
    internal DateTimeOffset Now => DateTimeOffset.UtcNow;

    internal CancellationTokenSource CancelAfter(TimeSpan time) => new(time);

    internal Task DelayAsync(TimeSpan time, CancellationToken cancellationToken) => Task.Delay(time, cancellationToken);
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
