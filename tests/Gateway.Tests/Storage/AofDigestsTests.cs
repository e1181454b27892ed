using DurableGateway.Storage;

namespace DurableGateway.Tests.Storage;

/// <summary>The file of digests grows with the current log, and not with everything that was ever written.</summary>
[Trait("Category", "Unit")]
public sealed class AofDigestsTests : IDisposable
{
    private const long MiB = 1 << 20;
    private const int EntryBytes = 32;

    private readonly string _directory = Directory.CreateTempSubdirectory("durable-digests-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void LogWasCutOff_TheFileForgetsTheBlocksThatAreGone_AndGoesOn()
    {
        var files = AofFiles.Of(_directory);
        Directory.CreateDirectory(files.Folder);
        for (var at = 0L; at < 41 * MiB; at += AofFiles.SegmentBytes)
        {
            using var segment = File.Create(files.SegmentOf(at));
            segment.SetLength(AofFiles.SegmentBytes);
        }

        var digests = AofDigests.Load(_directory);
        digests.Begin(AofFiles.FirstAddress, 0);
        digests.Advance(files, AofFiles.FirstAddress, 40 * MiB);
        Assert.Equal(Entries(40 * MiB), Length());

        digests.Advance(files, 39 * MiB, 40 * MiB);
        Assert.Equal(Entries(1 * MiB), Length());
        digests.Advance(files, 39 * MiB, 41 * MiB);
        Assert.Equal(Entries(2 * MiB), Length());

        var known = AofDigests.Load(_directory);
        var (written, damaged) = (new byte[AofDigests.BlockBytes], new byte[AofDigests.BlockBytes]);
        damaged[7] = 1;
        Assert.Equal(41 * MiB, known.End);
        foreach (var address in new[] { 39 * MiB, (41 * MiB) - AofDigests.BlockBytes })
        {
            Assert.False(known.Differs(address / AofDigests.BlockBytes, written));
            Assert.True(known.Differs(address / AofDigests.BlockBytes, damaged));
        }

        Assert.False(known.Differs(0, damaged));
    }

    private static long Entries(long bytes) => bytes / AofDigests.BlockBytes * EntryBytes;

    private long Length() => new FileInfo(Path.Combine(_directory, AofDigests.FileName)).Length;
}
