using System.Security.Cryptography;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>If files of the embedded store are damaged or missing, the store does not start, and does not change them.</summary>
public sealed class EmbeddedDamageTests : IDisposable
{
    private const int Runs = 200;

    private readonly string _directory = Directory.CreateTempSubdirectory("durable-damage-").FullName;
    private readonly List<NewRun> _runs = [];

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private string Log => Path.Combine(_directory, "AOF", "aof.log.0");

    [Theory]
    [InlineData(64)]
    [InlineData(400)]
    [InlineData(5_000)]
    [InlineData(60_001)]
    [InlineData(200_003)]
    public async Task BytesFlipped_IsRefused_AndNothingIsTouched(int at)
    {
        await FillAsync();
        await FlipAsync(Log, at, 64);
        var error = await AssertRefusedAsync();
        Assert.Contains(Log, error.Message, StringComparison.Ordinal);
        Assert.Contains("bytes of whole records lie behind the damage", error.Message, StringComparison.Ordinal);
        Assert.Contains("gateway store salvage", error.Message, StringComparison.Ordinal);
    }

    /// <summary>All lengths are still correct. Only a digest detects the damage.</summary>
    [Fact]
    public async Task OneBitOfAValueFlipped_IsRefused()
    {
        await FillAsync();
        var bytes = await File.ReadAllBytesAsync(Log);
        var at = 100_000;
        while (BitConverter.ToInt32(bytes, at) is >= 0 and < 100_000) at++;
        bytes[at] ^= 1;
        await File.WriteAllBytesAsync(Log, bytes);
        await AssertRefusedAsync();
    }

    [Theory]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(512)]
    [InlineData(32_768)]
    [InlineData(99_999)]
    public async Task CutOff_IsRefused(int length)
    {
        await FillAsync();
        using (var file = File.OpenWrite(Log)) file.SetLength(length);
        Assert.Contains("missing", (await AssertRefusedAsync()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("emptied")]
    [InlineData("deleted")]
    [InlineData("folder deleted")]
    public async Task FileLost_IsRefusedInItsOwnWords(string how)
    {
        await FillAsync();
        if (how == "emptied") await File.WriteAllBytesAsync(Log, []);
        else if (how == "deleted") File.Delete(Log);
        else Directory.Delete(Path.GetDirectoryName(Log)!, recursive: true);
        Assert.Contains("has lost its file", (await AssertRefusedAsync()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CommitsLost_IsRefused()
    {
        await FillAsync();
        Directory.Delete(Path.Combine(_directory, "AOF", "log-commits"), recursive: true);
        Assert.Contains("log-commits", (await AssertRefusedAsync()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TornTail_IsDropped_AlsoTwice()
    {
        await FillAsync();
        for (var i = 0; i < 2; i++)
        {
            // A killed process may leave this after the last commit: half a record, and no commit.
            var end = AofCheck.Read(AofFiles.Of(_directory), AofDigests.Load(_directory)).End;
            await using (var file = File.OpenWrite(Log))
            {
                file.Seek(end, SeekOrigin.Begin);
                await file.WriteAsync(BitConverter.GetBytes(90_000));
                await file.WriteAsync(RandomNumberGenerator.GetBytes(50_000));
            }

            await using var node = await OpenAsync();
            await AssertThereAsync(node);
            await AddAsync(node, 1);
        }

        await using var last = await OpenAsync();
        await AssertThereAsync(last);
    }

    [Fact]
    public async Task SeveralSegments_AreRead_AndDamageOfTheSecondIsRefused()
    {
        await FillAsync(1);
        await using (var node = await OpenAsync())
        {
            var value = RandomNumberGenerator.GetBytes(3 << 20);
            for (var i = 0; i < 35; i++) await node.Connection.ExecuteAsync(db => db.StringSetAsync($"big {i}", value));
        }

        await using (var node = await OpenAsync()) Assert.True(await node.Connection.ExecuteAsync(db => db.KeyExistsAsync("big 34")));
        await FlipAsync(Log[..^1] + "1", 10 << 20, 64);
        Assert.Contains("aof.log.1", (await AssertRefusedAsync()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Gateway_EndsWithTwo()
    {
        await FillAsync();
        await FlipAsync(Log, 1_000, 64);
        var (status, said) = await GatewayProcess.RunAsync("--upstream", "http://127.0.0.1:9",
            $"--Durable:Store:DataDirectory={_directory}");
        Assert.Equal(2, status);
        Assert.Contains("The embedded store is damaged", said, StringComparison.Ordinal);
    }

    private Task<StoreNode> OpenAsync() => StoreNode.OpenAsync(StoreFixture.Settings(null, _directory));

    private async Task FillAsync(int runs = Runs)
    {
        await using var node = await OpenAsync();
        await AddAsync(node, runs);
    }

    private async Task AddAsync(StoreNode node, int runs)
    {
        for (var i = 0; i < runs; i++)
        {
            var run = Make.Run();
            await node.Store.CreateRunningAsync(run, "owner", Make.Start);
            await node.Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a", Convert.ToHexString(RandomNumberGenerator.GetBytes(500))), 10);
            _runs.Add(run);
        }
    }

    private async Task AssertThereAsync(StoreNode node)
    {
        foreach (var run in _runs) Assert.Single((await node.Store.GetStepsAsync(run.Id))!);
    }

    private async Task<DamagedStoreException> AssertRefusedAsync()
    {
        var before = Content();
        var error = await Assert.ThrowsAsync<DamagedStoreException>(OpenAsync);
        Assert.Equal(before, Content());
        return error;
    }

    private string[] Content() =>
    [
        .. Directory.EnumerateFiles(_directory, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Select(path => $"{path} {Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path)))}"),
    ];

    private static async Task FlipAsync(string path, int at, int count)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
        var bytes = new byte[count];
        file.Seek(at, SeekOrigin.Begin);
        await file.ReadExactlyAsync(bytes);
        for (var i = 0; i < count; i++) bytes[i] ^= 0xff;
        file.Seek(at, SeekOrigin.Begin);
        await file.WriteAsync(bytes);
    }
}
