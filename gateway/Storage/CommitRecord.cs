using System.Buffers.Binary;

namespace DurableGateway.Storage;

/// <summary>
/// What the embedded server writes into its file behind each commit, and now and then beside it. It has a checksum and says at which
/// address it ends, so it cannot be mistaken for anything else.
/// </summary>
/// <param name="Begin">The address of the first record that counts.</param>
/// <param name="Until">Everything before this address was committed: in the file, the end of the commit record itself.</param>
/// <param name="Number">Of the commit.</param>
internal readonly record struct CommitRecord(long Begin, long Until, long Number)
{
    /// <summary>Without the header, and without a cookie.</summary>
    public const int BodyBytes = 40;

    /// <summary>With the header.</summary>
    public const int Bytes = HeaderBytes + BodyBytes;

    /// <summary>Before each record: its length. That of a commit record is negative.</summary>
    public const int HeaderBytes = 4;

    private const int Version = 1;

    /// <summary>Reads a body. A cookie has to be empty or all zero: see <see cref="WriteFiller"/>.</summary>
    public static CommitRecord? Read(ReadOnlySpan<byte> body)
    {
        if (body.Length < BodyBytes || BinaryPrimitives.ReadInt32LittleEndian(body) != Version) return null;
        var begin = BinaryPrimitives.ReadInt64LittleEndian(body[12..]);
        var until = BinaryPrimitives.ReadInt64LittleEndian(body[20..]);
        var number = BinaryPrimitives.ReadInt64LittleEndian(body[28..]);
        var cookie = BinaryPrimitives.ReadInt32LittleEndian(body[36..]);
        return BinaryPrimitives.ReadInt64LittleEndian(body[4..]) == (begin ^ until ^ number ^ cookie)
            ? new CommitRecord(begin, until, number)
            : null;
    }

    /// <summary>Reads the record at a place of a page, with its header.</summary>
    /// <returns><see langword="null"/> where there is none that belongs there.</returns>
    public static CommitRecord? ReadAt(ReadOnlySpan<byte> page, int offset, long address)
    {
        if (offset + Bytes > page.Length) return null;
        var length = -BinaryPrimitives.ReadInt32LittleEndian(page[offset..]);
        if (length < BodyBytes || length > page.Length - offset - HeaderBytes) return null;
        return Read(page.Slice(offset + HeaderBytes, length)) is { } commit && commit.Until == address + HeaderBytes + ((length + 3) & ~3)
            ? commit
            : null;
    }

    /// <summary>
    /// Fills a place with a commit record that the server skips when it recovers: what fills it is the cookie.
    /// </summary>
    public static void WriteFiller(Span<byte> place, CommitRecord commit)
    {
        place.Clear();
        if (place.Length < Bytes) return;
        BinaryPrimitives.WriteInt32LittleEndian(place, -(place.Length - HeaderBytes));
        WriteBody(place[HeaderBytes..], commit, place.Length == Bytes ? -1 : place.Length - Bytes);
    }

    /// <summary>The content of a file beside the log: the body, its length before it, filled up to a sector.</summary>
    public byte[] ToFile()
    {
        var file = new byte[512];
        BinaryPrimitives.WriteInt32LittleEndian(file, BodyBytes);
        WriteBody(file.AsSpan(4), this, -1);
        return file;
    }

    private static void WriteBody(Span<byte> body, CommitRecord commit, int cookie)
    {
        BinaryPrimitives.WriteInt32LittleEndian(body, Version);
        BinaryPrimitives.WriteInt64LittleEndian(body[4..], commit.Begin ^ commit.Until ^ commit.Number ^ cookie);
        BinaryPrimitives.WriteInt64LittleEndian(body[12..], commit.Begin);
        BinaryPrimitives.WriteInt64LittleEndian(body[20..], commit.Until);
        BinaryPrimitives.WriteInt64LittleEndian(body[28..], commit.Number);
        BinaryPrimitives.WriteInt32LittleEndian(body[36..], cookie);
    }
}
