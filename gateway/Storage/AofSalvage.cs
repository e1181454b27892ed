using System.Globalization;

namespace DurableGateway.Storage;

/// <summary>
/// Repairs a damaged log: replaces the damaged parts, in place, with filler that the server skips. Keeps the damaged log.
/// </summary>
internal static class AofSalvage
{
    private const string FreshFolder = "AOF.salvaged";
    private const string Damaged = "damaged-";
    private const int SectorBytes = 4096;

    /// <summary>Completes the salvage of a process that ended between the two renames.</summary>
    public static bool Resume(string dataDirectory)
    {
        var log = AofFiles.Of(dataDirectory).Folder;
        var fresh = Path.Combine(dataDirectory, FreshFolder);
        if (Directory.Exists(log) || !Directory.Exists(fresh) || !Directory.EnumerateDirectories(dataDirectory, $"AOF.{Damaged}*").Any())
            return false;
        PutInPlace(dataDirectory, fresh);
        return true;
    }

    /// <returns>The folder to which the damaged log was moved.</returns>
    public static string Run(string dataDirectory, AofCheck check, DateTimeOffset now)
    {
        var fresh = Path.Combine(dataDirectory, FreshFolder);
        if (Directory.Exists(fresh)) Directory.Delete(fresh, recursive: true);
        var (old, target) = (AofFiles.Of(dataDirectory), new AofFiles(fresh));
        Directory.CreateDirectory(Path.GetDirectoryName(target.CommitFile(0))!);
        var page = new byte[AofFiles.PageBytes];
        for (var start = check.Begin - (check.Begin % AofFiles.PageBytes); start < check.End; start += AofFiles.PageBytes)
        {
            old.Read(start, page);
            foreach (var gap in check.Gaps) Fill(page, start, gap, check);
            var used = (int)Math.Min(AofFiles.PageBytes, check.End - start);
            page.AsSpan(used).Clear();
            var sectors = (used + SectorBytes - 1) / SectorBytes * SectorBytes;
            Write(target.SegmentOf(start), start % AofFiles.SegmentBytes, page.AsSpan(0, Math.Min(AofFiles.PageBytes, sectors)));
        }

        var number = Math.Max(check.Number, check.Noted?.Number ?? 0) + 1;
        Write(target.CommitFile(number), 0, new CommitRecord(check.Begin, check.End, number).ToFile());

        var aside = old.Folder + "." + Damaged + now.UtcDateTime.ToString("yyyyMMddTHHmmssZ", CultureInfo.InvariantCulture);
        Directory.Move(old.Folder, aside);
        PutInPlace(dataDirectory, fresh);
        return aside;
    }

    /// <summary>Moves the new log into place, and deletes the digests of the damaged log. The store creates new digests later.</summary>
    private static void PutInPlace(string dataDirectory, string fresh)
    {
        File.Delete(Path.Combine(dataDirectory, AofDigests.FileName));
        Directory.Move(fresh, AofFiles.Of(dataDirectory).Folder);
    }

    private static void Fill(Span<byte> page, long start, AofGap gap, AofCheck check)
    {
        var from = Math.Max(gap.From, start);
        var until = Math.Min(gap.Until, start + AofFiles.PageBytes);
        if (from < until && gap.From < check.End)
            CommitRecord.WriteFiller(page[(int)(from - start)..(int)(until - start)], new CommitRecord(check.Begin, until, 1));
    }

    private static void Write(string path, long offset, ReadOnlySpan<byte> bytes)
    {
        using var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write);
        file.Seek(offset, SeekOrigin.Begin);
        file.Write(bytes);
        file.Flush(flushToDisk: true);
    }
}
