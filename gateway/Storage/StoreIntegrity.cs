using System.Globalization;
using DurableGateway.Diagnostics;

namespace DurableGateway.Storage;

/// <summary>Checks the files of the embedded store before the server starts, which would overwrite unreadable records.</summary>
internal static class StoreIntegrity
{
    /// <returns>The digests, ready for writing.</returns>
    /// <exception cref="DamagedStoreException">The files are damaged or missing.</exception>
    public static AofDigests Verify(string directory, ILogger log)
    {
        var digests = AofDigests.Load(directory);
        var check = AofCheck.Read(AofFiles.Of(directory), digests);
        if (Problem(directory, check) is { } problem) throw new DamagedStoreException(problem);
        if (check.HasTornTail) log.TornTail(AofFiles.Of(directory).SegmentOf(check.End), check.End % AofFiles.SegmentBytes);
        digests.Begin(check.Begin, check.End);
        return digests;
    }

    /// <returns>The problem and the remedy; <see langword="null"/> if there is no problem.</returns>
    public static string? Problem(string directory, AofCheck check)
    {
        var files = AofFiles.Of(directory);
        if (StoreMarker.Exists(directory) && (check.FileEnd == 0 || check.IsEmpty))
        {
            var (segment, marker) = (files.SegmentOf(0), StoreMarker.PathOf(directory));
            return $"""
                The embedded store has lost its file: {segment} is missing or empty, and {marker} says that there was one.
                Nothing was changed. Restore a backup of {directory}. To begin with an empty store, delete all that is in it.
                """;
        }

        if (check.Gaps.Count > 0)
        {
            var gap = check.Gaps[0];
            var behind = Math.Max(0, check.End - gap.Until);
            var what = behind > 0
                ? $"is damaged at byte {Offset(gap.From)}. {Count(behind)} bytes of whole records lie behind the damage"
                : $"ends at byte {Offset(gap.From)}, and {Count(gap.Bytes)} bytes that were committed behind it are missing or damaged";
            return $"""
                The embedded store is damaged: {files.SegmentOf(gap.From)} {what}.
                Nothing was changed, and the gateway does not start. Restore a backup of {directory}, or recover what is whole:
                gateway store salvage --data {directory}
                """;
        }

        if (check.Noted is null && check.Number > 0 && StoreMarker.Exists(directory))
        {
            var commits = Path.Combine(files.Folder, "log-commits");
            var segment = files.SegmentOf(0);
            return $"""
                The embedded store is damaged: {commits} has no whole file, and {Count(check.End)} bytes of records are in {segment}.
                Nothing was changed, and the gateway does not start. Restore a backup of {directory}, or recover what is whole:
                gateway store salvage --data {directory}
                """;
        }

        return null;
    }

    private static string Offset(long address) => Count(address % AofFiles.SegmentBytes);

    private static string Count(long number) => number.ToString(CultureInfo.InvariantCulture);
}
