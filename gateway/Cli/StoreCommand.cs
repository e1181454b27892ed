using System.CommandLine;
using System.Globalization;
using DurableGateway.Configuration;
using DurableGateway.Storage;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace DurableGateway.Cli;

/// <summary><c>gateway store check|salvage|key</c>: checks and repairs the files of an embedded store. Stop the gateway first.</summary>
internal static class StoreCommand
{
    public const string Name = "store";

    /// <returns>The exit status: 0 if the store is intact or repaired, 1 if it is damaged, 2 if it cannot be read or the command line
    /// is invalid.</returns>
    public static async Task<int> RunAsync(string[] args, TextWriter? output = null, TextWriter? error = null)
    {
        output ??= Console.Out;
        error ??= Console.Error;
        var parsed = Build(output, error).Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var wrong in parsed.Errors) await error.WriteLineAsync(wrong.Message);
            await error.WriteLineAsync("For help, run: gateway store --help");
            return 2;
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration
            {
                Output = output,
                Error = error,
                EnableDefaultExceptionHandler = false,
            });
        }
        catch (DamagedStoreException e)
        {
            await error.WriteLineAsync(e.Message);
            return 1;
        }
        catch (Exception e) when (e is ConfigurationException or IOException or UnauthorizedAccessException)
        {
            await error.WriteLineAsync(e.Message);
            return 2;
        }
    }

    private static RootCommand Build(TextWriter output, TextWriter error)
    {
        var data = new Option<string>("--data")
        {
            Description = "The directory of the store, the value of Durable:Store:DataDirectory.",
            DefaultValueFactory = _ => "data",
        };
        var check = new Command("check", "Reads the whole store and reports damage. Changes nothing.") { data };
        check.SetAction(parsed => CheckAsync(DirectoryOf(parsed.GetValue(data)!), output, error));
        var salvage = new Command("salvage", "Recovers the intact records of a damaged store. Keeps the damaged files.") { data };
        salvage.SetAction(parsed => SalvageAsync(DirectoryOf(parsed.GetValue(data)!), output, error));
        var key = new Command("key", "Prints the generated key of the store in base64, for Durable:Keys.") { data };
        key.SetAction(parsed => KeyAsync(DirectoryOf(parsed.GetValue(data)!), output, error));
        return new RootCommand
        {
            new Command(Name, "Checks and repairs an embedded store. Stop the gateway first.") { check, salvage, key }
        };
    }

    private static async Task<int> CheckAsync(string directory, TextWriter output, TextWriter error)
    {
        // EmbeddedServer.Lock would create the lock file, and a check changes nothing.
        var lockFile = Path.Combine(directory, "lock");
        using var exclusive = File.Exists(lockFile) ? new FileStream(lockFile, FileMode.Open, FileAccess.Read, FileShare.None) : null;
        var check = AofCheck.Read(AofFiles.Of(directory), AofDigests.Load(directory));
        await output.WriteLineAsync(Invariant($"{directory}: {check.Records} records in {check.End - check.Begin} bytes"));
        if (check.HasTornTail)
            await output.WriteLineAsync("A truncated write follows, which was never acknowledged. The next start drops it.");
        if (StoreIntegrity.Problem(directory, check) is not { } problem) return 0;
        await error.WriteLineAsync(problem);
        foreach (var gap in check.Gaps) await error.WriteLineAsync(Describe(gap));
        return 1;
    }

    private static async Task<int> SalvageAsync(string directory, TextWriter output, TextWriter error)
    {
        using var exclusive = EmbeddedServer.Lock(directory);
        if (AofSalvage.Resume(directory)) await output.WriteLineAsync("Completed an earlier salvage.");
        var check = AofCheck.Read(AofFiles.Of(directory), AofDigests.Load(directory));
        if (StoreIntegrity.Problem(directory, check) is null)
        {
            await output.WriteLineAsync(Invariant($"{directory}: not damaged; {check.Records} records. Nothing was changed."));
            return 0;
        }

        if (check.Records == 0)
        {
            await error.WriteLineAsync($"{directory}: no record is intact, so there is nothing to recover. Nothing was changed. "
                + "Restore a backup.");
            return 1;
        }

        var aside = AofSalvage.Run(directory, check, TimeProvider.System.GetUtcNow());
        await output.WriteLineAsync(
            Invariant($"{directory}: recovered {check.Records} records. Lost {check.Gaps.Sum(gap => gap.Bytes)} bytes:"));
        foreach (var gap in check.Gaps) await output.WriteLineAsync(Describe(gap));
        await output.WriteLineAsync($"The damaged files are in {aside}. Runs with lost records are gone, or lack steps "
            + "and execute them again.");
        return 0;
    }

    private static async Task<int> KeyAsync(string directory, TextWriter output, TextWriter error)
    {
        RedisValue key;
        using (var server = EmbeddedServer.Start(directory, NullLoggerFactory.Instance))
        {
            await using var connection = await ConnectionMultiplexer.ConnectAsync(server.ConnectionString);
            key = await connection.GetDatabase().HashGetAsync(StoreKeys.Meta, "key");
        }

        if (key.IsNull) key = StoreMarker.KeyOf(directory);

        if (key.IsNull)
        {
            await error.WriteLineAsync($"{directory}: the store has no generated key; it was created with Durable:Keys.");
            return 1;
        }

        await output.WriteLineAsync(Convert.ToBase64String((byte[])key!));
        return 0;
    }

    private static string DirectoryOf(string data)
    {
        var directory = Path.GetFullPath(data);
        return Directory.Exists(Path.Combine(directory, "AOF")) || StoreMarker.Exists(directory)
            || Directory.EnumerateDirectories(directory, "AOF.*").Any()
            ? directory
            : throw new ConfigurationException("--data", data, "holds no embedded store");
    }

    private static string Describe(AofGap gap) =>
        Invariant($"  aof.log.{gap.From / AofFiles.SegmentBytes}: {gap.Bytes} bytes from byte {gap.From % AofFiles.SegmentBytes}");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
