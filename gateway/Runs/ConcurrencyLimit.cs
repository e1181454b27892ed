using System.Globalization;

namespace DurableGateway.Runs;

/// <summary>A concurrency limit: the maximum number of runs that are in flight at once, on all nodes together.</summary>
/// <param name="Name">The name in the store, one for each policy and value of the key.</param>
/// <param name="MaxRuns">The maximum number of runs in flight.</param>
/// <param name="Order">The position of this run in the queue: by urgency, then by arrival.</param>
internal sealed record ConcurrencyLimit(string Name, int MaxRuns, double Order)
{
    public const int DefaultUrgency = 3;

    /// <summary>A number greater than any time in milliseconds.</summary>
    private const double UrgencyUnit = 1e13;

    public static ConcurrencyLimit For(RunPolicy policy, string scope, int urgency, DateTimeOffset now) =>
        new(Topic.Hash("concurrency", policy.Name.ToUpperInvariant(), policy.ConcurrencyKey, scope), policy.ConcurrencyLimit!.Value,
            (urgency * UrgencyUnit) + now.ToUnixTimeMilliseconds());

    /// <summary>The same limit, for a run that arrives now.</summary>
    public ConcurrencyLimit Behind(DateTimeOffset now) =>
        this with { Order = (Math.Floor(Order / UrgencyUnit) * UrgencyUnit) + now.ToUnixTimeMilliseconds() };

    public string Format() => string.Create(CultureInfo.InvariantCulture, $"{MaxRuns} {Order:F0} {Name}");

    /// <returns><see langword="null"/> if the text is not a concurrency limit.</returns>
    public static ConcurrencyLimit? Parse(string text) =>
        text.Split(' ') is [var limit, var order, var name]
        && int.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out var most)
        && double.TryParse(order, NumberStyles.None, CultureInfo.InvariantCulture, out var place)
            ? new ConcurrencyLimit(name, most, place)
            : null;
}
