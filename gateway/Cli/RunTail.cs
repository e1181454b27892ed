
namespace DurableGateway.Cli;

/// <summary>Follows the newest runs: polls the list and prints the runs that changed.</summary>
internal static class RunTail
{
    private const int Newest = 100;
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    public static async Task FollowAsync(
        AdminClient client, TextWriter output, string? state, string? route, bool json, CancellationToken stop)
    {
        var known = new Dictionary<string, string>(StringComparer.Ordinal);
        using var timer = new PeriodicTimer(Every);
        do
        {
            var page = await client.ListAsync(state, route, null, null, Newest, stop);
            var seen = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var run in page.GetProperty("runs").EnumerateArray().Reverse())
            {
                var id = run.GetProperty("id").GetString()!;
                var now = $"{RunTables.State(run)} {run.GetProperty("attempt").GetInt32()}";
                seen[id] = now;
                if (known.GetValueOrDefault(id) == now) continue;
                await output.WriteLineAsync(json ? run.GetRawText() : RunTables.Line(run));
                await output.FlushAsync(stop);
            }

            // Forget runs that are no longer among the newest.
            known = seen;
        }
        while (await timer.WaitForNextTickAsync(stop));
    }
}
