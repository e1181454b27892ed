using System.Globalization;

namespace DurableGateway.Runs;

/// <summary>A stored note about the end of an attempt, for operators.</summary>
/// <param name="Reason">A short description of the failure; empty if the attempt did not fail.</param>
/// <param name="Status">The status of the service's response, or of the run's result; 0 if there is none.</param>
/// <param name="Destination">The address of the service; <see langword="null"/> if the attempt reached none.</param>
internal readonly record struct AttemptNote(string Reason, int Status = 0, string? Destination = null)
{
    private const string NoDestination = "-";

    /// <summary>What the service said about its failure. It is stored sealed, beside the note.</summary>
    public FailureText Failure { get; init; }

    /// <summary>The note for display.</summary>
    public override string ToString() =>
        (string.IsNullOrEmpty(Failure.Reason) ? Reason ?? "" : $"{Reason}: {Failure.Reason}")
        + (Destination is null ? "" : $", {Destination}");

    /// <summary>The stored form: <c>&lt;status&gt; &lt;destination, or -&gt; &lt;reason&gt;</c>.</summary>
    public string Format() => string.Create(CultureInfo.InvariantCulture,
        $"{Status} {Destination?.Replace(" ", "%20", StringComparison.Ordinal) ?? NoDestination} {Reason}");

    /// <summary>Reads a note. Text in another form counts as the reason.</summary>
    public static AttemptNote Parse(string text) =>
        text.Split(' ', 3) is [var status, var destination, var reason]
        && int.TryParse(status, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? new AttemptNote(reason, number, destination == NoDestination ? null : destination)
            : new AttemptNote(text);
}
