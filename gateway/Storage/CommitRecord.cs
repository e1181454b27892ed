using System.Buffers.Binary;

namespace DurableGateway.Storage;

/// <summary>
/// The record that the embedded server writes into its file after each commit, and from time to time next to the file. Its checksum and its
/// own end address identify it.
/// </summary>
/// <param name="Begin">The address of the first valid record.</param>
/// <param name="Until">The end of the committed part. For a record in the file, this is the end of the commit record itself.</param>
/// <param name="Number">The number of the commit.</param>
internal readonly record struct CommitRecord(long Begin, long Until, long Number)
{
    /// <summary>The size without header and cookie.</summary>
    public const int BodyBytes = 40;

    /// <summary>The size with the header.</summary>
    public const int Bytes = HeaderBytes + BodyBytes;

    /// <summary>The size of a record's header, which holds the record's length. A commit record has a negative length.</summary>
    public const int HeaderBytes = 4;

    private const int Version = 1;

    /// <summary>Reads a body. The cookie must be empty or all zero; see <see cref="WriteFiller"/>.</summary>
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

    /// <summary>Reads the record at a position of a page, with its header.</summary>
    /// <returns><see langword="null"/> if there is no commit record of this address.</returns>
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
    /// Fills a range with a commit record that the server skips during recovery. The cookie pads the record to the size of the range.
    /// </summary>
    public static void WriteFiller(Span<byte> place, CommitRecord commit)
    {
        place.Clear();
        if (place.Length < Bytes) return;
        BinaryPrimitives.WriteInt32LittleEndian(place, -(place.Length - HeaderBytes));
        WriteBody(place[HeaderBytes..], commit, place.Length == Bytes ? -1 : place.Length - Bytes);
    }

    /// <summary>The content of a file next to the log: the length and the body, padded to a sector.</summary>
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
