using System.Text.Json;

namespace DurableGateway.Runs;

/// <summary>How a call of a replay differs from the one of an earlier attempt. The history keeps it, sealed.</summary>
/// <param name="Reaction"><c>fail</c>, <c>remember</c> or <c>execute</c>: what was done with the call.</param>
/// <param name="Kind"><c>json</c>, <c>form</c>, or <c>digest</c> if the bodies can only be compared as a whole.</param>
/// <param name="Differences">The values that differ; no more than <see cref="MaxDifferences"/>.</param>
/// <param name="More">The number of further values that differ.</param>
internal sealed record CallDrift(string Reaction, string Kind, IReadOnlyList<ValueDifference> Differences, int More)
{
    public const string Json = "json";
    public const string Form = "form";
    public const string Digest = "digest";

    /// <summary>Keeps an entry of the history at a few kilobytes.</summary>
    public const int MaxDifferences = 12;

    public string ToText() => JsonSerializer.Serialize(this, JsonSerializerOptions.Web);

    /// <returns><see langword="null"/> if the text is not of this form.</returns>
    public static CallDrift? Parse(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<CallDrift>(text, JsonSerializerOptions.Web) is { Differences: not null } drift ? drift : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
