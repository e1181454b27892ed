using System.Globalization;

namespace DurableGateway.Runs;

/// <summary>What the store keeps about the end of an attempt, for operators.</summary>
/// <param name="Reason">What went wrong, in a few words; empty where nothing did.</param>
/// <param name="Status">The status of the service's response, or of the run's result; 0 where there was none.</param>
/// <param name="Destination">The address of the service; <see langword="null"/> where the attempt reached none.</param>
internal readonly record struct AttemptNote(string Reason, int Status = 0, string? Destination = null)
{
    private const string NoDestination = "-";

    /// <summary>The note as people read it.</summary>
    public override string ToString() => Destination is null ? Reason ?? "" : $"{Reason}, {Destination}";

    /// <summary>The note as it is stored: <c>&lt;status&gt; &lt;destination, or -&gt; &lt;reason&gt;</c>.</summary>
    public string Format() => string.Create(CultureInfo.InvariantCulture,
        $"{Status} {Destination?.Replace(" ", "%20", StringComparison.Ordinal) ?? NoDestination} {Reason}");

    /// <summary>Reads a note. A text of another form is a reason.</summary>
    public static AttemptNote Parse(string text) =>
        text.Split(' ', 3) is [var status, var destination, var reason]
        && int.TryParse(status, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? new AttemptNote(reason, number, destination == NoDestination ? null : destination)
            : new AttemptNote(text);
}
