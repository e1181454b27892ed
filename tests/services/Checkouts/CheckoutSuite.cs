using System.Diagnostics;
using System.Globalization;

namespace DurableGateway.Services.Checkouts;

/// <summary>Unmodified programs, each with a checkout of three calls, without and with the egress listener.</summary>
internal static class CheckoutSuite
{
    public static string Usage => "dotnet run --project tests/services -- --checkouts <runs> [--seed n] "
        + $"[--only {string.Join(',', Shop.All.Select(shop => shop.Name))}]";

    /// <returns>The exit status.</returns>
    public static async Task<int> RunAsync(string[] args, bool required)
    {
        if (Parse(args) is not var (runs, seed, shops))
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }

        var watch = Stopwatch.StartNew();
        var tools = await Tools.PrepareAsync(shops.Any(shop => shop.NeedsNpm));
        int passed = 0, failed = 0, skipped = 0;
        Console.WriteLine($"seed {seed}, {runs} runs each");
        Print("", "killed", "in flight", "exact", "charges", "labels", "mails", "again", "by key", "s");
        foreach (var shop in shops)
        {
            if (tools.Missing(shop.Commands, shop.NeedsNpm) is { } missing)
            {
                Console.WriteLine($"{shop.Title,-48}skipped: {missing}");
                skipped++;
                if (required) failed++;
                continue;
            }

            foreach (var throughListener in new[] { false, true })
            {
                var isRight = await TryAsync(shop, tools, runs, throughListener, seed);
                (passed, failed) = isRight ? (passed + 1, failed) : (passed, failed + 1);
            }
        }

        Console.WriteLine($"{watch.Elapsed.TotalSeconds:0} s");
        Console.WriteLine($"checkouts: {passed} passed, {failed} failed, {skipped} skipped");
        return failed == 0 ? 0 : 1;
    }

    /// <returns>Whether the ledger is as it should be.</returns>
    private static async Task<bool> TryAsync(Shop shop, Tools tools, int runs, bool throughListener, int seed)
    {
        var watch = Stopwatch.StartNew();
        try
        {
            using var trial = await Trial.RunAsync(shop, tools, runs, throughListener, new Random(seed));
            Print(throughListener ? "  through the listener" : shop.Title, trial.Kills, trial.Struck, trial.Exact, trial.Charges,
                trial.Labels, trial.Mails, trial.Repeated, trial.Recognized, (int)watch.Elapsed.TotalSeconds);
            foreach (var failure in trial.Failures) Console.WriteLine($"  FAILED {shop.Name}: {failure}");

            // Without the listener, a trial in which nothing happens again shows nothing.
            return trial.Failures.Count == 0 && (throughListener ? trial.Exact == runs : trial.Repeated > 0);
        }
        catch (Exception e) when (e is InvalidOperationException or TimeoutException or IOException)
        {
            Console.WriteLine($"  FAILED {shop.Name}: {e.Message}");
            return false;
        }
    }

    private static void Print(string title, params object[] columns) =>
        Console.WriteLine($"{title,-48}{string.Concat(columns.Select(column => $"{column,10}"))}");

    private static (int Runs, int Seed, IReadOnlyList<Shop> Shops)? Parse(string[] args)
    {
        var (runs, seed, shops) = (0, Random.Shared.Next(1, 1_000_000), Shop.All);
        for (var i = 0; i < args.Length; i += 2)
        {
            if (i + 1 == args.Length) return null;
            var isNumber = int.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0;
            if (args[i] == "--checkouts" && isNumber) runs = number;
            else if (args[i] == "--seed" && isNumber) seed = number;
            else if (args[i] == "--only") shops = [.. Shop.All.Where(shop => args[i + 1].Split(',').Contains(shop.Name))];
            else return null;
        }

        return runs > 0 && shops.Count > 0 ? (runs, seed, shops) : null;
    }
}
