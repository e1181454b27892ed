using System.Globalization;

namespace DurableGateway.Runs;

/// <summary>A place that only so many runs may be in at once, on all nodes together.</summary>
/// <param name="Name">Its name in the store: one for each policy and value of the key.</param>
/// <param name="Limit">The most that may be in.</param>
/// <param name="Order">Where this run stands among those who wait: the urgent first, then who came first.</param>
internal sealed record ConcurrencyLimit(string Name, int Limit, double Order)
{
    public const int DefaultUrgency = 3;

    /// <summary>More than the milliseconds of any time.</summary>
    private const double UrgencyUnit = 1e13;

    public static ConcurrencyLimit For(RunPolicy policy, string scope, int urgency, DateTimeOffset now) =>
        new(Topic.Hash("gate", policy.Name.ToUpperInvariant(), policy.ConcurrencyKey, scope), policy.ConcurrencyLimit!.Value,
            (urgency * UrgencyUnit) + now.ToUnixTimeMilliseconds());

    /// <summary>The same place, for a run that comes now.</summary>
    public ConcurrencyLimit Behind(DateTimeOffset now) =>
        this with { Order = (Math.Floor(Order / UrgencyUnit) * UrgencyUnit) + now.ToUnixTimeMilliseconds() };

    public string Format() => string.Create(CultureInfo.InvariantCulture, $"{Limit} {Order:F0} {Name}");

    /// <returns><see langword="null"/> where the text is that of no gate.</returns>
    public static ConcurrencyLimit? Parse(string text) =>
        text.Split(' ') is [var limit, var order, var name]
        && int.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out var most)
        && double.TryParse(order, NumberStyles.None, CultureInfo.InvariantCulture, out var place)
            ? new ConcurrencyLimit(name, most, place)
            : null;
}
