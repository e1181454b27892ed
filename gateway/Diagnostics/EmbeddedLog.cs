namespace DurableGateway.Diagnostics;

/// <summary>The log messages about the files of the embedded store.</summary>
internal static partial class EmbeddedLog
{
    [LoggerMessage(150, LogLevel.Warning, "The last write to {File} is incomplete at byte {Offset}, because a process was killed before it "
        + "committed the write. The write was never acknowledged, and it is dropped")]
    public static partial void TornTail(this ILogger log, string file, long offset);

    [LoggerMessage(151, LogLevel.Warning, "The digests of the embedded store could not be written. The gateway tries again. {Reason}")]
    public static partial void NoDigests(this ILogger log, string reason);
}
