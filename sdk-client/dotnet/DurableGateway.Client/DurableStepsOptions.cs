using System;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>How steps are kept.</summary>
public sealed class DurableStepsOptions
{
    /// <summary>How results are written and read. Add source-generated contexts to its resolver chain.</summary>
    /// <value>The default is <see cref="JsonSerializerOptions.Web"/>; in ASP.NET Core, the options of minimal APIs.</value>
    public JsonSerializerOptions? Json { get; set; }

    /// <summary>Whether the stack of a step's failure is stored with it, for operators to see.</summary>
    /// <value>The default is <see langword="true"/>.</value>
    public bool StackTraces { get; set; } = true;

    /// <summary>
    /// Which build of the service this is. The gateway is told with every answer and every step, so that an operator sees which
    /// builds have worked on a run.
    /// </summary>
    /// <value>
    /// The default is the informational version of the entry assembly. <see langword="null"/> or empty: nothing is told. What is not
    /// printable ASCII is percent-encoded.
    /// </value>
    public string? Build { get; set; } = Assembly.GetEntryAssembly()?.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;

#if NET
    /// <summary>The clock of time-outs of steps, of <c>Retry-After</c> dates, and of what is waited for without a gateway.</summary>
    /// <value>The default is <see cref="TimeProvider.System"/>; in ASP.NET Core, the one of the application's services, if there is any.</value>
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

    internal string? BuildHeader => string.IsNullOrEmpty(Build) ? null : StructuredField.String(Build!);

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "Without reflection these options know no type, and a step then says what to do.")]
    [UnconditionalSuppressMessage("AOT", "IL3050", Justification = "As above.")]
    internal JsonSerializerOptions JsonOrDefault => Json ?? JsonSerializerOptions.Web;
}
