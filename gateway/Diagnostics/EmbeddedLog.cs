namespace DurableGateway.Diagnostics;

/// <summary>What the embedded store has to say about its files.</summary>
internal static partial class EmbeddedLog
{
    [LoggerMessage(150, LogLevel.Warning, "The last write to {File} was cut off at byte {Offset}: a process was killed before it was "
        + "committed. It was never acknowledged, and is dropped")]
    public static partial void TornTail(this ILogger log, string file, long offset);

    [LoggerMessage(151, LogLevel.Warning, "The digests of the embedded store could not be written; it is tried again. {Reason}")]
    public static partial void NoDigests(this ILogger log, string reason);
}
