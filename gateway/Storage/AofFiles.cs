using System.Buffers.Binary;
using System.Globalization;

namespace DurableGateway.Storage;

/// <summary>
/// The files of the embedded server's append-only log, read without the server. Segment <c>n</c> holds the addresses from
/// <c>n * SegmentBytes</c>; a record lies within one page.
/// </summary>
internal sealed class AofFiles(string folder)
{
    public const int PageBytes = 32 << 20;
    public const int SegmentBytes = 64 << 20;

    /// <summary>The address of the first record of a new log.</summary>
    public const long FirstAddress = 64;

    private const string SegmentPrefix = "aof.log.";
    private const string CommitPrefix = "commit.";

    public string Folder => folder;

    private string Commits => Path.Combine(folder, "log-commits");

    public static AofFiles Of(string dataDirectory) => new(Path.Combine(dataDirectory, "AOF"));

    public string SegmentOf(long address) =>
        Path.Combine(folder, SegmentPrefix + (address / SegmentBytes).ToString(CultureInfo.InvariantCulture));

    public string CommitFile(long number) =>
        Path.Combine(Commits, string.Create(CultureInfo.InvariantCulture, $"{CommitPrefix}{number}.0"));

    /// <summary>The address after the last byte of the last file; 0 if there is no file, or all are empty.</summary>
    public long End()
    {
        if (!Directory.Exists(folder)) return 0;
        return new DirectoryInfo(folder).EnumerateFiles(SegmentPrefix + "*")
            .Where(file => file.Length > 0
                && long.TryParse(file.Name.AsSpan(SegmentPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out _))
            .Select(file => (long.Parse(file.Name.AsSpan(SegmentPrefix.Length), CultureInfo.InvariantCulture) * SegmentBytes) + file.Length)
            .DefaultIfEmpty(0).Max();
    }

    /// <summary>The newest commit that is stored next to the log.</summary>
    public CommitRecord? LastNoted()
    {
        if (!Directory.Exists(Commits)) return null;
        var numbers = Directory.EnumerateFiles(Commits, CommitPrefix + "*").Select(path => Path.GetFileName(path).Split('.'))
            .Where(parts => parts.Length > 1 && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out _))
            .Select(parts => long.Parse(parts[1], CultureInfo.InvariantCulture)).OrderDescending();
        foreach (var number in numbers)
        {
            var bytes = File.ReadAllBytes(CommitFile(number));
            if (bytes.Length < 4) continue;
            var length = BinaryPrimitives.ReadInt32LittleEndian(bytes);
            if (length >= CommitRecord.BodyBytes && length <= bytes.Length - 4 && CommitRecord.Read(bytes.AsSpan(4, length)) is { } commit)
                return commit;
        }

        return null;
    }

    /// <summary>Reads into the buffer from the address on, within one segment. Fills the rest with zeros.</summary>
    /// <returns>The number of bytes read from the file.</returns>
    public int Read(long address, Span<byte> buffer)
    {
        buffer.Clear();
        try
        {
            using var file = File.OpenHandle(SegmentOf(address), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var done = 0;
            while (done < buffer.Length && RandomAccess.Read(file, buffer[done..], (address % SegmentBytes) + done) is > 0 and var read)
                done += read;
            return done;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return 0;
        }
    }
}
