using DurableGateway.Cli;
using DurableGateway.Runs;
using DurableGateway.Tests.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Cli;

/// <summary><c>gateway store</c>, on the files of a store that is stopped.</summary>
public sealed class StoreCommandTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("durable-store-command-").FullName;
    private readonly List<NewRun> _runs = [];

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private string Log => Path.Combine(_directory, "AOF", "aof.log.0");

    [Fact]
    public async Task Check_OfAWholeStore_IsZero_AndChangesNothing()
    {
        await FillAsync();
        var before = Content();
        var (status, said, _) = await RunAsync("check");
        Assert.Equal(0, status);
        Assert.Contains(" records in ", said, StringComparison.Ordinal);
        Assert.Equal(before, Content());
    }

    [Fact]
    public async Task Check_OfNoStore_IsTwo() => Assert.Equal(2, (await RunAsync("check")).Status);

    [Theory]
    [InlineData(64, 64)]
    [InlineData(5_000, 64)]
    [InlineData(150_000, 40_000)]
    public async Task Salvage_KeepsWhatIsWhole_AndTheDamagedFile(int at, int count)
    {
        await FillAsync();
        await FlipAsync(at, count);
        var damaged = await File.ReadAllBytesAsync(Log);
        var (checkStatus, _, problem) = await RunAsync("check");
        Assert.Equal(1, checkStatus);
        Assert.Contains("is damaged", problem, StringComparison.Ordinal);

        var (status, said, wrong) = await RunAsync("salvage");
        Assert.True(status == 0, wrong);
        Assert.Contains("Lost ", said, StringComparison.Ordinal);
        var aside = Assert.Single(Directory.GetDirectories(_directory, "AOF.damaged-*"));
        Assert.Equal(damaged, await File.ReadAllBytesAsync(Path.Combine(aside, "aof.log.0")));
        Assert.Equal(0, (await RunAsync("check")).Status);

        // Twice: what is written after the salvage is there too.
        var added = new List<NewRun>();
        for (var i = 0; i < 2; i++)
        {
            await using var node = await OpenAsync();
            var there = 0;
            foreach (var run in _runs) there += await node.Store.GetStepsAsync(run.Id) is { Count: 1 } ? 1 : 0;
            Assert.InRange(there, _runs.Count / 2, _runs.Count);
            foreach (var run in added) Assert.Single((await node.Store.GetStepsAsync(run.Id))!);
            added.Add(await AddAsync(node));
        }
    }

    [Fact]
    public async Task Salvage_OfACutOffFile_KeepsWhatIsBeforeTheCut()
    {
        await FillAsync();
        using (var file = File.OpenWrite(Log)) file.SetLength(file.Length / 2);
        Assert.Equal(0, (await RunAsync("salvage")).Status);
        await using var node = await OpenAsync();
        Assert.Single((await node.Store.GetStepsAsync(_runs[0].Id))!);
    }

    [Fact]
    public async Task Salvage_OfAStoreThatLostItsCommits_KeepsAll()
    {
        await FillAsync();
        Directory.Delete(Path.Combine(_directory, "AOF", "log-commits"), recursive: true);
        Assert.Equal(0, (await RunAsync("salvage")).Status);
        await using var node = await OpenAsync();
        foreach (var run in _runs) Assert.Single((await node.Store.GetStepsAsync(run.Id))!);
    }

    [Fact]
    public async Task Salvage_OfALostFile_ChangesNothing()
    {
        await FillAsync();
        File.Delete(Log);
        var before = Content();
        Assert.Equal(1, (await RunAsync("salvage")).Status);
        Assert.Equal(before, Content());
    }

    /// <summary>As config/README.md has it: the generated key first beside a new one, then behind it, then out.</summary>
    [Fact]
    public async Task Key_IsTheOneWithWhichRotationBegins()
    {
        await FillAsync();
        var (status, said, wrong) = await RunAsync("key");
        Assert.True(status == 0, wrong);
        var old = Convert.FromBase64String(said.Trim());
        var fresh = new byte[old.Length];
        fresh.AsSpan().Fill(7);
        foreach (var keys in new[] { new[] { old, fresh }, [fresh, old] })
        {
            await using var node = await StoreNode.OpenAsync(StoreFixture.Settings(null, _directory) with { Keys = [.. keys] });
            foreach (var run in _runs) Assert.Single((await node.Store.GetStepsAsync(run.Id))!);
            _runs.Add(await AddAsync(node));
        }

        // What was written in the second step needs the new key alone.
        await using var last = await StoreNode.OpenAsync(StoreFixture.Settings(null, _directory) with { Keys = [fresh] });
        Assert.Single((await last.Store.GetStepsAsync(_runs[^1].Id))!);
    }

    private Task<StoreNode> OpenAsync() => StoreNode.OpenAsync(StoreFixture.Settings(null, _directory));

    private async Task FillAsync()
    {
        await using var node = await OpenAsync();
        for (var i = 0; i < 200; i++) _runs.Add(await AddAsync(node));
    }

    private static async Task<NewRun> AddAsync(StoreNode node)
    {
        var run = Make.Run();
        await node.Store.CreateRunningAsync(run, "owner", Make.Start);
        await node.Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a", new string('x', 1000)), 10);
        return run;
    }

    private async Task<(int Status, string Said, string Wrong)> RunAsync(string command)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var status = await StoreCommand.RunAsync([StoreCommand.Name, command, "--data", _directory], output, error);
        return (status, output.ToString(), error.ToString());
    }

    private string[] Content() =>
    [
        .. Directory.EnumerateFiles(_directory, "*", SearchOption.AllDirectories)
            .Where(path => Path.GetFileName(path) != "lock").Order(StringComparer.Ordinal)
            .Select(path => $"{path} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(path)))}"),
    ];

    private async Task FlipAsync(int at, int count)
    {
        var bytes = await File.ReadAllBytesAsync(Log);
        for (var i = at; i < at + count; i++) bytes[i] ^= 0xff;
        await File.WriteAllBytesAsync(Log, bytes);
    }
}
