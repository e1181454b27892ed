using System.Buffers.Binary;

namespace DurableGateway.Storage;

/// <summary>
/// Reads the embedded server's log from its first record to its last commit, and changes nothing. The server recovers up to the first
/// record that it cannot read and overwrites the rest, so the gateway must not start it on a damaged log.
/// </summary>
internal sealed class AofCheck
{
    private readonly AofFiles _files;
    private readonly AofDigests _digests;
    private readonly List<AofGap> _gaps = [];
    private readonly byte[] _page = new byte[AofFiles.PageBytes];
    private readonly bool[] _isBad = new bool[AofFiles.PageBytes / AofDigests.BlockBytes];

    private AofCheck(AofFiles files, AofDigests digests)
    {
        _files = files;
        _digests = digests;
        Noted = files.LastNoted();
        FileEnd = files.End();
        Begin = End = Noted?.Begin ?? AofFiles.FirstAddress;
    }

    /// <summary>The commit that is stored next to the log. Without it, the server starts with an empty store.</summary>
    public CommitRecord? Noted { get; }

    /// <summary>The address of the first record.</summary>
    public long Begin { get; }

    /// <summary>The address after the last commit.</summary>
    public long End { get; private set; }

    /// <summary>The number of the last commit.</summary>
    public long Number { get; private set; }

    /// <summary>The address after the last byte.</summary>
    public long FileEnd { get; }

    /// <summary>The number of complete committed records.</summary>
    public long Records { get; private set; }

    /// <summary>The gaps, in order. No two gaps are adjacent.</summary>
    public IReadOnlyList<AofGap> Gaps => _gaps;

    /// <summary>Whether records follow the last commit. The process was killed while it wrote them and never acknowledged them.</summary>
    public bool HasTornTail { get; private set; }

    public bool IsEmpty => End == Begin && Records == 0 && _gaps.Count == 0;

    public static AofCheck Read(AofFiles files, AofDigests digests)
    {
        var check = new AofCheck(files, digests);
        check.Walk();
        return check;
    }

    private void Walk()
    {
        long? bad = null;
        var pending = 0L;
        for (var start = Begin - (Begin % AofFiles.PageBytes); start < FileEnd; start += AofFiles.PageBytes)
        {
            _files.Read(start, _page);
            FindBadBlocks(start);
            var offset = (int)(Math.Max(start, Begin) - start);
            while (offset <= AofFiles.PageBytes - CommitRecord.HeaderBytes)
            {
                if (bad is null)
                {
                    var size = SizeAt(offset, start, out var commit);
                    if (size > 0)
                    {
                        pending++;
                        offset += size;
                        if (commit is not null)
                        {
                            Take(commit.Value);
                            Records += pending - 1;
                            pending = 0;
                        }

                        continue;
                    }

                    // Zeros fill the end of a page, and everything after the end of the log. A page of zeros only is a lost page.
                    if (size == 0 && offset > 0) break;
                    bad = start + offset;
                }

                var found = FindCommit(offset, start, out var next);
                if (found < 0) break;
                Add(new AofGap(bad.Value, next.Until));
                Take(next);
                (bad, pending, offset) = (null, 0, (int)(next.Until - start));
            }
        }

        HasTornTail = pending > 0 || (bad is not null && bad < FileEnd && !IsZeroFrom(bad.Value));

        // Some committed bytes are missing.
        var expected = Math.Max(Noted?.Until ?? 0, _digests.End);
        if (End < expected) Add(new AofGap(End, expected));
    }

    private void Take(CommitRecord commit) => (End, Number) = (commit.Until, commit.Number);

    private void Add(AofGap gap)
    {
        if (_gaps.Count > 0 && _gaps[^1].Until == gap.From) _gaps[^1] = _gaps[^1] with { Until = gap.Until };
        else _gaps.Add(gap);
    }

    private void FindBadBlocks(long start)
    {
        for (var i = 0; i < _isBad.Length; i++)
        {
            var address = start + ((long)i * AofDigests.BlockBytes);
            _isBad[i] = address + AofDigests.BlockBytes > Begin
                && _digests.Differs(address / AofDigests.BlockBytes, _page.AsSpan(i * AofDigests.BlockBytes, AofDigests.BlockBytes));
        }
    }

    /// <returns>The size of a complete record; 0 if only zeros follow in the page; -1 otherwise.</returns>
    private int SizeAt(int offset, long start, out CommitRecord? commit)
    {
        commit = null;
        var length = BinaryPrimitives.ReadInt32LittleEndian(_page.AsSpan(offset));
        if (length == 0)
            return !TouchesBad(offset, AofFiles.PageBytes - offset) && _page.AsSpan(offset).IndexOfAnyExcept((byte)0) < 0 ? 0 : -1;
        if (length == int.MinValue) return -1;
        var size = CommitRecord.HeaderBytes + (((long)Math.Abs(length) + 3) & ~3L);
        if (size > AofFiles.PageBytes - offset || TouchesBad(offset, (int)size)) return -1;
        if (length < 0 && (commit = CommitRecord.ReadAt(_page, offset, start + offset)) is null) return -1;
        return (int)size;
    }

    private int FindCommit(int from, long start, out CommitRecord commit)
    {
        for (var offset = from; offset <= AofFiles.PageBytes - CommitRecord.Bytes; offset += 4)
        {
            if (_page[offset + 3] < 0x80 || CommitRecord.ReadAt(_page, offset, start + offset) is not { } found) continue;
            if (TouchesBad(offset, (int)(found.Until - start) - offset)) continue;
            commit = found;
            return offset;
        }

        commit = default;
        return -1;
    }

    private bool TouchesBad(int offset, int bytes) =>
        _isBad.AsSpan(offset / AofDigests.BlockBytes, ((offset + bytes - 1) / AofDigests.BlockBytes) - (offset / AofDigests.BlockBytes) + 1)
            .Contains(true);

    private bool IsZeroFrom(long address)
    {
        var page = address - (address % AofFiles.PageBytes);
        _files.Read(page, _page);
        return _page.AsSpan((int)(address - page)).IndexOfAnyExcept((byte)0) < 0;
    }
}
