using System.Diagnostics;

namespace DurableGateway.Benchmarks;

/// <summary>The gateway of another commit: a work tree in a temporary folder, built there, and gone afterwards.</summary>
internal sealed class OtherCommit : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("durable-bench-commit-").FullName;
    private readonly string _repository;

    private OtherCommit(string repository, string commit)
    {
        _repository = repository;
        Build = new Build(Path.Combine(_directory, "gateway/bin/Release/net10.0/gateway.dll"), $" @{commit}");
    }

    public Build Build { get; }

    public static async Task<OtherCommit> BuildAsync(string commit)
    {
        var repository = await RunAsync("git", ["-C", AppContext.BaseDirectory, "rev-parse", "--show-toplevel"]);
        var name = await RunAsync("git", ["-C", repository, "rev-parse", "--short", $"{commit}^{{commit}}"]);
        var other = new OtherCommit(repository, name);
        try
        {
            Console.WriteLine($"builds the gateway of {name}");
            await RunAsync("git", ["-C", repository, "worktree", "add", "--quiet", "--force", "--detach", other._directory, name]);
            await RunAsync("dotnet", ["build", Path.Combine(other._directory, "gateway"), "-c", "Release", "-v", "q", "--nologo",
                "-p:RunAnalyzers=false"]);
            return other;
        }
        catch
        {
            await other.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Directory.Exists(_directory)) Directory.Delete(_directory, recursive: true);
        await RunAsync("git", ["-C", _repository, "worktree", "prune"]);
    }

    private static async Task<string> RunAsync(string program, string[] args)
    {
        using var process = Process.Start(new ProcessStartInfo(program, args) { RedirectStandardOutput = true })!;
        var said = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? said.Trim()
            : throw new InvalidOperationException($"{program} {string.Join(' ', args)} ended with {process.ExitCode}: {said}");
    }
}
