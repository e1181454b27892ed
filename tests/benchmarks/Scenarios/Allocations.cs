using System.Diagnostics;

namespace DurableGateway.Benchmarks;

/// <summary>What a request allocates in the gateway beyond what it allocates in YARP.</summary>
internal sealed class Allocations : IScenario
{
    private const int Rounds = 8;
    private const int Requests = 250;

    /// <summary>Debug code allocates more, which says nothing.</summary>
    public static bool CanMeasure { get; } = !typeof(Allocations).Assembly
        .GetCustomAttributes(typeof(DebuggableAttribute), false).Cast<DebuggableAttribute>().Any(debug => debug.IsJITOptimizerDisabled);

    public string Name => "allocations";
    public string Description => "bytes that a request allocates beyond YARP's own";

    public async Task RunAsync(Site site, Report report)
    {
        if (!CanMeasure)
        {
            report.Skip(Name, "this is a Debug build");
            return;
        }

        var yarp = await site.YarpAsync();
        var kinds = new (string Name, string Path, Call Call, string Target)[]
        {
            ("plain GET", "plain", new Call("GET", yarp.Url), ""),
            ("durable GET", "durable", new Call("GET", yarp.Url), "≤ 1,000"),
            ("durable POST", "durable", new Call("POST", yarp.Url, 1024), "≤ 1,500"),
        };
        foreach (var gateway in await site.GatewaysAsync(Site.NoRedis is null ? Store.EverySec : Store.Embedded))
        {
            foreach (var (name, route, call, target) in kinds)
            {
                var theirs = await MeasureAsync(call with { Url = new Uri(yarp.Url, "/x") }, yarp.Process);
                var ours = await MeasureAsync(call with { Url = gateway.On(route, "x") }, gateway.Process);
                report.Add(this, $"allocated: {name}, beyond YARP", gateway.Name, ours - theirs, "B", target);
            }
        }
    }

    /// <summary>The least of several rounds: what else a process does in the background only adds.</summary>
    private static async Task<double> MeasureAsync(Call call, ServerProcess process)
    {
        await Load.CountAsync(call, Rounds * Requests / 2);
        var least = double.MaxValue;
        for (var round = 0; round < Rounds; round++)
        {
            var before = await process.AllocatedAsync();
            await Load.CountAsync(call, Requests);
            least = Math.Min(least, (double)(await process.AllocatedAsync() - before) / Requests);
        }

        return least;
    }
}
