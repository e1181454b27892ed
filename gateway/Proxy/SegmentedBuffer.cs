using System.Buffers;

namespace DurableGateway.Proxy;

/// <summary>Collects bytes in pooled segments. It allocates only what has arrived, and does not move bytes when it grows.</summary>
internal sealed class SegmentedBuffer
{
    private const int Smallest = 4 * 1024;

    /// <summary>Below the size from which arrays are on the large object heap.</summary>
    private const int Largest = 64 * 1024;

    private readonly List<byte[]> _segments = [];
    private int _used;

    public long Length { get; private set; }

    public void Write(ReadOnlySpan<byte> bytes)
    {
        Length += bytes.Length;
        while (!bytes.IsEmpty)
        {
            if (_segments.Count == 0 || _used == _segments[^1].Length)
            {
                _segments.Add(ArrayPool<byte>.Shared.Rent(_segments.Count == 0 ? Smallest : Math.Min(_segments[^1].Length * 2, Largest)));
                _used = 0;
            }

            var count = Math.Min(bytes.Length, _segments[^1].Length - _used);
            bytes[..count].CopyTo(_segments[^1].AsSpan(_used));
            bytes = bytes[count..];
            _used += count;
        }
    }

    /// <summary>Returns the bytes in one array, and the segments to their pool.</summary>
    public byte[] Take()
    {
        var whole = GC.AllocateUninitializedArray<byte>(checked((int)Length));
        var position = 0;
        foreach (var segment in _segments)
        {
            var count = Math.Min(segment.Length, whole.Length - position);
            segment.AsSpan(0, count).CopyTo(whole.AsSpan(position));
            position += count;
        }

        Clear();
        return whole;
    }

    public void Clear()
    {
        foreach (var segment in _segments) ArrayPool<byte>.Shared.Return(segment);
        _segments.Clear();
        (Length, _used) = (0, 0);
    }
}
