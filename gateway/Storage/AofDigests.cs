using System.Buffers.Binary;
using System.Security.Cryptography;

namespace DurableGateway.Storage;

/// <summary>
/// Digests of the embedded server's log, because the log itself has no digests. Each fully committed block has one, because such a block
/// never changes. The digests are in a file next to the log. Damaged or incomplete entries are ignored.
/// </summary>
internal sealed class AofDigests(string dataDirectory)
{
    public const string FileName = "aof.digests";
    public const int BlockBytes = 16 * 1024;

    private const int DigestBytes = 16;

    /// <summary>The block's number, its digest, and the first bytes of a digest of both.</summary>
    private const int EntryBytes = 8 + DigestBytes + 8;

    /// <summary>
    /// The file is rewritten when it has this many entries of deleted blocks, and more of them than entries of existing blocks. The
    /// entries of 16 MiB take 32 KiB.
    /// </summary>
    private const int MaxGone = 1024;

    private readonly Dictionary<long, byte[]> _known = [];
    private long _first;
    private long _next;

    private string FilePath => Path.Combine(dataDirectory, FileName);

    /// <summary>The address up to which blocks have digests; 0 if no block has one.</summary>
    public long End => _known.Count == 0 ? 0 : (_known.Keys.Max() + 1) * BlockBytes;

    public static AofDigests Load(string dataDirectory)
    {
        var digests = new AofDigests(dataDirectory);
        if (!File.Exists(digests.FilePath)) return digests;
        using var file = File.OpenRead(digests.FilePath);
        foreach (var entry in Read(file))
        {
            if (!SHA256.HashData(entry.AsSpan(..^8)).AsSpan(0, 8).SequenceEqual(entry.AsSpan(^8..))) continue;
            digests._known[BlockOf(entry)] = entry.AsSpan(8, DigestBytes).ToArray();
        }

        return digests;
    }

    /// <summary>Whether the block has a digest that differs from the digest of this content.</summary>
    public bool Differs(long block, ReadOnlySpan<byte> content) =>
        _known.TryGetValue(block, out var digest) && !Digest(content).AsSpan().SequenceEqual(digest);

    /// <summary>Prepares writing: drops the digests of blocks outside the range, which are deleted or will be overwritten.</summary>
    public void Begin(long from, long until)
    {
        foreach (var block in _known.Keys.Where(block => (block + 1) * BlockBytes <= from || (block + 1) * BlockBytes > until).ToArray())
            _known.Remove(block);
        var fresh = FilePath + ".new";
        using (var file = File.Create(fresh))
        {
            foreach (var (block, digest) in _known.OrderBy(each => each.Key)) file.Write(Entry(block, digest));
            file.Flush(flushToDisk: true);
        }

        File.Move(fresh, FilePath, overwrite: true);
        _next = End / BlockBytes;
        _first = _known.Count == 0 ? _next : _known.Keys.Min();

        // Nothing reads the digests after this point.
        _known.Clear();
    }

    /// <summary>Adds the blocks that were committed since the last call.</summary>
    /// <param name="files">The log.</param>
    /// <param name="begin">The begin of the log, which moves with each compaction.</param>
    /// <param name="committed">The end of the part that never changes.</param>
    public void Advance(AofFiles files, long begin, long committed)
    {
        var first = begin / BlockBytes;
        _next = Math.Max(_next, first);
        if (first - _first > Math.Max(MaxGone, _next - first)) Forget(first);
        if ((_next + 1) * BlockBytes > committed) return;
        using var file = new FileStream(FilePath, FileMode.Append, FileAccess.Write, FileShare.Read);

        // A killed process may have left a partial entry.
        if (file.Length % EntryBytes is > 0 and var odd) file.SetLength(file.Length - odd);
        file.Seek(0, SeekOrigin.End);
        var block = new byte[BlockBytes];
        while ((_next + 1) * BlockBytes <= committed)
        {
            if (files.Read(_next * BlockBytes, block) < BlockBytes) return;
            file.Write(Entry(_next, Digest(block)));
            _next++;
        }
    }

    /// <summary>Rewrites the file without the blocks before the given one. If the process is killed, the old file remains.</summary>
    private void Forget(long first)
    {
        var fresh = FilePath + ".new";
        using (var old = File.OpenRead(FilePath))
        using (var file = File.Create(fresh))
        {
            foreach (var entry in Read(old))
            {
                if (BlockOf(entry) >= first) file.Write(entry);
            }

            file.Flush(flushToDisk: true);
        }

        File.Move(fresh, FilePath, overwrite: true);
        _first = first;
    }

    /// <summary>Enumerates the entries. All share one array.</summary>
    private static IEnumerable<byte[]> Read(FileStream file)
    {
        var entry = new byte[EntryBytes];
        while (file.ReadAtLeast(entry, EntryBytes, throwOnEndOfStream: false) == EntryBytes) yield return entry;
    }

    private static long BlockOf(byte[] entry) => BinaryPrimitives.ReadInt64LittleEndian(entry);

    private static byte[] Digest(ReadOnlySpan<byte> content) => SHA256.HashData(content)[..DigestBytes];

    private static byte[] Entry(long block, byte[] digest)
    {
        var entry = new byte[EntryBytes];
        BinaryPrimitives.WriteInt64LittleEndian(entry, block);
        digest.CopyTo(entry, 8);
        SHA256.HashData(entry.AsSpan(0, EntryBytes - 8)).AsSpan(0, 8).CopyTo(entry.AsSpan(EntryBytes - 8));
        return entry;
    }
}
