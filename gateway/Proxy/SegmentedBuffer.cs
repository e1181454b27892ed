using System.Buffers;

namespace DurableGateway.Proxy;

/// <summary>Collects bytes in pooled segments. It allocates only what has arrived, and does not move bytes when it grows.</summary>
/// <param name="expected">The expected number of bytes, if known. They get one segment if one can hold them.</param>
internal sealed class SegmentedBuffer(long? expected = null)
{
    private const int Smallest = 4 * 1024;

    /// <summary>Below the size from which arrays are on the large object heap.</summary>
    private const int Largest = 64 * 1024;

    private byte[][] _segments = [];
    private int _count;
    private int _used;

    public long Length { get; private set; }

    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var room = Reserve().Span;
            var count = Math.Min(bytes.Length, room.Length);
            bytes[..count].CopyTo(room);
            bytes = bytes[count..];
            Advance(count);
        }
    }

    /// <summary>Returns memory for the next bytes: at least one.</summary>
    public Memory<byte> Reserve()
    {
        if (_count == 0 || _used == _segments[_count - 1].Length)
        {
            var size = _count == 0 ? Math.Max(1, Math.Min(expected ?? Smallest, Largest))
                : Math.Min(Math.Max(_segments[_count - 1].Length, Smallest) * 2L, Largest);
            if (_count == _segments.Length) Array.Resize(ref _segments, Math.Max(1, _count * 2));
            _segments[_count++] = ArrayPool<byte>.Shared.Rent((int)size);
            _used = 0;
        }

        return _segments[_count - 1].AsMemory(_used);
    }

    /// <summary>Adds bytes that the caller has written to the reserved memory.</summary>
    public void Advance(int count)
    {
        _used += count;
        Length += count;
    }

    /// <summary>Copies the bytes from a position on, as many as there are and fit.</summary>
    public int Read(long position, Span<byte> destination)
    {
        var read = 0;
        for (var i = 0; i < _count; i++)
        {
            var segment = _segments[i];
            var filled = i == _count - 1 ? _used : segment.Length;
            if (position < filled)
            {
                var count = Math.Min(filled - (int)position, destination.Length - read);
                segment.AsSpan((int)position, count).CopyTo(destination[read..]);
                read += count;
                if (read == destination.Length) break;
                position = 0;
            }
            else
            {
                position -= filled;
            }
        }

        return read;
    }

    /// <summary>Returns the bytes in one piece, valid until <see cref="Clear"/>. If one segment has them all, nothing is copied.</summary>
    public ReadOnlyMemory<byte> Join()
    {
        if (_count == 0) return default;
        if (Length <= _segments[0].Length) return _segments[0].AsMemory(0, (int)Length);
        var whole = GC.AllocateUninitializedArray<byte>(checked((int)Length));
        Read(0, whole);
        return whole;
    }

    /// <summary>Returns the bytes in one array, and the segments to their pool.</summary>
    public byte[] Take()
    {
        var whole = GC.AllocateUninitializedArray<byte>(checked((int)Length));
        Read(0, whole);
        Clear();
        return whole;
    }

    public void Clear()
    {
        foreach (var segment in _segments.AsSpan(0, _count)) ArrayPool<byte>.Shared.Return(segment);
        (_segments, _count, Length, _used) = ([], 0, 0, 0);
    }
}
